package kube

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func tokenOf(claims string) string {
	return "header." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".signature"
}

const ownClaims = `{"kubernetes.io":{"namespace":"vault","pod":{"name":"p","uid":"1"},"serviceaccount":{"name":"injector","uid":"2"}},"sub":"system:serviceaccount:vault:injector"}`

func TestOwnersOf(t *testing.T) {
	own := []Owner{{APIVersion: "v1", Kind: "ServiceAccount", Name: "injector", UID: "2"}}
	cases := map[string]struct {
		token, namespace string
		want             []Owner
		reason           string
	}{
		"Own":               {token: tokenOf(ownClaims), namespace: "vault", want: own},
		"Other namespace":   {token: tokenOf(ownClaims), namespace: "shop", reason: "an owner must be in the namespace of what it owns"},
		"Old token":         {token: tokenOf(`{"kubernetes.io/serviceaccount/namespace":"vault"}`), namespace: "vault", reason: "tokens of Secrets have other claims"},
		"Without uid":       {token: tokenOf(`{"kubernetes.io":{"namespace":"vault","serviceaccount":{"name":"a"}}}`), namespace: "vault"},
		"Of another issuer": {token: tokenOf(`{"sub":"somebody"}`), namespace: ""},
		"No claims":         {token: tokenOf(`[]`), namespace: "vault"},
		"No base64":         {token: "a.*.c", namespace: "vault"},
		"No token of JSON":  {token: "s3cret", namespace: "vault"},
		"Nothing":           {},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, OwnersOf(tc.token, tc.namespace)); diff != "" {
				t.Error(tc.reason + diff)
			}
		})
	}
}

func TestOwners(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	c := Through("http://127.0.0.1:1", nil, file)
	if got := c.Owners(t.Context(), "vault"); got != nil {
		t.Errorf("without a token: %v", got)
	}
	if err := os.WriteFile(file, []byte(tokenOf(ownClaims)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := c.Owners(t.Context(), "vault"); len(got) != 1 || got[0].Name != "injector" {
		t.Errorf("got %v", got)
	}
}

func FuzzOwnersOf(f *testing.F) {
	f.Add(tokenOf(ownClaims))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		for _, o := range OwnersOf(token, "vault") {
			if o.Name == "" || o.UID == "" {
				t.Errorf("%+v", o)
			}
		}
	})
}
