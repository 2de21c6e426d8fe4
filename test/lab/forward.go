package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// dialer is how one side of a [forwarder] is reached.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// forwarder passes connections from a listener on. It owns a goroutine for the
// listener and two for each connection, and stop waits for them.
type forwarder struct {
	listener net.Listener
	address  string // that connections are passed on to
	dial     dialer
	ctx      context.Context // ends with stop
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

func forward(l net.Listener, dial dialer, address string) *forwarder {
	f := &forwarder{listener: l, address: address, dial: dial}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.tasks.Go(f.accept)
	return f
}

func (f *forwarder) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.tasks.Go(func() { f.pass(conn) })
	}
}

// pass closes the connection when nobody listens at the other end, as a server that
// is down would.
func (f *forwarder) pass(near net.Conn) {
	defer near.Close()
	far, err := f.dial(f.ctx, "tcp", f.address)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(f.ctx, func() { _ = errors.Join(near.Close(), far.Close()) })()
	var back sync.WaitGroup
	back.Go(func() { copyHalf(near, far) })
	copyHalf(far, near)
	back.Wait()
}

// copyHalf passes on the end of a stream as well, for the other direction may go on.
func copyHalf(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func (f *forwarder) stop() {
	f.cancel()
	_ = f.listener.Close()
	f.tasks.Wait()
}
