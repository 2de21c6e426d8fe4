package tally

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}

// sorted are the objects in the order of their names.
func (t *Tally) sorted() []telemetry.ObjectStat {
	all := t.Objects()
	slices.SortFunc(all, func(a, b telemetry.ObjectStat) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	return all
}

func (t *Tally) want(test *testing.T, want ...telemetry.ObjectStat) {
	test.Helper()
	if diff := cmp.Diff(append([]telemetry.ObjectStat{}, want...), t.sorted()); diff != "" {
		test.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestVisits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		numbers := New(nil)
		k := numbers.Kind("VaultPushSecret")
		want := telemetry.ObjectStat{Kind: "VaultPushSecret", Controller: "vaultpushsecret", Namespace: "shop", Name: "a"}
		numbers.want(t)

		k.Wrote(named("a"), errors.New("refused"))
		numbers.want(t) // nothing is known of the object
		k.Visited(named("a"), Visit{Failed: true})
		want.Looked, want.Failures = true, 1
		numbers.want(t, want)

		end := time.Now().Add(time.Hour)
		k.Wrote(named("a"), nil)
		k.Visited(named("a"), Visit{Done: true, Expires: end})
		want.Syncs, want.Healthy, want.Synced, want.Expires = 1, true, time.Now(), end
		numbers.want(t, want)

		<-time.After(time.Minute)
		k.Visited(named("a"), Visit{}) // it waits for something: no failure
		want.Healthy, want.Expires = false, time.Time{}
		numbers.want(t, want)

		polled := time.Now().Add(-time.Second)
		k.Visited(named("a"), Visit{Done: true, Read: func() time.Time { return polled }})
		want.Healthy, want.Synced = true, polled
		numbers.want(t, want)
	})
}

func TestNeverSyncedIsNotRead(t *testing.T) {
	numbers := New(nil)
	numbers.Kind("VaultStaticSecret").Visited(named("a"), Visit{Failed: true, Read: time.Now})
	if got := numbers.Objects(); !got[0].Synced.IsZero() {
		t.Errorf("synced at %v", got[0].Synced)
	}
}

func TestPlain(t *testing.T) {
	numbers := New(nil)
	numbers.Plain("VaultAuth").Visited(named("a"), Visit{})
	numbers.want(t, telemetry.ObjectStat{Kind: "VaultAuth", Controller: "vaultauth", Namespace: "shop", Name: "a", Looked: true, Plain: true})
}

// names are those that are left.
func (t *Tally) names() (out []string) {
	for _, o := range t.sorted() {
		out = append(out, o.Kind+" "+o.Name)
	}
	return out
}

// TestEnd: what is deleted goes, and at the end of a reconciler all that is its own;
// what comes later is not counted.
func TestEnd(t *testing.T) {
	numbers := New(nil)
	a, b := numbers.Kind("A"), numbers.Kind("B")
	for _, k := range []*Kind{a, b} {
		k.Visited(named("x"), Visit{Done: true})
		k.Visited(named("y"), Visit{Done: true})
	}
	a.Forget(named("x"))
	a.Forget(named("never seen"))
	if diff := cmp.Diff([]string{"A y", "B x", "B y"}, numbers.names()); diff != "" {
		t.Errorf("after a deletion (-want +got):\n%s", diff)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Start(ctx) }()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	a.Visited(named("z"), Visit{Done: true})
	a.Wrote(named("z"), nil)
	if diff := cmp.Diff([]string{"B x", "B y"}, numbers.names()); diff != "" {
		t.Errorf("after the end (-want +got):\n%s", diff)
	}
}

// TestHandover: a shard that comes back begins anew, and what is left of the one before
// does not take its objects away.
func TestHandover(t *testing.T) {
	numbers := New(nil)
	before, after := numbers.Kind("A"), numbers.Kind("A")
	before.Wrote(named("x"), nil)
	before.Wrote(named("x"), nil)
	after.Wrote(named("x"), nil)
	before.Forget(named("x"))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := before.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if got := numbers.Objects(); len(got) != 1 || got[0].Syncs != 1 {
		t.Errorf("objects %v", got)
	}
}

// TestCounters has what is counted by kind, which no end takes away.
func TestCounters(t *testing.T) {
	m := telemetry.NewMetrics()
	settings := telemetry.OperatorConfig{}
	for _, name := range []string{
		"backoffInitialInterval", "backoffMaxInterval", "backoffMaxElapsedTime", "backoffMultiplier", "backoffRandomizationFactor",
		"clientCachePersistenceModel", "clientCacheSize", "globalTransformationOptions", "globalVaultAuthOptions", "maxConcurrentReconciles",
	} {
		settings[name] = ""
	}
	k := New(m.AddOperator("v1", settings, func() telemetry.OperatorState { return telemetry.OperatorState{} })).Kind("VaultPushSecret")
	k.Wrote(named("a"), nil)
	k.Wrote(named("a"), errors.New("refused"))
	k.Wrote(named("a"), nil)
	k.WroteStatus()
	k.Restarted(nil)
	got := map[string]float64{}
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			if v := s.GetCounter().GetValue(); strings.HasPrefix(f.GetName(), "vaultk8s_operator_") && v > 0 {
				text := f.GetName()
				for _, l := range s.GetLabel() {
					text += " " + l.GetValue()
				}
				got[text] = v
			}
		}
	}
	want := map[string]float64{
		"vaultk8s_operator_secret_writes_total VaultPushSecret ok":     2,
		"vaultk8s_operator_secret_writes_total VaultPushSecret failed": 1,
		"vaultk8s_operator_status_writes_total VaultPushSecret":        1,
		"vaultk8s_operator_restarts_total ok":                          1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counters (-want +got):\n%s", diff)
	}
}
