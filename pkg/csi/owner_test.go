package csi

import (
	"encoding/base64"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVersionKeyIsOwned: the key must go with the provider's service account.
func TestVersionKeyIsOwned(t *testing.T) {
	c, k := newKube(t)
	claims := `{"kubernetes.io":{"namespace":"vault","serviceaccount":{"name":"provider","uid":"u-1"}}}`
	if err := os.WriteFile(k.TokenFile, []byte("h."+base64.RawURLEncoding.EncodeToString([]byte(claims))+".s"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.Transport = signedIn{c}
	if _, err := k.versionKey(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	stored, _ := c.objects["/api/v1/namespaces/vault/secrets/key"].(map[string]any)
	metadata, _ := stored["metadata"].(map[string]any)
	want := []any{map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "name": "provider", "uid": "u-1"}}
	if diff := cmp.Diff(want, metadata["ownerReferences"]); diff != "" {
		t.Error(diff)
	}
}

// signedIn makes the token of every request the one that the API server knows.
type signedIn struct{ next http.RoundTripper }

func (s signedIn) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer account-token")
	return s.next.RoundTrip(r)
}
