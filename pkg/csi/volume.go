package csi

import (
	"cmp"
	"crypto/sha256"
	"sync"
	"time"

	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// volume is one mounted volume of a pod. It watches the secrets of its class as
// long as the pod lives, so that they stay fresh and its leases alive.
//
// Turn is held through a whole call, and what belongs to its holder may be read
// by it alone. Nobody changes anything without the provider's mu, under which
// other goroutines see and end volumes.
type volume struct {
	provider *Provider
	turn     sync.Mutex
	wake     chan struct{} // a secret or a login changed

	target string
	class  string
	pod    pod
	tokens map[string]podToken
	seen   time.Time // last call of the driver
	calls  int       // that were answered with files
	gone   bool
	logins map[*login]int // failed attempts before the call under way

	raw       [sha256.Size]byte // of the newest call, tokens included
	request   *request
	main      *login             // of the class
	needs     []need             // of the objects, in their order
	watches   map[need]*interest // of objects and templates
	delivered *delivery          // nil: not yet
}

// need is a secret under an identity.
type need struct {
	login *login
	query secret.Query
}

// interest is a watch, and how many failures it had before the call under way.
type interest struct {
	*secret.Watch
	failuresBefore int
}

// delivery is what the driver was given last.
type delivery struct {
	request  *request
	response *pb.MountResponse
	versions map[need]uint64 // of the secrets that it was made of
	key      uint64          // of the object versions, by its generation
}

// notify wakes a call that waits. It never blocks.
func (v *volume) notify() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// adopt takes a request over: its logins and watches, besides those of the
// request before, which drop ends when the new one is delivered.
func (v *volume) adopt(q *request) error {
	p := v.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	if v.gone {
		return errGone
	}
	// A rotation of the driver before 1.6 does not name the class.
	v.class, v.pod, v.tokens = cmp.Or(q.class, v.class), q.pod, q.tokens
	main, err := v.loginOf(q, nil)
	if err != nil {
		return err
	}
	needs := make([]need, len(q.objects))
	for i := range q.objects {
		l, err := v.loginOf(q, &q.objects[i])
		if err != nil {
			return err
		}
		needs[i] = need{l, v.query(q, &q.objects[i])}
	}
	v.request, v.main, v.needs = q, main, needs
	for _, n := range needs {
		v.watch(n)
	}
	return nil
}

// loginOf returns the login of an object, with nil that of the class. The caller
// holds mu.
func (v *volume) loginOf(q *request, o *object) (*login, error) {
	spec, err := q.spec(o, v.provider.o.CSI.AllowNodeIdentity)
	if err != nil {
		return nil, &badRequest{[]error{err}}
	}
	l, failures, err := v.provider.login(spec, v)
	if err != nil {
		return nil, err
	}
	if _, known := v.logins[l]; !known {
		v.logins[l] = failures
	}
	return l, nil
}

// query is what an object asks, with what the class says of it.
func (v *volume) query(q *request, o *object) secret.Query {
	query := o.query().Every(o.refresh(q.refresh, v.provider.o.CSI.RefreshInterval))
	if o.alone() {
		return query.Apart(v.target)
	}
	return query
}

// watch opens an interest in a secret, unless there is one. The caller holds mu.
func (v *volume) watch(n need) {
	if v.watches[n] != nil || v.gone {
		return
	}
	w := v.provider.store.Watch(n.login.id, n.query, v.notify)
	v.watches[n] = &interest{Watch: w, failuresBefore: w.State().Failures}
}

// drop ends the interests that the newest delivery does not need. The caller
// holds mu.
func (v *volume) drop(used map[need]uint64) {
	logins := map[*login]bool{v.main: true}
	for n, w := range v.watches {
		if _, ok := used[n]; !ok {
			w.Close()
			delete(v.watches, n)
			continue
		}
		logins[n.login] = true
	}
	for l := range v.logins {
		if !logins[l] {
			l.release(v)
			delete(v.logins, l)
		}
	}
}

// close ends a volume. What it held is revoked after a while, unless others use
// it too. It changes no map, because a call may be under way. The caller holds mu.
func (v *volume) close() {
	if v.gone {
		return
	}
	v.gone = true
	for _, w := range v.watches {
		w.Close()
	}
	for l := range v.logins {
		l.release(v)
	}
	v.notify()
}

// refreshTokens hands the tokens of a call to the logins.
func (v *volume) refreshTokens(tokens map[string]podToken) {
	p := v.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	v.tokens = tokens
	for l := range v.logins {
		l.offer(v)
	}
}

// source answers the templates of a class, which all see with the class's login.
// What they ask goes into used.
func (v *volume) source(states map[need]secret.State, used map[need]uint64) render.Source {
	return render.SourceFunc(func(q secret.Query) *secret.State {
		n := need{v.main, q.Every(v.refresh())}
		if q.Op != secret.Read && q.Op != secret.List {
			n.query = q.Every(never)
		}
		state := states[n]
		used[n] = state.Version
		return &state
	})
}

func (v *volume) refresh() time.Duration {
	if v.request.refresh > 0 {
		return v.request.refresh
	}
	return v.provider.o.CSI.RefreshInterval
}

// unchanged tells whether the newest delivery still is what would be made now.
func (v *volume) unchanged(key uint64) bool {
	d := v.delivered
	if d == nil || d.key != key || d.request != v.request {
		return false
	}
	for n, version := range d.versions {
		w := v.watches[n]
		if w == nil || w.State().Version != version {
			return false
		}
	}
	return true
}
