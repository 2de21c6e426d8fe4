// Package serve listens and answers: TCP addresses and unix sockets, plain or
// with TLS whose certificate is replaced while it is in use. It knows nothing
// of what it serves.
//
// Most callers need two functions: [Listen] makes a [Listener] of a [Spec], and
// [Serve] answers HTTP requests on it until its context ends.
//
//	l, err := serve.Listen(ctx, serve.Spec{Network: "tcp", Address: "127.0.0.1:8200"})
//	if err != nil {
//		return err
//	}
//	return serve.Serve(ctx, l, handler)
package serve

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
)

// Spec describes one listener. Errors call its fields by the keys that stand for
// them in an agent document.
type Spec struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or the path of a socket
	TLS     *TLS   // nil: none
	Socket  Socket // of a unix socket

	// OnError hears of what goes wrong while the listener is in use: a new
	// certificate that cannot be read (the old one stays), a failed handshake, a
	// handler that panicked. It may be called from several goroutines. nil: nobody
	// hears of it.
	OnError func(error)
}

// TLS says how a listener speaks TLS.
type TLS struct {
	CertFile     string   // tls_cert_file: PEM, the chain after the certificate
	KeyFile      string   // tls_key_file: PEM
	MinVersion   string   // tls_min_version: tls10, tls11, tls12 or tls13; "" stands for tls12
	MaxVersion   string   // tls_max_version; "" for none
	CipherSuites []string // tls_cipher_suites, as IANA names them, up to TLS 1.2; none: Go's choice
	ClientCAFile string   // tls_client_ca_file: PEM; of RequireClientCert, "" takes the CAs of the system

	RequireClientCert  bool // tls_require_and_verify_client_cert
	DisableClientCerts bool // tls_disable_client_certs: do not ask for one, which is so without RequireClientCert

	// Certificate takes the place of the two files: it is asked at each handshake.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Socket says who may use a unix socket. Empty fields leave what the system makes.
type Socket struct {
	Mode  string // socket_mode: octal
	User  string // socket_user: name or number
	Group string // socket_group: name or number
}

// problem names a listener and, where one is to blame, the key of its description.
func (s Spec) problem(key string, err error) error {
	if key != "" {
		return fmt.Errorf("listener %q: %s: %w", s.Address, key, err)
	}
	return fmt.Errorf("listener %q: %w", s.Address, err)
}

func (s Spec) report(err error) {
	if s.OnError != nil && err != nil {
		s.OnError(err)
	}
}

// access is a Socket as the system knows it; -1 leaves user or group.
type access struct {
	mode     fs.FileMode
	hasMode  bool
	uid, gid int
}

// access reads what the description says of a socket.
func (s Spec) access() (access, error) {
	a := access{uid: -1, gid: -1}
	var problems []error
	note := func(key string, err error) {
		if err != nil {
			problems = append(problems, s.problem(key, err))
		}
	}
	var err error
	if s.Socket.Mode != "" {
		a.mode, err = socketMode(s.Socket.Mode)
		a.hasMode = true
		note("socket_mode", err)
	}
	a.uid, err = number(s.Socket.User, func(name string) (string, error) {
		found, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return found.Uid, nil
	})
	note("socket_user", err)
	a.gid, err = number(s.Socket.Group, func(name string) (string, error) {
		found, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return found.Gid, nil
	})
	note("socket_group", err)
	return a, errors.Join(problems...)
}

// socketMode reads permissions: three octal digits, with or without a zero before.
func socketMode(text string) (fs.FileMode, error) {
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil || bits > 0o777 {
		return 0, fmt.Errorf("%q is not an octal mode such as \"0600\"", text)
	}
	return fs.FileMode(bits), nil
}

// number returns an id, or looks a name up; -1 for none.
func number(name string, lookup func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	if id, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(id), nil
	}
	text, err := lookup(name)
	if err != nil {
		return -1, fmt.Errorf("nobody is called %q here, and it is no number", name)
	}
	id, err := strconv.Atoi(text)
	if err != nil {
		return -1, fmt.Errorf("%q has the id %q, which is no number", name, text)
	}
	return id, nil
}
