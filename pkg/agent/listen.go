package agent

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
	"github.com/vaultk8s/vaultk8s/pkg/serve"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// listenRetry is how soon a listener that a reload asked for, and that could not
// be had, is tried again.
const listenRetry = 10 * time.Second

// gate is the proxy behind all listeners, with what it was made from.
type gate struct {
	spec  gateSpec
	proxy *proxy.Proxy
}

type gateSpec struct {
	upstream   string // whose eyes requests are passed on with; "": only the agent's own endpoints are served
	useToken   string
	prepend    bool
	cache      bool
	prometheus bool
}

// listener is an address that the agent serves.
type listener struct {
	spec agentfile.Listener
	gate *gate
}

// newListeners makes what a document serves, or takes over what the plan before
// served already.
func (a *Agent) newListeners(p, before *plan) error {
	doc := p.document
	if len(doc.Listeners) == 0 {
		return nil
	}
	if err := a.newPlainClient(p, before); err != nil {
		return err
	}
	p.gate = a.newGate(gateSpec{
		upstream: p.passesOnTo(), useToken: doc.UseAutoAuthToken(),
		prepend: doc.APIProxy != nil && doc.APIProxy.PrependConfiguredNamespace, cache: doc.Cache != nil,
		prometheus: telemetry.ReadStanza(doc.Telemetry).Prometheus,
	}, before)
	for _, spec := range doc.Listeners {
		l := &listener{spec: spec, gate: p.gate}
		if i := slices.IndexFunc(before.listeners, l.same); i >= 0 {
			l = before.listeners[i]
		}
		p.listeners = append(p.listeners, l)
	}
	return nil
}

// same tells whether another listener would serve the same.
func (l *listener) same(other *listener) bool {
	return l.gate == other.gate && reflect.DeepEqual(l.spec, other.spec)
}

// newPlainClient makes the client of an agent that only passes requests on.
func (a *Agent) newPlainClient(p, before *plan) error {
	if p.main() != nil || p.handout != nil {
		return nil
	}
	if before.plain != nil && reflect.DeepEqual(before.config.Vault, p.config.Vault) {
		p.plain = before.plain
		return nil
	}
	client, err := vault.NewClient(p.config.Vault, clientOptions(a.o)...)
	p.plain = client
	return err
}

// passesOnTo names where requests of others go, so that a cache is never kept for
// another server or identity; "" where they are not passed on.
func (p *plan) passesOnTo() string {
	if !proxies(p.document) {
		return ""
	}
	v := p.config.Vault
	name := v.Address + " " + v.Namespace
	if l := p.main(); l != nil {
		name += fmt.Sprintf(" %+v", l.identity)
	}
	return name
}

// upstream is where the proxy sends requests.
func (p *plan) upstream() proxy.Upstream {
	switch {
	case p.main() != nil:
		return proxy.Upstream{Client: p.main().client, Session: p.main().session}
	case p.handout != nil:
		return proxy.Upstream{Client: p.handout.client}
	default:
		return proxy.Upstream{Client: p.plain}
	}
}

func (a *Agent) newGate(spec gateSpec, before *plan) *gate {
	if before.gate != nil && before.gate.spec == spec {
		return before.gate
	}
	m := a.o.Metrics
	o := proxy.Options{
		UseToken: spec.useToken, PrependNamespace: spec.prepend,
		Count: proxy.Counters{
			Success: m.ProxySuccess.Inc, ClientError: m.ProxyClientError.Inc, Error: m.ProxyError.Inc,
			CacheHit: m.CacheHit.Inc, CacheMiss: m.CacheMiss.Inc,
		},
		Agent: proxy.Endpoints{Metrics: telemetry.MetricsHandler(m, spec.prometheus), Quit: func() { a.stop(errFinished) }},
	}
	if spec.upstream != "" {
		o.Upstream = func() proxy.Upstream { return a.now().upstream() }
	}
	if spec.cache {
		o.Schedule = a.schedule
	}
	return &gate{spec: spec, proxy: proxy.New(o)}
}

