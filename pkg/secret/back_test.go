package secret_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// TestReturnOfVaultSparesTheWait: attempts of a long outage are a minute apart. The
// first that succeeds has all others of that Vault made within ten seconds, and those of
// another Vault not.
func TestReturnOfVaultSparesTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) {
			if down {
				return nil, failure(vault.Sealed)
			}
			return kv("held"), nil
		})
		other := secret.Identity{Connection: "http://another", Method: "kubernetes", Role: "alice"}
		w.store.Attach(other, w, secret.Policy{})
		w.store.TokenChanged(other, token(1, time.Time{}))
		var ours []*secret.Watch
		var elsewhere *secret.Watch
		for i, path := range []string{"secret/data/a", "secret/data/b", "secret/data/c"} {
			ours = append(ours, w.store.Watch(alice, read(path), nil))
			pass(time.Duration(10+10*i) * time.Second) // each has moments of its own
			elsewhere = w.store.Watch(other, read(path), nil)
		}
		pass(20 * time.Minute)
		w.scene(func() { down = false })
		back := map[int]time.Duration{}
		for begin := time.Now(); len(back) < len(ours); pass(100 * time.Millisecond) {
			for i, watch := range ours {
				if _, ok := back[i]; !ok && watch.State().Err == nil {
					back[i] = time.Since(begin)
				}
			}
		}
		early, late := min(back[0], back[1], back[2]), max(back[0], back[1], back[2])
		if late-early > 10*time.Second || early == late {
			t.Errorf("the first was read after %v, the last after %v", early, late)
		}
		if elsewhere.State().Err == nil {
			t.Error("another Vault was asked before its time")
		}
		pass(time.Minute)
		if err := elsewhere.State().Err; err != nil {
			t.Error(err)
		}
	})
}
