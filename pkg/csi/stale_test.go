package csi

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// TestStaleHasAMaximalAge: what has no lease would be served for ever otherwise. The
// pod that runs keeps its files however long it takes.
func TestStaleHasAMaximalAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.CSI.ServeStale, o.CSI.StaleMaxAge = staleRestarting, 3*time.Hour })
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		first := w.send(m)
		w.vault.Seal()
		pass(175 * time.Minute) // the token of the login has ended long before
		if got := w.mount(aPod("orders-sa", 2), class("orders", twoKeys)); got["db"] != first["db"] {
			t.Errorf("within the maximal age %v", got)
		}
		pass(10 * time.Minute)
		if err := w.refuse(w.call(aPod("orders-sa", 3), class("orders", twoKeys))); codeName(err) != "Internal" {
			t.Error(err)
		}
		pass(100 * time.Hour)
		if got := w.send(m); got["db"] != first["db"] {
			t.Error("the pod that runs lost its files")
		}
		w.vault.Unseal()
		pass(time.Minute)
		if got := w.mount(aPod("orders-sa", 3), class("orders", twoKeys)); got["db"] != first["db"] {
			t.Errorf("after the outage %v", got)
		}
	})
}

// TestRefusedLoginIsNoOutage: a service-account that lost its role gets nothing for a
// pod that starts, though its secrets are still held; in no mode, and not because
// there was an outage before.
func TestRefusedLoginIsNoOutage(t *testing.T) {
	for name, tc := range map[string]struct {
		mode   string
		outage bool
	}{
		"running": {mode: "running"}, "restarting": {mode: staleRestarting}, "restarting after an outage": {mode: staleRestarting, outage: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *Options) { o.CSI.ServeStale = tc.mode })
				m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
				first := w.send(m)
				if tc.outage {
					w.vault.Seal()
					pass(30 * time.Minute)
				}
				w.vault.KubernetesRole("kubernetes", "orders", fakevault.KubernetesRole{ServiceAccounts: []string{"nobody"}, Namespaces: []string{"shop"}})
				w.vault.ExpireEverything()
				w.vault.Unseal()
				pass(10 * time.Minute)
				if err := w.refuse(w.call(aPod("orders-sa", 2), class("orders", twoKeys))); codeName(err) != "PermissionDenied" {
					t.Errorf("%s: %v", codeName(err), err)
				}
				if got := w.send(m); got["db"] != first["db"] {
					t.Error("the pod that runs lost its files")
				}
			})
		})
	}
}
