package secret_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestUnwatchedSecretLingersAndIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Linger: 5 * time.Minute}, func(r vault.Request) (*vault.Response, error) { return leased("l", time.Hour, true), nil })
		q := read("database/creds/app")
		first := w.store.Watch(alice, q, nil)
		pass(time.Second)
		first.Close()
		pass(4 * time.Minute)
		again := w.store.Watch(alice, q, nil)
		pass(10 * time.Minute)
		w.wantCalls("0s GET database/creds/app")
		again.Close()
		pass(6 * time.Minute)
		w.wantCalls("19m1s PUT sys/leases/revoke")
		w.store.Watch(alice, q, nil)
		pass(time.Second)
		if calls := w.takeCalls(); len(calls) != 1 || !strings.HasSuffix(calls[0], "GET database/creds/app") {
			t.Errorf("calls = %v, want a new read", calls)
		}
	})
}

func TestDetachStopsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) { return kv("a"), nil })
		watch := w.store.Watch(alice, read("secret/data/app"), nil)
		pass(time.Second)
		w.takeCalls()
		w.store.Detach(alice)
		pass(100 * time.Hour)
		w.wantCalls()
		if watch.State().Response == nil {
			t.Error("a watch lost its state")
		}
	})
}

// Whoever acts on a change as soon as it is told can wait for the other watchers.
func TestAwaitTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := make(chan struct{})
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) {
			<-opened
			return kv("a"), nil
		})
		var told atomic.Int32
		seen := make(chan int32, 1)
		w.store.Watch(alice, read("secret/data/app"), func() {
			told.Add(1)
			go func() {
				w.store.AwaitTold()
				seen <- told.Load()
			}()
		})
		w.store.Watch(alice, read("secret/data/app"), func() {
			for range 1000 { // time for who does not wait
				runtime.Gosched()
			}
			told.Add(1)
		})
		close(opened)
		if got := <-seen; got != 2 {
			t.Errorf("%d watchers were told, want both", got)
		}
	})
}

func TestEventsTellReasonAndOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := true
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) {
			if fail {
				fail = false
				return nil, failure(vault.Sealed)
			}
			return kv("canary-7f3a"), nil
		})
		w.store.Watch(alice, read("secret/data/app"), nil)
		pass(5 * time.Minute)
		var got []string
		for _, e := range w.events {
			got = append(got, fmt.Sprintf("%s failed=%t changed=%t", e.Reason, e.State.Err != nil, e.Changed))
			if text := fmt.Sprintf("%+v", e.State.Response); strings.Contains(text, "canary") {
				t.Errorf("an event prints the value: %s", text)
			}
		}
		want := []string{"first read failed=true changed=false", "retry after a failure failed=false changed=true", "poll interval has passed failed=false changed=false"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestWrappedAnswerIsAskedForAgainBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked time.Duration
		w := newWorld(t, secret.Policy{}, func(r vault.Request) (*vault.Response, error) {
			asked = r.WrapTTL
			return &vault.Response{WrapInfo: &vault.WrapInfo{Token: sensitive.New("wrapping"), TTL: 10 * time.Minute}}, nil
		})
		watch := w.store.Watch(alice, read("secret/data/app").Wrapped(10*time.Minute), nil)
		pass(10 * time.Minute)
		w.wantCalls("0s GET secret/data/app", "9m0s GET secret/data/app")
		if state := watch.State(); asked != 10*time.Minute || state.Version != 2 || state.Response.WrapInfo.Token.Reveal() != "wrapping" {
			t.Errorf("asked for a TTL of %v, version %d; want 10m and 2", asked, state.Version)
		}
	})
}
