package csi

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFirstMountAsksNoMoreThanItMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "second", map[string]any{"a": "b"})
		w.vault.ResetRequests()
		got := w.mount(aPod("orders-sa", 1), class("orders", twoKeys+"- {objectName: nested/third, secretPath: v1/secret/data/second, secretKey: a}\n"))
		want := map[string]string{"db": canary + "-db", "api": canary + "-api", "nested/third": "b"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		var sent []string
		for _, r := range w.vault.Requests() {
			sent = append(sent, r.Method+" "+r.Path)
		}
		if len(sent) != 3 || sent[0] != "PUT auth/kubernetes/login" {
			t.Errorf("one login and one read of each of two paths are enough: %q", sent)
		}
	})
}

func TestRepublishIsAnsweredFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		first := w.send(m)
		w.requests()
		w.vault.Seal()
		for range 100 {
			if diff := cmp.Diff(first, w.send(m)); diff != "" {
				t.Fatal(diff)
			}
		}
		if n := w.requests(); n != 0 {
			t.Errorf("%d requests to Vault", n)
		}
	})
}

func TestChangeArrivesWithTheNextRepublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		w.send(m)
		w.vault.PutKV("secret", "orders/production", map[string]any{"db_pass": "new", "payment_api_key": "newer"})
		pass(time.Minute + time.Second)
		if diff := cmp.Diff(map[string]string{"db": "new", "api": "newer"}, w.send(m)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTwoAccountsOnOnePath shows that what one identity reads another never sees.
func TestTwoAccountsOnOnePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mount(aPod("orders-sa", 1), class("orders", twoKeys))
		err := w.refuse(w.call(aPod("other-sa", 1), class("other", twoKeys)))
		if code := codeName(err); code != "PermissionDenied" {
			t.Errorf("%s: %v", code, err)
		}
		err = w.refuse(w.call(aPod("other-sa", 1), class("orders", twoKeys)))
		if code := codeName(err); code != "PermissionDenied" {
			t.Errorf("%s: %v", code, err)
		}
	})
}
