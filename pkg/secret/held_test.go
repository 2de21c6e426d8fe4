package secret_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func number(n int) json.Number {
	text, _ := json.Marshal(n)
	return json.Number(text)
}

func TestHandOverKeepsLeasesAndSavesReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := func(r vault.Request) (*vault.Response, error) {
			if r.Path == "secret/data/app" {
				return kv("static"), nil
			}
			return leased("lease-1", time.Hour, true), nil
		}
		before := newWorld(t, secret.Policy{}, answer)
		before.store.Watch(alice, read("secret/data/app"), nil)
		before.store.Watch(alice, read("database/creds/app"), nil)
		write := secret.NewQuery(secret.Write, "pki/issue/web", map[string]any{"common_name": "a", "ttl": "1h"})
		before.store.Watch(alice, write, nil)
		pass(10 * time.Minute)

		text, err := secret.EncodeHeld(before.store.Held(alice))
		if err != nil {
			t.Fatal(err)
		}
		held, err := secret.DecodeHeld(text)
		if err != nil || len(held) != 3 {
			t.Fatalf("DecodeHeld: %d secrets, %v", len(held), err)
		}
		after := newWorld(t, secret.Policy{Linger: 100 * time.Hour}, answer)
		after.store.Resume(alice, held)
		kvWatch := after.store.Watch(alice, read("secret/data/app"), nil)
		db := after.store.Watch(alice, read("database/creds/app"), nil)
		after.store.Watch(alice, write, nil)
		pass(time.Second)
		after.wantCalls()
		if db.State().Response.LeaseID != "lease-1" || kvWatch.State().Response.Data.Reveal()["password"] != "static" {
			t.Error("the successor does not hold what was handed over")
		}
		if got := time.Until(db.State().Expires).Round(time.Minute); got != 50*time.Minute {
			t.Errorf("the lease ends in %v, want 50m", got)
		}
		pass(49 * time.Minute)
		if db.State().Response.LeaseID != "lease-1" || time.Until(db.State().Expires) < 10*time.Minute {
			t.Errorf("the lease was not renewed: ends in %v", time.Until(db.State().Expires))
		}
	})
}

func TestResumeLeavesOutWhatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) { return leased("old", time.Minute, false), nil })
		before.store.Watch(alice, read("database/creds/app"), nil)
		pass(time.Second)
		held := before.store.Held(alice)
		pass(2 * time.Minute)
		after := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) { return leased("new", time.Minute, false), nil })
		after.store.Resume(alice, held)
		w := after.store.Watch(alice, read("database/creds/app"), nil)
		pass(time.Second)
		if got := w.State().Response.LeaseID; got != "new" {
			t.Errorf("lease = %q, want a new one", got)
		}
	})
}

func TestQueryNamesItselfWithoutValues(t *testing.T) {
	cases := map[string]struct {
		query secret.Query
		want  string
	}{
		"read":    {read(" /secret/data/app/ "), "read secret/data/app"},
		"version": {read("secret/data/app?version=3"), "read secret/data/app?version=3"},
		"write":   {secret.NewQuery(secret.Write, "transit/encrypt/k", map[string]any{"plaintext": "canary", "context": "canary"}), "write transit/encrypt/k (context, plaintext)"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.query.String()); diff != "" {
				t.Errorf("String() (-want +got):\n%s", diff)
			}
		})
	}
	a := secret.NewQuery(secret.Write, "p", map[string]any{"x": "1", "y": "2"})
	b := secret.NewQuery(secret.Write, "p/", map[string]any{"y": "2", "x": "1"})
	if a != b || a == secret.NewQuery(secret.Write, "p", map[string]any{"x": "1"}) || a == a.Wrapped(time.Minute) {
		t.Error("equality of queries is not equality of what they ask")
	}
}

func FuzzDecodeHeld(f *testing.F) {
	f.Add([]byte(`[{"op":"read","path":"p","data":{"a":1},"response":{"lease_id":"l","auth":{"Accessor":"a"},"auth_token":"t"}}]`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		held, err := secret.DecodeHeld(text)
		if err != nil {
			return
		}
		if _, err := secret.EncodeHeld(held); err != nil {
			t.Errorf("what was decoded does not encode: %v", err)
		}
	})
}
