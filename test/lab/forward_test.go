package lab

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
)

func listenHere(t *testing.T) net.Listener {
	t.Helper()
	var conf net.ListenConfig
	l, err := conf.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dialHere(t *testing.T, address string) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestForward sends a line and the end of the stream, and reads the answer that comes
// after that.
func TestForward(t *testing.T) {
	server := listenHere(t)
	defer server.Close()
	go func() {
		conn, err := server.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		all, _ := io.ReadAll(conn)
		_, _ = conn.Write(append([]byte("got "), all...))
	}()
	var d net.Dialer
	f := forward(listenHere(t), d.DialContext, server.Addr().String())
	defer f.stop()
	conn, ok := dialHere(t, f.listener.Addr().String()).(*net.TCPConn)
	if !ok {
		t.Fatal("no TCP connection")
	}
	defer conn.Close()
	_, err := io.WriteString(conn, "hello")
	if err := errors.Join(err, conn.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "got hello" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestForwardToNobody is what a server that is down looks like.
func TestForwardToNobody(t *testing.T) {
	f := forward(listenHere(t), func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("down") }, "nobody:1")
	defer f.stop()
	conn := dialHere(t, f.listener.Addr().String())
	defer conn.Close()
	if _, err := bufio.NewReader(conn).ReadByte(); err == nil {
		t.Error("somebody answered")
	}
}

// TestForwardStops while a connection is open that nobody uses; goleak sees what stays.
func TestForwardStops(t *testing.T) {
	server := listenHere(t)
	defer server.Close()
	var d net.Dialer
	f := forward(listenHere(t), d.DialContext, server.Addr().String())
	near := dialHere(t, f.listener.Addr().String())
	defer near.Close()
	far, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	f.stop()
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open after the end")
	}
}
