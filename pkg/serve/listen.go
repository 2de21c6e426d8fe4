package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"
)

// Listener accepts connections as its Spec says. Closing it removes its socket.
type Listener struct {
	net.Listener
	spec    Spec
	secrets *certificates // nil: no TLS
}

// Listen opens a listener. A unix socket that a process left behind is taken
// over; one that is answered on is an error. An error names the address and the
// key, and everything that is wrong, one problem per line.
func Listen(ctx context.Context, s Spec) (*Listener, error) {
	l := &Listener{spec: s}
	var tlsErr error
	if s.TLS != nil {
		l.secrets, tlsErr = newCertificates(s)
	}
	permitted, accessErr := s.access()
	if err := errors.Join(s.checkNetwork(), tlsErr, accessErr); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, s.problem("", err) // a name may be resolved without looking at the context
	}
	open := s.openTCP
	if s.Network == "unix" {
		open = func(ctx context.Context) (net.Listener, error) { return s.openUnix(ctx, permitted) }
	}
	plain, err := open(ctx)
	if err != nil {
		return nil, err
	}
	l.Listener = plain
	if l.secrets != nil {
		l.Listener = tls.NewListener(plain, &tls.Config{
			MinVersion: tls.VersionTLS12, GetConfigForClient: l.secrets.forClient, NextProtos: protocols(),
		})
	}
	return l, nil
}

// Reload reads the files of the TLS configuration now, where they changed. With
// an error, which OnError does not hear of any more, what was in use stays.
func (l *Listener) Reload() error {
	if l.secrets == nil {
		return nil
	}
	return l.secrets.reload()
}

func (s Spec) checkNetwork() error {
	switch {
	case s.Network != "tcp" && s.Network != "unix":
		return s.problem("type", fmt.Errorf("%q is neither \"tcp\" nor \"unix\"", s.Network))
	case s.Address == "":
		return s.problem("address", errors.New("nothing is given"))
	}
	return nil
}

func (s Spec) openTCP(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Address)
	if err != nil {
		return nil, s.problem("address", err)
	}
	return l, nil
}

// openUnix makes the socket. Until its mode is set it has the one of the
// process's mask, by which usually only the owner may connect.
func (s Spec) openUnix(ctx context.Context, a access) (net.Listener, error) {
	if err := takeOver(ctx, s.Address); err != nil {
		return nil, s.problem("address", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", s.Address)
	if err != nil {
		return nil, s.problem("address", err)
	}
	if err := s.permit(a); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (s Spec) permit(a access) error {
	if a.hasMode {
		if err := os.Chmod(s.Address, a.mode); err != nil {
			return s.problem("socket_mode", err)
		}
	}
	if a.uid < 0 && a.gid < 0 {
		return nil
	}
	if err := os.Lchown(s.Address, a.uid, a.gid); err != nil {
		return s.problem("socket_user, socket_group", err)
	}
	return nil
}

// answerTime is how long a process on the same machine may take to accept a
// connection; the kernel does so for it as long as it listens.
const answerTime = 2 * time.Second

// takeOver removes a socket that nobody answers on. Nothing but a socket is removed.
func takeOver(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("something that is not a socket lies there")
	}
	dialer := &net.Dialer{Timeout: answerTime}
	if c, err := dialer.DialContext(ctx, "unix", path); err == nil {
		return errors.Join(errors.New("another process answers there"), c.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take over the socket: %w", err)
	}
	return nil
}
