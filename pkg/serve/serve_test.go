package serve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/serve"
)

// piped is a network inside the test process, so that its time may be virtual.
type piped struct {
	conns chan net.Conn
	ended chan struct{}
}

func newPiped() *piped { return &piped{conns: make(chan net.Conn), ended: make(chan struct{})} }

// Accept implements net.Listener.
func (p *piped) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *piped) Close() error {
	close(p.ended)
	return nil
}

// Addr implements net.Listener.
func (p *piped) Addr() net.Addr { return &net.UnixAddr{Name: "piped", Net: "unix"} }

// connect opens a connection and sends a text on it.
func (p *piped) connect(t *testing.T, text string) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	p.conns <- theirs
	go func() { _, _ = io.WriteString(ours, text) }()
	return ours
}

// inBubble serves a handler over pipes. The function ends it and tells how long
// that took and what Serve returned.
func inBubble(t *testing.T, h http.Handler) (*piped, func() (time.Duration, error)) {
	t.Helper()
	network := newPiped()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve.Serve(ctx, &serve.Listener{Listener: network}, h) }()
	return network, func() (time.Duration, error) {
		begun := time.Now()
		cancel()
		err := <-done
		return time.Since(begun), err
	}
}

const request = "GET / HTTP/1.1\r\nHost: agent\r\n\r\n"

func TestServeDrains(t *testing.T) {
	cases := map[string]struct {
		reason string
		work   time.Duration
		took   time.Duration
		answer string // "": it was cut off
	}{
		"at rest":     {"nothing is under way", 0, 0, "-"},
		"quick":       {"a request under way is answered", 3 * time.Second, 3 * time.Second, "done"},
		"without end": {"a stream is cut off", time.Hour, serve.DrainTime, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, stop := inBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(tc.work):
						_, _ = io.WriteString(w, "done")
					case <-r.Context().Done():
					}
				}))
				answer := make(chan string, 1)
				answer <- "-"
				if tc.work > 0 {
					<-answer
					c := network.connect(t, request)
					defer func() { _ = c.Close() }()
					go func() { answer <- body(c) }()
				}
				synctest.Wait()
				took, err := stop()
				// The server looks at growing intervals of up to half a second whether all is done.
				if err != nil || took < tc.took || took > tc.took+time.Second {
					t.Errorf("%s: the end took %v, want %v; error %v", tc.reason, took, tc.took, err)
				}
				if got := <-answer; got != tc.answer {
					t.Errorf("%s: answer %q, want %q", tc.reason, got, tc.answer)
				}
			})
		})
	}
}

// body reads an answer; "" where there is none.
func body(c net.Conn) string {
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(answer.Body)
	return string(text)
}

func TestServeDoesNotWaitForSlowClients(t *testing.T) {
	cases := map[string]struct {
		sent string
		want time.Duration
	}{
		"header that does not end": {"GET / HTTP/1.1\r\nHost: ag", 10 * time.Second},
		"body that does not come":  {"POST / HTTP/1.1\r\nHost: agent\r\nContent-Length: 10\r\n\r\n", 30 * time.Second},
		"no further request":       {request, 5 * time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, stop := inBubble(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(w, "ok")
				}))
				begun := time.Now()
				c := network.connect(t, tc.sent)
				_, _ = io.Copy(io.Discard, c) // to its end
				if took := time.Since(begun); took != tc.want {
					t.Errorf("the connection ended after %v, want %v", took, tc.want)
				}
				_ = c.Close()
				if _, err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestServeReportsWhatGoesWrong(t *testing.T) {
	var heard complaints
	l := listen(t, serve.Spec{Network: "tcp", Address: "127.0.0.1:0", OnError: heard.add})
	stop := run(t, l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
	if _, err := get(t, to(l), nil); err == nil {
		t.Error("a handler that panics answered")
	}
	must(t, stop())
	all := heard.all()
	if len(all) != 1 || !strings.HasPrefix(all[0], `listener "127.0.0.1:0": http: panic serving `) {
		t.Errorf("heard %q", all)
	}
}

func TestServeTellsWhyItCannotGoOn(t *testing.T) {
	l := listen(t, serve.Spec{Network: "tcp", Address: "127.0.0.1:0"})
	must(t, l.Close())
	err := serve.Serve(t.Context(), l, hello)
	if want := fmt.Sprintf(`listener "127.0.0.1:0": accept tcp %s: use of closed network connection`, l.Addr()); message(err) != want || !errors.Is(err, net.ErrClosed) {
		t.Errorf("error\ngot  %v\nwant %s", err, want)
	}
}
