package sync

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/instant"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// TestText: what an error says is the same at each attempt.
func TestText(t *testing.T) {
	broken := &net.OpError{
		Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 53211}, Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 8200},
		Err: os.NewSyscallError("read", syscall.ECONNRESET),
	}
	cases := map[string]struct {
		err  error
		want string
	}{
		"Port":    {fmt.Errorf("read: %w", &vault.Error{Kind: vault.Unavailable, Method: "GET", Address: "http://v", Path: "x", Cause: broken}), "read: GET http://v/v1/x: unavailable: read tcp 10.0.0.2:8200: read: connection reset by peer"},
		"Another": {errors.New("x"), "x"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := text(tc.err); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestStates(t *testing.T) {
	cases := map[string]struct {
		err  error
		want status.State
	}{
		"Sealed":       {&vault.Error{Kind: vault.Sealed}, status.Retrying},
		"RateLimited":  {&vault.Error{Kind: vault.RateLimited}, status.Retrying},
		"InvalidToken": {&vault.Error{Kind: vault.InvalidToken}, status.Retrying},
		"Denied":       {&vault.Error{Kind: vault.Denied}, status.Stuck},
		"Permanent":    {&vault.Error{Kind: vault.Permanent}, status.Stuck},
		"NoObject":     {effective.Missing("VaultAuth a/b"), status.Waiting},
		"NotAdmitted":  {&effective.Error{Kind: effective.Denied}, status.Stuck},
		"Else":         {errors.New("x"), status.Retrying},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := stateOf(tc.err); got != tc.want {
				t.Errorf("state %d, want %d", got, tc.want)
			}
		})
	}
}

func TestOlder(t *testing.T) {
	cases := map[string]struct {
		have, written string
		want          bool
	}{
		"Older": {"9", "10", true}, "Same": {"10", "10", false}, "Newer": {"11", "10", false},
		"Nothing": {"9", "", false}, "Unknown": {"x", "10", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := older(tc.have, tc.written); got != tc.want {
				t.Errorf("older is %t, want %t", got, tc.want)
			}
		})
	}
}

// TestOwnWritesAreSeen: while the cache is behind what this process has written, the
// API server is asked, so that nothing is done twice.
func TestOwnWritesAreSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db")
		w.create(s)
		behind := s.DeepCopy()
		w.kinds.all[0].o.Client = lagging{w.cluster, behind}
		w.wake(s)
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)
		w.wantWrites(map[string]int{"create Secret": 1, "patch VaultStaticSecret": 1, "status VaultStaticSecret": 1})
	})
}

// lagging is a client whose cache has an old object.
type lagging struct {
	client.Client
	behind *v1beta1.VaultStaticSecret
}

// Get implements client.Reader.
func (l lagging) Get(ctx context.Context, name client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	if s, ok := into.(*v1beta1.VaultStaticSecret); ok {
		l.behind.DeepCopyInto(s)
		return nil
	}
	return l.Client.Get(ctx, name, into, opts...)
}

func TestEdited(t *testing.T) {
	cases := map[string]struct {
		change func(*vss)
		want   bool
	}{
		"Status":     {func(s *vss) { s.ResourceVersion, s.Status.SecretVersion = "2", 7 }, false},
		"Spec":       {func(s *vss) { s.Generation = 2 }, true},
		"Label":      {func(s *vss) { s.Labels = map[string]string{"a": "b"} }, true},
		"Annotation": {func(s *vss) { s.Annotations = map[string]string{"a": "b"} }, true},
		"Deletion":   {func(s *vss) { s.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, true},
		"Another":    {func(s *vss) { s.UID = "another" }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			is := staticSecret("db")
			tc.change(is)
			if got := edited().Update(event.UpdateEvent{ObjectOld: staticSecret("db"), ObjectNew: is}); got != tc.want {
				t.Errorf("passes: %t, want %t", got, tc.want)
			}
		})
	}
	valid := &v1beta1.SecretTransformation{Status: v1beta1.SecretTransformationStatus{Valid: true}}
	if !transformed().Update(event.UpdateEvent{ObjectOld: &v1beta1.SecretTransformation{}, ObjectNew: valid}) {
		t.Error("a SecretTransformation that became valid does not pass")
	}
	if transformed().Update(event.UpdateEvent{ObjectOld: valid, ObjectNew: valid.DeepCopy()}) {
		t.Error("a SecretTransformation as before passes")
	}
}

