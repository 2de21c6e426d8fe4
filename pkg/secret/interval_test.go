package secret_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func same(vault.Request) (*vault.Response, error) { return kv("a"), nil }

// slowVault answers after two seconds.
type slowVault struct{ *world }

// Do implements secret.Vault.
func (v slowVault) Do(ctx context.Context, r vault.Request) (*vault.Response, error) {
	<-time.After(2 * time.Second)
	return v.world.Do(ctx, r)
}

// TestShortestIntervalCounts: watches of one secret are one fetch, whatever their
// intervals, and the most demanding of those that are open decides.
func TestShortestIntervalCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: time.Hour}, same)
		w.store.Watch(alice, read("x").Every(100*time.Minute), nil)
		pass(10 * time.Minute)
		often := w.store.Watch(alice, read("x").Every(20*time.Minute), nil)
		w.wantCalls("0s GET x")
		pass(30 * time.Minute)
		w.wantCalls("18m0s GET x", "36m0s GET x") // 0.9 of 20 minutes
		often.Close()
		pass(100 * time.Minute)
		w.wantCalls("2h6m0s GET x") // 0.9 of 100 minutes after 36
	})
}

func TestNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: time.Minute}, same)
		w.store.Watch(alice, read("x").Every(secret.Never), nil)
		pass(100 * 24 * time.Hour)
		w.wantCalls("0s GET x")
		w.store.Notify(alice, read("x").Every(secret.Never), 0)
		pass(time.Second)
		w.wantCalls("2400h0m0s GET x")
	})
}

// TestAnnouncementsAreOne: what is announced again and again is read once, and not put
// off for ever.
func TestAnnouncementsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, same)
		w.store.Watch(alice, read("x").Every(secret.Never), nil)
		pass(time.Minute)
		for range 20 {
			w.store.Notify(alice, read("x"), 10*time.Second)
			pass(500 * time.Millisecond)
		}
		pass(time.Minute)
		w.wantCalls("0s GET x", "1m5s GET x", "1m10s GET x")
	})
}

// TestAnnouncementDuringARead: what is announced while an answer is under way may not
// be in it.
func TestAnnouncementDuringARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, same)
		slow := slowVault{w}
		w.store.Attach(alice, slow, secret.Policy{})
		w.store.Watch(alice, read("x").Every(secret.Never), nil)
		pass(time.Second) // of two that the answer takes
		w.store.Notify(alice, read("x"), 0)
		pass(time.Minute)
		w.wantCalls("2s GET x", "4s GET x")
	})
}
