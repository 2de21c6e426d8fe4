package csi

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInCluster(t *testing.T) {
	env := map[string]string{"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		prepare func()
		want    string
	}{
		{func() {}, "find the API server: open " + dir + "/ca.crt: no such file or directory"},
		{func() { write("ca.crt", "text") }, fmt.Sprintf("find the API server: no certificate in %q", dir+"/ca.crt")},
		{func() { write("ca.crt", authority(t)) }, "find the namespace of this pod: open " + dir + "/namespace: no such file or directory"},
		{func() { write("namespace", "vault\n") }, ""},
	}
	for _, s := range steps {
		s.prepare()
		if _, err := inCluster(lookup, dir); textOf(err) != s.want {
			t.Errorf(" got %v\nwant %s", err, s.want)
		}
	}
	k, err := inCluster(lookup, dir)
	if err != nil || k.Address != "https://[fd00::1]:443" || k.Namespace != "vault" {
		t.Errorf("%+v %v", k, err)
	}
	env = nil
	if _, err := InCluster(lookup); textOf(err) != "find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod" {
		t.Error(err)
	}
}

// authority makes a certificate that is good enough to be read.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestKubeRefusals(t *testing.T) {
	c, k := newKube(t)
	if _, err := k.data(t.Context(), "secrets", "shop", "x"); textOf(err) != "get secrets shop/x: /api/v1/namespaces/shop/secrets/x not found" || statusOf(err) != http.StatusNotFound {
		t.Error(err)
	}
	c.put("secrets", "shop/x", "k", canary)
	c.objects["/api/v1/namespaces/shop/secrets/x"] = map[string]any{"data": "broken " + canary}
	if _, err := k.data(t.Context(), "secrets", "shop", "x"); textOf(err) != "get secrets shop/x: the answer cannot be read" {
		t.Error(err)
	}
	k.TokenFile = "/nothing"
	if _, err := k.data(t.Context(), "secrets", "shop", "x"); !strings.Contains(textOf(err), "read the service account's token") {
		t.Error(err)
	}
	for status, want := range map[int]bool{0: true, 404: false, 403: false, 429: true, 500: true, 503: true} {
		if got := (&kubeError{status: status}).temporary(); got != want {
			t.Errorf("%d: %v", status, got)
		}
	}
	if statusOf(errors.New("x")) != 0 {
		t.Error("a status out of nothing")
	}
}

func TestVersionKey(t *testing.T) {
	const name, path = "vault-csi-provider-hmac-key", "/api/v1/namespaces/vault/secrets/vault-csi-provider-hmac-key"
	c, k := newKube(t)
	made, err := k.versionKey(t.Context(), name)
	if err != nil || len(made) != 32 {
		t.Fatalf("%d bytes, %v", len(made), err)
	}
	stored, _ := c.objects[path].(map[string]any)
	if stored["immutable"] != true {
		t.Errorf("the Secret can be changed: %v", stored)
	}
	again, err := k.versionKey(t.Context(), name)
	if err != nil || !bytes.Equal(again, made) {
		t.Errorf("another key at the next start: %v", err)
	}
	delete(c.objects, path)
	c.put("secrets", "vault/"+name, "key", "short")
	if _, err := k.versionKey(t.Context(), name); textOf(err) != `secret vault/vault-csi-provider-hmac-key must hold 32 bytes under "key": delete it, and a new one is made` {
		t.Error(err)
	}
}

// raced is a cluster in which another provider makes the key in between.
type raced struct{ *cluster }

// RoundTrip implements http.RoundTripper.
func (r raced) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodPost {
		r.put("secrets", "vault/k", "key", strings.Repeat("o", 32))
	}
	return r.cluster.RoundTrip(request)
}

func TestVersionKeyOfAnotherNode(t *testing.T) {
	c, k := newKube(t)
	k.Transport = raced{c}
	if key, err := k.versionKey(t.Context(), "k"); err != nil || string(key) != strings.Repeat("o", 32) {
		t.Errorf("%q %v", key, err)
	}
}

// TestMountBeforeTheKey: versions are empty until the key is there, and mounts do
// not wait for it.
func TestMountBeforeTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k := newKube(t)
		c.forbid = "hmac-key"
		w := newWorld(t, with(k))
		m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
		first, err := w.provider.Mount(t.Context(), m)
		if err != nil || len(first.GetObjectVersion()) != 2 || versionsOf(first)["db"] != "" {
			t.Fatalf("%v %v", first, err)
		}
		c.mu.Lock()
		c.forbid = ""
		c.mu.Unlock()
		pass(2 * time.Minute)
		second, err := w.provider.Mount(t.Context(), m)
		if err != nil || versionsOf(second)["db"] == "" || versionsOf(second)["db"] == versionsOf(second)["api"] {
			t.Errorf("%v %v", versionsOf(second), err)
		}
		if diff := cmp.Diff(filesOf(first), filesOf(second)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k := newKube(t)
		w := newWorld(t, with(k))
		p := aPod("orders-sa", 1)
		for range 5 {
			w.refuse(w.call(p, class("orders", "- {objectName: x, secretPath: secret/data/nothing, secretKey: y}")))
		}
		w.mount(p, class("orders", twoKeys))
		synctest.Wait()
		// Of five failures in a row the first, the second and the fourth are told.
		if diff := cmp.Diff([]string{eventFailed, eventFailed, eventFailed, eventDelivered}, c.eventReasons()); diff != "" {
			t.Error(diff)
		}
		for _, e := range c.events {
			involved, _ := e["involvedObject"].(map[string]any)
			if involved["uid"] != p.UID || strings.Contains(fmt.Sprint(e), canary) {
				t.Errorf("%v", e)
			}
		}
		if !strings.Contains(w.log(), "mount succeeds again") {
			t.Error("the log does not tell that it works again")
		}
	})
}

func TestEventsThatAreNotAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k := newKube(t)
		c.forbid = "/events"
		w := newWorld(t, with(k))
		for i := range 10 {
			w.mount(aPod("orders-sa", i), class("orders", twoKeys))
			synctest.Wait()
		}
		if n := strings.Count(w.log(), "pods get no events"); n != 1 {
			t.Errorf("%d lines", n)
		}
		if n := strings.Count(strings.Join(c.asked(), "\n"), "/events"); n != 1 {
			t.Errorf("%d attempts", n)
		}
	})
}

func TestEventsAreDroppedRatherThanWaitedFor(t *testing.T) {
	_, k := newKube(t)
	q := newEventQueue(Options{CSI: usual(), Kube: k})
	for range 2 * eventsWaiting {
		q.add(aPod("a", 1), eventFailed, "x")
	}
	if n := len(q.waiting); n != eventsWaiting {
		t.Errorf("%d wait", n)
	}
}

func TestLongNotesAreCut(t *testing.T) {
	c, k := newKube(t)
	if err := k.createEvent(t.Context(), event{pod: aPod("a", 1), reason: eventFailed, note: strings.Repeat("x", 5000)}); err != nil {
		t.Fatal(err)
	}
	if note, _ := c.events[0]["message"].(string); len(note) != longestNote {
		t.Errorf("%d bytes", len(note))
	}
}
