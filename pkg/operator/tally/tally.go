package tally

import (
	"context"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// Tally has the numbers of the objects of a process. There is one entry of an object,
// however many reconcilers have looked at it, as a scrape must not name it twice.
type Tally struct {
	metrics *telemetry.Operator

	mu  sync.Mutex
	all map[id]*entry
}

// id names an object of any kind.
type id struct {
	kind string
	name types.NamespacedName
}

// entry is what is known of an object.
type entry struct {
	owner *Kind
	stat  telemetry.ObjectStat
	read  func() time.Time // nil: stat.Synced counts
}

// New makes a tally that also counts writes in metrics, nil for none.
func New(metrics *telemetry.Operator) *Tally { return &Tally{metrics: metrics, all: map[id]*entry{}} }

// Objects tells what is known of every object, in no order.
func (t *Tally) Objects() []telemetry.ObjectStat {
	t.mu.Lock()
	stats := make([]telemetry.ObjectStat, 0, len(t.all))
	reads := map[int]func() time.Time{}
	for _, e := range t.all {
		if e.read != nil && !e.stat.Synced.IsZero() {
			reads[len(stats)] = e.read
		}
		stats = append(stats, e.stat)
	}
	t.mu.Unlock()
	for i, read := range reads {
		stats[i].Synced = read()
	}
	return stats
}

// Kind has the objects of one kind that one reconciler looks at.
type Kind struct {
	t          *Tally
	name       string
	controller string
	plain      bool
	closed     bool // guarded by t.mu
}

// Kind begins with a kind, by its name in the API.
func (t *Tally) Kind(name string) *Kind {
	return &Kind{t: t, name: name, controller: strings.ToLower(name)}
}

// Plain begins with a kind that writes nothing but statuses: only the health of its
// objects is told.
func (t *Tally) Plain(name string) *Kind {
	k := t.Kind(name)
	k.plain = true
	return k
}

// Start lets go all objects when ctx ends. It implements manager.Runnable.
func (k *Kind) Start(ctx context.Context) error {
	<-ctx.Done()
	k.t.mu.Lock()
	defer k.t.mu.Unlock()
	k.closed = true
	for at, e := range k.t.all {
		if e.owner == k {
			delete(k.t.all, at)
		}
	}
	return nil
}

// Forget lets go an object that is deleted.
func (k *Kind) Forget(name types.NamespacedName) {
	k.t.mu.Lock()
	defer k.t.mu.Unlock()
	if at := (id{k.name, name}); k.t.all[at] != nil && k.t.all[at].owner == k {
		delete(k.t.all, at)
	}
}

// Visit is the end of one look at an object.
type Visit struct {
	Done    bool             // the object is as its spec says
	Failed  bool             // the look ended in an error
	Expires time.Time        // end of what was written; zero: it has none
	Read    func() time.Time // when that was read which is compared without a look; nil: at each look. It must not block
}

// Visited counts a look.
func (k *Kind) Visited(name types.NamespacedName, v Visit) {
	k.change(name, func(e *entry) {
		e.stat.Looked, e.stat.Healthy, e.stat.Expires, e.read = true, v.Done, v.Expires, v.Read
		if v.Done {
			e.stat.Synced = time.Now()
		}
		if v.Failed {
			e.stat.Failures++
		}
	})
}

// Wrote counts a write of what an object is for, or an attempt that failed.
func (k *Kind) Wrote(name types.NamespacedName, err error) {
	if err == nil {
		k.change(name, func(e *entry) { e.stat.Syncs++ })
	}
	if m := k.t.metrics; m != nil {
		m.SecretWrites.WithLabelValues(k.name, telemetry.Outcome(err)).Inc()
	}
}

// WroteStatus counts a write of a status.
func (k *Kind) WroteStatus() {
	if m := k.t.metrics; m != nil {
		m.StatusWrites.WithLabelValues(k.name).Inc()
	}
}

// Restarted counts a restart of workloads for an object, or an attempt that failed.
func (k *Kind) Restarted(err error) {
	if m := k.t.metrics; m != nil {
		m.Restarts.WithLabelValues(telemetry.Outcome(err)).Inc()
	}
}

// change edits the entry of an object, a new one where this reconciler has none. After
// the end nothing is counted: another process may do so already.
func (k *Kind) change(name types.NamespacedName, edit func(*entry)) {
	k.t.mu.Lock()
	defer k.t.mu.Unlock()
	if k.closed {
		return
	}
	at := id{k.name, name}
	e := k.t.all[at]
	if e == nil || e.owner != k {
		e = &entry{owner: k, stat: telemetry.ObjectStat{
			Kind: k.name, Controller: k.controller, Namespace: name.Namespace, Name: name.Name, Plain: k.plain,
		}}
		k.t.all[at] = e
	}
	edit(e)
}