// TestFinish: when the manager ends, nothing is watched any more and nothing is looked
// at again.
func TestFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) { s.Spec.RefreshAfter = "30s" })
		w.create(s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.kinds.all[0].finish(ctx); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Minute) // the store keeps it for five
		w.vault.ResetRequests()
		if _, err := w.kinds.all[0].Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)}); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		w.wantReads(map[string]int{})
	})
}

// TestObjects: metrics tell how old the data of an object is, by the polls, and what
// became of it.
func TestObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		w.create(staticSecret("db", func(s *vss) { s.Spec.RefreshAfter = "100s" }))
		w.create(staticSecret("none", func(s *vss) { s.Spec.Path = "none" }))
		pass(100 * time.Second)
		got := map[string]telemetry.ObjectStat{}
		for _, o := range w.tally.Objects() {
			got[o.Name] = o
		}
		of := telemetry.ObjectStat{Kind: "VaultStaticSecret", Controller: "vaultstaticsecret", Namespace: "shop", Looked: true}
		db, none := of, of
		db.Name, db.Healthy, db.Syncs, db.Synced = "db", true, 1, got["db"].Synced
		none.Name, none.Failures = "none", got["none"].Failures
		want := map[string]telemetry.ObjectStat{"db": db, "none": none}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("objects (-want +got):\n%s", diff)
		}
		if age := time.Since(got["db"].Synced); age > 20*time.Second { // polled after 85 s
			t.Errorf("the data is %s old", age)
		}
		if got["none"].Failures == 0 {
			t.Error("no failure was counted")
		}
	})
}

// TestWakeOfAnotherKind: a kind that is not known wakes nobody, and a bell that was
// not started neither.
func TestWakeOfAnotherKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.kinds.Wake("Pod", types.NamespacedName{Namespace: "shop", Name: "db"})
		pass(time.Second)
		if w.visits != 0 {
			t.Errorf("%d visits", w.visits)
		}
		New(Options{}).Wake("VaultStaticSecret", types.NamespacedName{Namespace: "shop", Name: "db"})
	})
}

// listener is Announcements that a test makes.
type listener struct {
	follows map[string][]string
	notify  func()
	state   func(error)
}

// Follow implements Announcements.
func (l *listener) Follow(object string, _ Session, engine string, paths []string, hears instant.Hears) {
	l.follows[object+" "+engine], l.notify = paths, hears.Change
	l.state = hears.State
}

// Forget implements Announcements.
func (l *listener) Forget(object string) {
	for key := range l.follows {
		if len(key) > len(object) && key[:len(object)] == object {
			delete(l.follows, key)
		}
	}
}

func TestStaticInstantUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{follows: map[string][]string{}}
		w := newWorldWith(t, func(o *Options) { o.Announced = l })
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		s := staticSecret("db", func(s *vss) {
			s.Spec.SyncConfig = &v1beta1.SyncConfig{InstantUpdates: true}
			s.Spec.Sources = []v1beta1.StaticSource{{Mount: "old", Type: v1beta1.KVV1, Path: "x", Optional: true}}
		})
		w.create(s)
		want := map[string][]string{"VaultStaticSecret shop/db kv*": {"old/x", "secret/data/app/db"}}
		if diff := cmp.Diff(want, l.follows); diff != "" {
			t.Errorf("follows (-want +got):\n%s", diff)
		}
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "b"})
		l.notify()
		pass(time.Second)
		w.wantData("db", map[string]string{"password": "b"})
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`, `db | Normal | SecretRotated | wrote Secret "db": DataChanged`)
		l.state(errors.New("permission denied"))
		l.state(nil)
		w.wantEvents(
			"db | Warning | EventWatcherError | Vault tells of no changes, which are found by polling until it does: permission denied",
			"db | Normal | EventWatcherStarted | Vault tells of changes",
		)
		w.edit(s, func() { s.Spec.SyncConfig = nil })
		if len(l.follows) != 0 {
			t.Errorf("follows: %v", l.follows)
		}
	})
}
