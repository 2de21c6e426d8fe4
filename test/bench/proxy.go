package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

// kind is what a request to Vault is for.
type kind string

const (
	login  kind = "login"
	lookUp kind = "mount look-up"
	read   kind = "read"
	renew  kind = "renew"
	other  kind = "other"
)

// kinds lists all of them, in the order of the table.
func kinds() []kind { return []kind{login, lookUp, read, renew, other} }

// classify tells what a request is for.
func classify(method, path string) kind {
	path = strings.TrimPrefix(path, "/v1/")
	switch {
	case strings.HasPrefix(path, "auth/") && strings.HasSuffix(path, "/login"):
		return login
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		return lookUp
	case strings.HasPrefix(path, "sys/leases/renew"), path == "auth/token/renew-self", path == "auth/token/renew":
		return renew
	case method == http.MethodGet && !strings.HasPrefix(path, "sys/") && !strings.HasPrefix(path, "auth/"):
		return read
	default:
		return other
	}
}

// proxy stands before Vault and counts what passes.
type proxy struct {
	address string
	server  *http.Server
	vault   *http.Transport
	served  chan struct{} // closed when the server has ended
	mu      sync.Mutex
	counts  map[kind]int
	others  map[string]int // what was of the kind other
	newest  time.Time
	cut     bool          // nothing passes
	seconds map[int64]int // logins and reads that came in each, by Unix time
}

func startProxy(ctx context.Context, target string) (*proxy, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	p := &proxy{address: "http://" + l.Addr().String(), served: make(chan struct{}), counts: map[kind]int{}, others: map[string]int{}, seconds: map[int64]int{}}
	p.vault = &http.Transport{}
	forward := &httputil.ReverseProxy{Transport: p.vault, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	p.server = &http.Server{ReadHeaderTimeout: attendant.Grace, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.count(r) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"errors":["Vault is sealed"]}`))
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(l) // it ends by close
	}()
	return p, nil
}

// count counts a request, and tells whether it is not to pass.
func (p *proxy) count(r *http.Request) bool {
	k := classify(r.Method, r.URL.Path)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[k]++
	p.newest = time.Now()
	if k == login || k == read {
		p.seconds[p.newest.Unix()]++
	}
	if k == other {
		p.others[r.Method+" "+r.URL.Path]++
	}
	return p.cut
}

// fail lets nothing pass, or everything again.
func (p *proxy) fail(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	clear(p.seconds)
}

// busiest returns how many logins and reads came in one second, at most, since fail.
func (p *proxy) busiest() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := 0
	for _, n := range p.seconds {
		most = max(most, n)
	}
	return most
}

// quiet tells whether nothing has passed for a while.
func (p *proxy) quiet(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.newest) >= d
}

// take returns the counts.
func (p *proxy) take() (counts map[kind]int, others map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts), maps.Clone(p.others)
}

func (p *proxy) close() error {
	err := p.server.Close()
	<-p.served
	p.vault.CloseIdleConnections()
	return err
}