// keepListeners serves the listeners of the plan until ctx ends. One that cannot
// be had at the start is an error; one that a reload asks for is tried again.
func (a *Agent) keepListeners(ctx context.Context) error {
	open := map[*listener]*opened{}
	defer func() {
		for o := range maps.Values(open) {
			o.close()
		}
	}()
	if err := a.openListeners(ctx, open); err != nil {
		return err
	}
	for {
		var retry <-chan time.Time
		if len(open) < len(a.now().listeners) {
			retry = time.After(listenRetry)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.listenerNews:
		case <-retry:
		}
		if err := a.openListeners(ctx, open); err != nil {
			a.log.Error("listener not served", fieldError(err))
		}
	}
}

// opened is a listener in use.
type opened struct {
	listener *serve.Listener
	close    func() // returns when nothing of it is left
}

// openListeners brings what is served in line with the plan.
func (a *Agent) openListeners(ctx context.Context, open map[*listener]*opened) error {
	want := a.now().listeners
	for l, o := range open {
		if !slices.Contains(want, l) {
			o.close()
			delete(open, l)
		}
	}
	for _, l := range want {
		if o := open[l]; o != nil {
			o.reload(a)
			continue
		}
		o, err := a.open(ctx, l)
		if err != nil {
			return err
		}
		open[l] = o
	}
	return nil
}

// reload reads the certificate anew; where it cannot be read, the old one stays.
func (o *opened) reload(a *Agent) {
	if err := o.listener.Reload(); err != nil {
		a.log.Error("certificate not reloaded", fieldError(err))
	}
}

func (a *Agent) open(ctx context.Context, l *listener) (*opened, error) {
	opening, err := serve.Listen(ctx, a.listenSpec(l.spec))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	handler := l.gate.proxy.Handler(proxy.ListenerOptions{
		RequireHeader: l.spec.RequireRequestHeader, MetricsOnly: l.spec.Role == "metrics_only", EnableQuit: l.spec.EnableQuit,
	})
	go func() {
		defer close(done)
		if err := serve.Serve(ctx, opening, handler); err != nil {
			a.log.Error("listener ended", fieldError(err))
		}
	}()
	a.log.Info("listening", slog.String(telemetry.FieldAddress, opening.Addr().String()))
	return &opened{listener: opening, close: func() { cancel(); <-done }}, nil
}

func (a *Agent) listenSpec(l agentfile.Listener) serve.Spec {
	s := serve.Spec{
		Network: l.Type, Address: l.Address, Socket: serve.Socket{Mode: l.SocketMode, User: l.SocketUser, Group: l.SocketGroup},
		OnError: func(err error) { a.log.Warn("listener", fieldError(err)) },
	}
	if !l.TLSDisable {
		s.TLS = &serve.TLS{
			CertFile: l.TLSCertFile, KeyFile: l.TLSKeyFile, MinVersion: l.TLSMinVersion, MaxVersion: l.TLSMaxVersion,
			CipherSuites: l.TLSCipherSuites, ClientCAFile: l.TLSClientCAFile,
			RequireClientCert: l.RequireClientCert, DisableClientCerts: l.DisableClientCerts,
		}
	}
	return s
}

// switchListeners has the listeners of another plan served. A proxy that is
// replaced gives up its cache.
func (a *Agent) switchListeners(next, before *plan) {
	if before.gate != nil && next.gate != before.gate {
		before.gate.proxy.Close()
	}
	select {
	case a.listenerNews <- struct{}{}:
	default: // a notice is there already
	}
}

// proxies tells whether requests of others are passed on by this document.
func proxies(doc *agentfile.Document) bool {
	return len(doc.Listeners) > 0 && (doc.Cache != nil || doc.APIProxy != nil)
}

// sharedConnections tells whether a list of subsystems names one that is in use:
// logins, templates and requests of others share their connections.
func sharedConnections(doc *agentfile.Document, subsystems []string) bool {
	own := slices.Contains(subsystems, "auto-auth") || slices.Contains(subsystems, "templating")
	others := slices.Contains(subsystems, "caching") || slices.Contains(subsystems, "proxying")
	return own || (others && proxies(doc))
}
