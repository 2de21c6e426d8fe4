package secret_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestLiteralRequests(t *testing.T) {
	body := map[string]any{"a": "b"}
	cases := map[string]struct {
		query secret.Query
		want  vault.Request
	}{
		"usual read":    {secret.NewQuery(secret.Read, "secret/app", nil), vault.Request{Method: http.MethodGet, Path: "secret/app", KV: true}},
		"literal read":  {secret.NewQuery(secret.Read, "secret/app", nil).Literally("GET"), vault.Request{Method: http.MethodGet, Path: "secret/app"}},
		"literal write": {secret.NewQuery(secret.Write, "pki/issue/web", body).Literally("POST"), vault.Request{Method: http.MethodPost, Path: "pki/issue/web", Body: body}},
		"any method":    {secret.NewQuery(secret.Write, "x", nil).Literally("PATCH"), vault.Request{Method: http.MethodPatch, Path: "x"}},
		"wrapped":       {secret.NewQuery(secret.Read, "x", nil).Literally("GET").Wrapped(time.Minute), vault.Request{Method: http.MethodGet, Path: "x", WrapTTL: time.Minute}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := tc.query.Request()
			if len(got.Query) == 0 {
				got.Query = nil
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreTypes(sensitive.String{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQueryParametersOfALiteralPath(t *testing.T) {
	got := secret.NewQuery(secret.Read, "secret/data/app?version=1", nil).Literally("GET").Request()
	if got.Path != "secret/data/app" || got.Query.Get("version") != "1" {
		t.Errorf("%+v", got)
	}
}

// TestOwnPollInterval: a query's own interval beats that of the identity.
func TestOwnPollInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: time.Hour}, func(vault.Request) (*vault.Response, error) { return &vault.Response{}, nil })
		w.store.Watch(alice, read("often").Every(10*time.Minute), nil)
		<-time.After(20 * time.Minute)
		synctest.Wait()
		w.wantCalls("0s GET often", "9m0s GET often", "18m0s GET often")
	})
}

// TestApart: owners have answers of their own, and one owner has one.
func TestApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: time.Hour}, func(vault.Request) (*vault.Response, error) { return &vault.Response{}, nil })
		for _, q := range []secret.Query{read("x"), read("x").Apart("a"), read("x").Apart("a"), read("x").Apart("b")} {
			w.store.Watch(alice, q, nil)
		}
		synctest.Wait()
		w.wantCalls("0s GET x", "0s GET x", "0s GET x")
	})
}
