package csi

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

func TestSilentVolumesAreOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.database()
		once := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		w.send(once)
		again := w.call(aPod("orders-sa", 2), class("orders", credentials))
		w.send(again)
		w.send(again)
		pass(2*time.Hour - time.Minute)
		if n := w.provider.state().Volumes; n != 2 {
			t.Fatalf("%d volumes before their time", n)
		}
		pass(5 * time.Minute)
		if n := w.provider.state().Volumes; n != 1 {
			t.Errorf("%d volumes: only the one that was republished is an orphan", n)
		}
		if leases := w.vault.Leases(); len(leases) != 0 {
			t.Errorf("leases %v", leases)
		}
		if !strings.Contains(w.log(), "volume is gone: the driver asks for it no more") {
			t.Error("nothing in the log")
		}
	})
}

func TestSharedLeasesOutliveOnePod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		one, two := aPod("orders-sa", 1), aPod("orders-sa", 2)
		c.setPod(one, "Running")
		c.setPod(two, "Running")
		w := newWorld(t, with(kube), func(o *Options) { o.CSI.NodeName = "node-1" })
		w.database()
		w.mount(one, class("orders", credentials))
		m := w.call(two, class("orders", credentials))
		first := w.send(m)
		c.setPod(one, "Succeeded")
		pass(10 * time.Minute)
		if got := w.send(m); got["user"] != first["user"] || len(w.vault.Leases()) != 1 {
			t.Errorf("%v, %d leases", got, len(w.vault.Leases()))
		}
	})
}

// TestPodsThatEndedUnseen: what a list does not show is gone; what was mounted while
// the list was made is not judged by it.
func TestPodsThatEndedUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		w := newWorld(t, with(kube), func(o *Options) { o.CSI.NodeName = "node-1" })
		w.mount(aPod("orders-sa", 1), class("orders", twoKeys))
		c.setPod(aPod("orders-sa", 2), "Running")
		w.mount(aPod("orders-sa", 2), class("orders", twoKeys))
		pass(time.Second)
		c.mu.Lock()
		watch := c.watch
		c.mu.Unlock()
		_ = watch.Close() // the API server ends the watch: the provider lists again
		pass(time.Minute)
		if n := w.provider.state().Volumes; n != 1 {
			t.Errorf("%d volumes", n)
		}
	})
}

func TestWithoutTheRightToWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		c.forbid = "/pods"
		w := newWorld(t, with(kube), func(o *Options) { o.CSI.NodeName = "node-1" })
		w.mount(aPod("orders-sa", 1), class("orders", twoKeys))
		pass(time.Hour)
		if n := w.provider.state().Volumes; n != 1 {
			t.Errorf("%d volumes", n)
		}
		if n := strings.Count(w.log(), "pods of the node are not watched"); n < 1 || n > 6 {
			t.Errorf("%d lines in the log in an hour", n)
		}
	})
}

func TestTokenThatCannotBeRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		w.send(m)
		w.send(m)
		w.vault.Fault(fakevault.Fault{Path: "auth/token/revoke-self", Status: 502})
		pass(2*time.Hour + 20*time.Minute)
		if n := w.vault.Count("", "auth/token/revoke-self"); n != revocations {
			t.Errorf("%d attempts", n)
		}
		if state := w.provider.state(); state.Logins != 0 || len(w.provider.connections) != 0 {
			t.Errorf("%+v and %d connections", state, len(w.provider.connections))
		}
		if n := strings.Count(w.log(), "token not revoked"); n != 1 {
			t.Errorf("%d lines in the log", n)
		}
	})
}

func TestPodComesBackBeforeItsLoginLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		one, two := aPod("orders-sa", 1), aPod("orders-sa", 2)
		w.mount(one, class("orders", twoKeys))
		w.provider.podGone(one.UID)
		pass(50 * time.Second)
		w.mount(two, class("orders", twoKeys))
		pass(10 * time.Minute)
		if n := w.vault.Logins(); n != 1 {
			t.Errorf("%d logins", n)
		}
		if n := w.vault.Count("", "auth/token/revoke-self"); n != 0 {
			t.Error("the token of a login in use was revoked")
		}
	})
}

func TestCallForAPodThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Seal()
		p := aPod("orders-sa", 1)
		go func() {
			pass(5 * time.Second)
			w.provider.podGone(p.UID)
		}()
		err := w.refuse(w.call(p, class("orders", twoKeys)))
		if !strings.Contains(err.Error(), "the pod is gone") || codeName(err) != "FailedPrecondition" {
			t.Error(err)
		}
	})
}

func TestChangedClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.database()
		p := aPod("orders-sa", 1)
		w.mount(p, class("orders", twoKeys+credentials))
		got := w.mount(p, class("orders", twoKeys))
		if len(got) != 2 {
			t.Errorf("files %v", got)
		}
		pass(2 * time.Minute)
		if n := len(w.vault.Leases()); n != 0 {
			t.Errorf("%d leases of what the class does not name any more", n)
		}
		w.refuse(w.call(p, class("orders", twoKeys+"- {objectName: x, secretPath: secret/data/nothing}")))
		if got := w.mount(p, class("orders", twoKeys)); len(got) != 2 {
			t.Errorf("after a class that failed %v", got)
		}
	})
}
