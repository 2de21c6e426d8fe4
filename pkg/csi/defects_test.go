package csi

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// The tests of this file show that the defects of the old provider, as users
// know them by their numbers in docs/migration/csi.md, are none here.

// TestD1ArgumentsAreHeeded: two objects on one path with other secretArgs are two requests.
func TestD1ArgumentsAreHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pki()
		got := w.mount(aPod("orders-sa", 1), class("orders", `
- {objectName: a, secretPath: pki/issue/web, secretKey: serial_number, method: PUT, secretArgs: {common_name: a.example.com}}
- {objectName: b, secretPath: pki/issue/web, secretKey: serial_number, method: PUT, secretArgs: {common_name: b.example.com}}
- {objectName: c, secretPath: pki/issue/web, secretKey: certificate, method: PUT, secretArgs: {common_name: a.example.com}}
`))
		if got["a"] == got["b"] || got["a"] == "" {
			t.Errorf("serial numbers %q and %q", got["a"], got["b"])
		}
		if n := w.vault.Count("", "pki/issue/web"); n != 2 {
			t.Errorf("%d certificates for two names", n)
		}
	})
}

func (w *world) pki() {
	w.vault.EnablePKI("pki")
	w.vault.PKIRole("pki", "web", 90*24*time.Hour)
}

func (w *world) database() {
	w.vault.EnableDatabase("database")
	w.vault.DynamicRole("database", "app", time.Hour, 48*time.Hour)
}

const (
	entireSecret = "- {objectName: all, secretPath: secret/data/orders/production}\n"
	certificate  = "- {objectName: cert, secretPath: pki/issue/web, secretKey: certificate, method: PUT, secretArgs: {common_name: a.example.com}}\n"
	credentials  = "- {objectName: user, secretPath: database/creds/app, secretKey: username}\n- {objectName: password, secretPath: database/creds/app, secretKey: password}\n"
)

// TestD2EntireResponsesDoNotFlap: the request id alone is no change.
func TestD2EntireResponsesDoNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.provider.key.set([]byte("0123456789abcdef0123456789abcdef"))
		m := w.call(aPod("orders-sa", 1), class("orders", entireSecret))
		first, err := w.provider.Mount(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			pass(80 * time.Second)
			again, err := w.provider.Mount(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			if filesOf(first)["all"] != filesOf(again)["all"] || versionsOf(first)["all"] != versionsOf(again)["all"] {
				t.Fatal("the file or its version changed, and the secret did not")
			}
		}
		if w.vault.Count("GET", "secret/data/orders/production") < 10 {
			t.Error("the secret was not read again, so that this test shows nothing")
		}
	})
}

// TestD3LoginWithoutAuth: an answer that is none ends one mount, not the process.
func TestD3LoginWithoutAuth(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "null": "null", "no auth": `{"data":{}}`, "MFA": `{"auth":{"mfa_requirement":{"mfa_request_id":"x"}}}`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.vault.Fault(fakevault.Fault{Path: "auth/kubernetes/login", Status: 200, Body: body})
				err := w.refuse(w.call(aPod("orders-sa", 1), class("orders", twoKeys)))
				if !strings.Contains(err.Error(), "error making mount request: ") || !strings.Contains(err.Error(), "failed to login: ") {
					t.Error(err)
				}
			})
		})
	}
}

// TestD4EmptyResponse: an answer without a body is an error with the old words.
func TestD4EmptyResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, object := range []string{
			"{objectName: x, secretPath: kv/new, method: PUT, secretArgs: {a: b}, secretKey: a}",
			"{objectName: x, secretPath: kv/new, method: PUT, secretArgs: {a: b}}",
		} {
			err := w.refuse(w.call(aPod("orders-sa", 1), class("orders", "- "+object)))
			if want := `error making mount request: couldn't read secret "x": empty response from "kv/new", warnings: []`; !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%v\nwant %s", err, want)
			}
		}
	})
}

