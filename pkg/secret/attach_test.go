package secret_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestAttachAgainKeepsWhatIsHeldAndHeedsTheNewPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: time.Hour}, func(vault.Request) (*vault.Response, error) {
			return &vault.Response{}, nil
		})
		watch := w.store.Watch(alice, read("secret/data/app"), nil)
		synctest.Wait()
		w.wantCalls("0s GET secret/data/app")
		<-time.After(time.Minute)
		other := &world{t: t, start: w.start, epoch: 1, answer: w.answer}
		w.store.Attach(alice, other, secret.Policy{Poll: 10 * time.Minute})
		<-time.After(20 * time.Minute)
		synctest.Wait()
		w.wantCalls()
		// Polls are spread: nine tenths of the interval with this random number.
		other.wantCalls("9m0s GET secret/data/app", "18m0s GET secret/data/app")
		if watch.State().Version != 1 {
			t.Errorf("the watch lost its state: %+v", watch.State())
		}
	})
}
