package csi

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Options is what a provider is made of.
type Options struct {
	CSI     config.CSI
	Vault   config.Vault // where a class says nothing
	Log     *slog.Logger
	Metrics *telemetry.Metrics
	Version string // of this program
	Kube    *Kube  // nil: outside a cluster

	Transport http.RoundTripper // to Vault, in place of the network; nil: the network
	Rand      lease.Rand        // nil: math/rand/v2
}

// readsAtOnce bounds the requests to Vault for secrets; logins have a bound of
// their own.
const readsAtOnce = 16

// Provider answers the driver. It is a gRPC server of its own; Run serves it.
type Provider struct {
	o        Options
	rand     lease.Rand
	log      *slog.Logger
	metrics  *telemetry.CSI
	reader   reader
	schedule *lease.Schedule
	store    *secret.Store
	limits   *vault.Limits
	gate     gate
	key      versionKey
	objects  kubernetesObjects
	events   *eventQueue

	mu          sync.Mutex
	volumes     map[string]*volume // by target path
	logins      map[secret.Identity]*login
	connections map[settingsSum]*connection // by their settings
	failing     map[string]failure          // by target path
	credentials string                      // folder of files; "": none yet
	serving     bool                        // the sockets are open
}

// New makes a provider. It starts nothing.
func New(o Options) *Provider {
	p := &Provider{
		o: o, rand: o.Rand, log: o.Log,
		reader:   reader{vault: o.Vault, csi: o.CSI},
		schedule: lease.NewSchedule(readsAtOnce),
		limits:   vault.NewLimits(),
		gate:     make(gate, loginsAtOnce),
		objects:  kubernetesObjects{kube: o.Kube},
		volumes:  map[string]*volume{},
		logins:   map[secret.Identity]*login{},
		failing:  map[string]failure{},

		connections: map[settingsSum]*connection{},
	}
	if p.rand == nil {
		p.rand = rand.Float64
	}
	p.metrics = o.Metrics.AddCSI(p.state)
	p.events = newEventQueue(o)
	p.store = secret.NewStore(p.schedule, secret.Options{Rand: o.Rand, Observe: p.observe})
	return p
}

// volumeAt returns the volume at a target path, a new one where there is none.
func (p *Provider) volumeAt(target string) *volume {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.volumes[target]
	if v == nil {
		v = &volume{provider: p, target: target, wake: make(chan struct{}, 1), logins: map[*login]int{}, watches: map[need]*interest{}}
		p.volumes[target] = v
	}
	v.seen = time.Now()
	return v
}

// failure is what is known of the calls for a target path that failed in a row.
type failure struct {
	calls int
	last  time.Time
}

// succeeded notes a call that was answered.
func (v *volume) succeeded() {
	p := v.provider
	p.mu.Lock()
	v.calls++
	v.seen = time.Now()
	before := p.failing[v.target].calls
	delete(p.failing, v.target)
	p.mu.Unlock()
	if v.stale() {
		p.metrics.Stale.Inc()
	}
	if before > 0 {
		p.log.Info("mount succeeds again", v.attrs()...)
	}
}

// stale tells whether Vault did not confirm something that a volume has.
func (v *volume) stale() bool {
	for n := range v.delivered.versions {
		if w := v.watches[n]; w != nil && w.State().Err != nil {
			return true
		}
	}
	return false
}

// failed notes a call that failed, and ends a volume that has never had files. The
// driver asks again; what was read until then is kept for a while.
func (v *volume) failed(err error) error {
	p := v.provider
	p.mu.Lock()
	f := p.failing[v.target]
	f.calls++
	f.last = time.Now()
	p.failing[v.target] = f
	p.mu.Unlock()
	p.logFailure(v, f.calls, err)
	if !v.mounted() {
		p.forget(v, "")
	}
	return err
}

// forget ends a volume, and says why in the log, unless there is nothing to say.
func (p *Provider) forget(v *volume, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if why != "" {
		p.log.Info(why, v.attrs()...)
	}
	v.close()
	if p.volumes[v.target] == v {
		delete(p.volumes, v.target)
	}
}

// state counts what there is. Degraded are logins that Vault does not let in or
// does not answer; the pods that use them have what was delivered last.
func (p *Provider) state() telemetry.CSIState {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := telemetry.CSIState{Volumes: len(p.volumes), Logins: len(p.logins)}
	for _, l := range p.logins {
		if l.degraded() {
			n.Degraded++
		}
	}
	return n
}

// degraded tells whether a login or anything that is read with it fails.
func (l *login) degraded() bool {
	return l.session.State().Err != nil || slices.ContainsFunc(l.provider.store.States(l.id), func(s secret.State) bool { return s.Err != nil })
}

// credentialsDir returns the folder of files of credentials, which only this
// program may read. The caller holds mu.
func (p *Provider) credentialsDir() (string, error) {
	if p.credentials != "" {
		return p.credentials, nil
	}
	dir, err := os.MkdirTemp("", "vaultk8s-csi-")
	p.credentials = dir
	return dir, err
}

// removeCredentials removes that folder at the end of the program.
func (p *Provider) removeCredentials() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.credentials == "" {
		return nil
	}
	return os.RemoveAll(p.credentials)
}

// errNotServing is the readiness before the sockets are open.
var errNotServing = errors.New("the sockets are not open yet")