// TestD5CertificateIsKept: a certificate without a lease lives until it is old.
func TestD5CertificateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pki()
		p := aPod("orders-sa", 1)
		first := w.mount(p, class("orders", certificate))["cert"]
		changed := 0
		for hour := range 90 * 24 {
			pass(time.Hour)
			if w.mount(p, class("orders", certificate))["cert"] != first {
				changed = hour
				break
			}
		}
		if days := changed / 24; days < 76 || days > 84 {
			t.Errorf("a certificate of 90 days was replaced after %d", days)
		}
		if n := w.vault.Count("", "pki/issue/web"); n != 2 {
			t.Errorf("%d certificates", n)
		}
	})
}

// TestD6OneLeaseHoweverOftenAsked shows that no republish makes a lease.
func TestD6OneLeaseHoweverOftenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.database()
		m := w.call(aPod("orders-sa", 1), class("orders", credentials))
		first := w.send(m)
		for range 100 {
			pass(80 * time.Second)
			if w.send(m)["password"] != first["password"] {
				t.Fatal("another password")
			}
		}
		if n := len(w.vault.Leases()); n != 1 {
			t.Errorf("%d leases", n)
		}
	})
}

// TestD7LeasesAreRenewedHere: without any call of the driver and without an agent.
func TestD7LeasesAreRenewedHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.database()
		m := w.call(aPod("orders-sa", 1), class("orders", credentials))
		first := w.send(m)
		pass(20 * time.Hour)
		if got := w.send(m); got["password"] != first["password"] || len(w.vault.Leases()) != 1 {
			t.Errorf("after 20 hours %v and %d leases", got, len(w.vault.Leases()))
		}
	})
}

// TestD8GonePodsLeaveNothing: its lease and its token end with the pod.
func TestD8GonePodsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		p := aPod("orders-sa", 1)
		c.setPod(p, "Pending")
		w := newWorld(t, with(kube), func(o *Options) { o.CSI.NodeName = "node-1" })
		w.database()
		w.mount(p, class("orders", credentials))
		c.setPod(p, "Running")
		synctest.Wait()
		pass(10 * time.Minute)
		if len(w.vault.Leases()) != 1 || w.vault.Count("", "auth/token/revoke-self") != 0 {
			t.Fatal("something was revoked while the pod runs")
		}
		c.setPod(p, "")
		pass(2 * time.Minute)
		if leases, n := w.vault.Leases(), w.vault.Count("", "auth/token/revoke-self"); len(leases) != 0 || n != 1 {
			t.Errorf("leases %v, revocations of tokens %d", leases, n)
		}
		if state := w.provider.state(); state.Volumes != 0 || state.Logins != 0 {
			t.Errorf("left in memory: %+v", state)
		}
	})
}

// TestD9ManyPodsAreOneReader: a hundred replicas are one login and one read.
func TestD9ManyPodsAreOneReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.requests()
		for i := range 100 {
			w.mount(aPod("orders-sa", i), class("orders", twoKeys))
		}
		if n := w.requests(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestD10NoKubernetesOnTheWay: with tokens of the driver no mount asks the API server.
func TestD10NoKubernetesOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		w := newWorld(t, with(kube), func(o *Options) { o.CSI.Events = false })
		c.asked()
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		response, err := w.provider.Mount(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		w.send(m)
		if got := c.asked(); len(got) != 0 {
			t.Errorf("requests to the API server: %q", got)
		}
		if versionsOf(response)["db"] == "" {
			t.Error("no version, though the key was read at the start")
		}
	})
}

// TestD14ForbiddenIsNoReasonToLogIn: a path that the policy forbids costs no login.
func TestD14ForbiddenIsNoReasonToLogIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		w.send(m)
		w.vault.Policy("orders", map[string][]string{"secret/data/elsewhere": {"read"}})
		for range 20 {
			pass(80 * time.Second)
			w.send(m)
		}
		err := w.refuse(w.call(aPod("orders-sa", 2), class("orders", fmt.Sprintf("- {objectName: %s, secretPath: secret/data/forbidden}", "x"))))
		if code := codeName(err); code != "PermissionDenied" {
			t.Errorf("%s: %v", code, err)
		}
		if n := w.vault.Logins(); n != 1 {
			t.Errorf("%d logins", n)
		}
	})
}
