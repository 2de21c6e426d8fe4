package sync

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// In these tests an outage writes fewer statuses at once than there are objects.
const (
	burst = 20
	pace  = 5 // a second
	many  = burst + 4*pace
)

// crowd makes many objects that read one secret.
func crowd(t *testing.T) (*world, []*vss) {
	t.Helper()
	w := newWorldWith(t, func(o *Options) { o.Outages = rate.NewLimiter(pace, burst) })
	w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
	all := make([]*vss, many)
	for i := range all {
		all[i] = staticSecret(fmt.Sprintf("db-%03d", i), func(s *vss) { s.Spec.RefreshAfter = "30s" })
		w.create(all[i])
	}
	if got := w.unready(all); got != 0 {
		t.Fatalf("%d objects are not ready at the start", got)
	}
	return w, all
}

// unready counts the objects whose status says so.
func (w *world) unready(all []*vss) (n int) {
	w.t.Helper()
	for _, s := range all {
		w.get(s)
		if status.Ready(s).Status != metav1.ConditionTrue {
			n++
		}
	}
	return n
}

// noticed takes Vault away, and waits until objects have found out.
func (w *world) noticed() {
	w.vault.Seal()
	for w.failing() == 0 {
		pass(time.Second)
	}
}

// statuses counts those that were written.
func (w *world) statuses() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes["status VaultStaticSecret"]
}

// failing counts the objects whose numbers say so.
func (w *world) failing() (n int) {
	for _, o := range w.tally.Objects() {
		if !o.Healthy {
			n++
		}
	}
	return n
}

// TestOutageOfMany: an outage is written down for some objects at once, and for all if
// it lasts; the numbers tell it of all at once. Its end is written for no more.
func TestOutageOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, all := crowd(t)
		w.noticed()
		told := w.unready(all)
		if failing := w.failing(); told < burst || told > burst+2*pace || failing != many {
			t.Errorf("%d objects say that they are not ready and %d numbers, want about %d and %d", told, failing, burst, many)
		}
		w.forgetWrites()
		w.vault.Unseal()
		pass(2 * time.Minute)
		if left, writes := w.unready(all), w.statuses(); left != 0 || writes > told+pace {
			t.Errorf("%d objects are not ready after the outage, after %d writes; %d were told", left, writes, told)
		}
		w.vault.Seal()
		pass(5 * time.Minute)
		if told := w.unready(all); told != many {
			t.Errorf("after five minutes %d objects say that they are not ready, want %d", told, many)
		}
		w.vault.Unseal()
		pass(5 * time.Minute)
		if left := w.unready(all); left != 0 {
			t.Errorf("%d objects are not ready after the second outage", left)
		}
	})
}

// TestOutageThatSomebodyWaitsIn: who has asked for a refresh is told at once.
func TestOutageThatSomebodyWaitsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, all := crowd(t)
		w.noticed()
		for _, s := range all {
			w.get(s)
			if status.Ready(s).Status == metav1.ConditionTrue {
				w.edit(s, func() { s.Spec.Destination.Labels = map[string]string{"team": "shop"} })
			}
		}
		pass(time.Second)
		if told := w.unready(all); told != many {
			t.Errorf("%d objects say that they are not ready, want %d", told, many)
		}
	})
}
