package store_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	raw    = "0123456789abcdef"
	canary = "canary-7f3a-hunter2"
)

func key(t testing.TB, text string) mac.Key {
	t.Helper()
	k, err := mac.NewKey(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func entry() store.Entry {
	return store.Entry{
		CacheKey:   "kubernetes-2a8108711ae49ac0faa724",
		Auth:       store.Object{Namespace: "apps", UID: "auth-uid", Generation: 3},
		Connection: store.Object{Namespace: "ops", UID: "connection-uid", Generation: 4},
		Provider:   store.Provider{Namespace: "shop", UID: "provider-uid"},
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSecret(t *testing.T) {
	owner := metav1.OwnerReference{Name: "deployment"}
	got, err := entry().Secret("ops", []byte("payload"), key(t, raw), owner)
	if err != nil {
		t.Fatal(err)
	}
	// The MAC is written out here once more, as it is known of the older operator.
	h := hmac.New(sha256.New, []byte(raw))
	h.Write([]byte("vso-cc-kubernetes-2a8108711ae49ac0faa724" + "kubernetes-2a8108711ae49ac0faa724" + "payload"))
	immutable := true
	want := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ops", Name: "vso-cc-kubernetes-2a8108711ae49ac0faa724", OwnerReferences: []metav1.OwnerReference{owner},
			Labels: map[string]string{
				"app.kubernetes.io/name": "vault-secrets-operator", "app.kubernetes.io/managed-by": "vso", "app.kubernetes.io/component": "client-cache-storage",
				"cacheKey": "kubernetes-2a8108711ae49ac0faa724", "auth/namespace": "apps", "auth/UID": "auth-uid", "auth/generation": "3",
				"connection/namespace": "ops", "connection/UID": "connection-uid", "connection/generation": "4",
				"provider/namespace": "shop", "provider/UID": "provider-uid",
			},
		},
		Immutable: &immutable,
		Data:      map[string][]byte{"secret": []byte("payload"), "messageMAC": h.Sum(nil)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	encrypted := entry()
	encrypted.TransitRef = "transit-auth"
	got, err = encrypted.Secret("ops", []byte("payload"), key(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	if got.Labels["encrypted"] != "true" || got.Labels["vaultTransitRef"] != "transit-auth" {
		t.Errorf("labels %v", got.Labels)
	}
}

func TestSecretErrors(t *testing.T) {
	cases := map[string]struct {
		entry   store.Entry
		payload string
		key     mac.Key
		want    string
	}{
		"NoCacheKey": {store.Entry{}, "p", key(t, raw), "keep a token: the session has no cache key"},
		"NoPayload":  {entry(), "", key(t, raw), `keep the token of session "kubernetes-2a8108711ae49ac0faa724": there is nothing to keep`},
		"NoKey":      {entry(), "p", mac.Key{}, `keep the token of session "kubernetes-2a8108711ae49ac0faa724": there is no key to sign with`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := tc.entry.Secret("ops", []byte(tc.payload), tc.key); text(err) != tc.want {
				t.Errorf("error %q, want %q", text(err), tc.want)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	const changed = "kept token ops/vso-cc-kubernetes-2a8108711ae49ac0faa724: the MAC is not that of the token: the Secret was changed, or signed with another key"
	cases := map[string]struct {
		change func(*corev1.Secret)
		key    string
		want   string
	}{
		"Good":         {change: func(*corev1.Secret) {}},
		"NoLabels":     {change: func(s *corev1.Secret) { s.Labels = nil }},
		"OtherKey":     {change: func(*corev1.Secret) {}, key: "fedcba9876543210", want: changed},
		"Payload":      {change: func(s *corev1.Secret) { s.Data["secret"] = []byte(canary) }, want: changed},
		"MAC":          {change: func(s *corev1.Secret) { s.Data["messageMAC"][0] ^= 1 }, want: changed},
		"Renamed":      {change: func(s *corev1.Secret) { s.Name = "vso-cc-jwt-2a8108711ae49ac0faa724" }, want: strings.Replace(changed, "kubernetes-", "jwt-", 1)},
		"OtherName":    {change: func(s *corev1.Secret) { s.Name = "x" }, want: `kept token ops/x: the name is not "vso-cc-"CACHEKEY`},
		"NoName":       {change: func(s *corev1.Secret) { s.Name = "vso-cc-" }, want: `kept token ops/vso-cc-: the name is not "vso-cc-"CACHEKEY`},
		"NoPayload":    {change: func(s *corev1.Secret) { delete(s.Data, "secret") }, want: `kept token ops/vso-cc-kubernetes-2a8108711ae49ac0faa724: the data has no key "secret"`},
		"NoMAC":        {change: func(s *corev1.Secret) { s.Data["messageMAC"] = nil }, want: `kept token ops/vso-cc-kubernetes-2a8108711ae49ac0faa724: the data has no key "messageMAC"`},
		"Generation":   {change: func(s *corev1.Secret) { s.Labels["auth/generation"] = "x" }, want: `kept token ops/vso-cc-kubernetes-2a8108711ae49ac0faa724: label "auth/generation" is "x", not a generation`},
		"OtherGenerat": {change: func(s *corev1.Secret) { s.Labels["connection/generation"] = "1.5" }, want: `kept token ops/vso-cc-kubernetes-2a8108711ae49ac0faa724: label "connection/generation" is "1.5", not a generation`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := entry()
			want.TransitRef = "transit"
			s, err := want.Secret("ops", []byte("payload"), key(t, raw))
			if err != nil {
				t.Fatal(err)
			}
			tc.change(s)
			if s.Labels == nil {
				want = store.Entry{CacheKey: want.CacheKey}
			}
			if tc.key == "" {
				tc.key = raw
			}
			got, payload, err := store.Open(s, key(t, tc.key))
			if text(err) != tc.want {
				t.Fatalf("error %q, want %q", text(err), tc.want)
			}
			if err == nil && (cmp.Diff(want, got) != "" || string(payload) != "payload") {
				t.Errorf("payload %q (-want +got):\n%s", payload, cmp.Diff(want, got))
			}
		})
	}
}

func token() auth.Token {
	return auth.Token{
		Value: sensitive.New("hvs." + canary), Accessor: "accessor", TTL: time.Hour, Renewable: true,
		Policies: []string{"default", "app"}, Metadata: map[string]string{"role": "r"},
	}
}

func TestToken(t *testing.T) {
	encoded := store.EncodeToken(token())
	// This is what the Vault API's own type makes of a login; the older operator reads it.
	want := `{"request_id":"","lease_id":"","lease_duration":0,"renewable":false,"data":null,"warnings":null,"auth":{"client_token":"hvs.` + canary +
		`","accessor":"accessor","policies":["default","app"],"token_policies":["default","app"],"identity_policies":null,"metadata":{"role":"r"},"orphan":false,` +
		`"entity_id":"","lease_duration":3600,"renewable":true,"mfa_requirement":null}}`
	if diff := cmp.Diff(want, string(encoded)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err := store.DecodeToken(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(token(), got, cmp.AllowUnexported(sensitive.String{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeToken(t *testing.T) {
	cases := map[string]struct {
		encoded string
		ttl     time.Duration
		want    string
	}{
		"Real":     {encoded: `{"request_id":"x","lease_duration":0,"data":{},"warnings":["w"],"auth":{"client_token":"t","lease_duration":60,"renewable":true,"num_uses":0,"token_type":"service"}}`, ttl: time.Minute},
		"Negative": {encoded: `{"auth":{"client_token":"t","lease_duration":-5}}`},
		"Huge":     {encoded: `{"auth":{"client_token":"t","lease_duration":9223372036854775807}}`, ttl: 9223372036 * time.Second},
		"NoAuth":   {encoded: `{}`, want: "read a kept token: there is none in it"},
		"Null":     {encoded: `null`, want: "read a kept token: there is none in it"},
		"NoToken":  {encoded: `{"auth":{"accessor":"` + canary + `"}}`, want: "read a kept token: there is none in it"},
		"NotJSON":  {encoded: canary, want: "read a kept token: it is not the JSON of a login"},
		"Type":     {encoded: `{"auth":{"client_token":5}}`, want: "read a kept token: it is not the JSON of a login"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := store.DecodeToken([]byte(tc.encoded))
			if text(err) != tc.want {
				t.Fatalf("error %q, want %q", text(err), tc.want)
			}
			if got.TTL != tc.ttl {
				t.Errorf("TTL %s, want %s", got.TTL, tc.ttl)
			}
		})
	}
}

func TestKeepable(t *testing.T) {
	cases := map[string]struct {
		change func(*auth.Token)
		want   bool
	}{
		"Good":         {func(*auth.Token) {}, true},
		"NotRenewable": {func(t *auth.Token) { t.Renewable = false }, false},
		"Batch":        {func(t *auth.Token) { t.Batch = true }, false},
		"Empty":        {func(t *auth.Token) { t.Value = sensitive.String{} }, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tok := token()
			tc.change(&tok)
			if got := store.Keepable(tok); got != tc.want {
				t.Errorf("keepable is %t", got)
			}
		})
	}
}

func TestClientID(t *testing.T) {
	// Computed by b2sum -l 256.
	if got, want := store.ClientID("3cb18a45-eb9e-0ed8-149b-ae4f83808925"), "d2bd05d019ddbfd66c6c4eb1e28fb15b7c7313bebec3fbec0f54985cb370c6c2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := store.ClientID(""); got != "" {
		t.Errorf("no accessor has the id %s", got)
	}
}

func TestEncryption(t *testing.T) {
	e := store.Encryption{Mount: "/transit/", Key: "vso"}
	plain := store.EncodeToken(token())
	request := e.Encrypt(plain)
	if diff := cmp.Diff(store.Request{Path: "transit/encrypt/vso", Body: map[string]any{"name": "vso", "plaintext": base64.StdEncoding.EncodeToString(plain)}}, request); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	payload, err := e.Encrypted(map[string]any{"ciphertext": "vault:v1:abc", "key_version": json.Number("1")})
	if err != nil || string(payload) != `{"ciphertext":"vault:v1:abc","key_version":1}` {
		t.Errorf("payload %s, error %v", payload, err)
	}
	back, err := e.Decrypt(payload)
	if diff := cmp.Diff(store.Request{Path: "transit/decrypt/vso", Body: map[string]any{"name": "vso", "ciphertext": "vault:v1:abc"}}, back); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	got, err := e.Decrypted(map[string]any{"plaintext": request.Body["plaintext"]})
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("error %v, %d bytes", err, len(got))
	}
}

func TestEncryptionErrors(t *testing.T) {
	var e store.Encryption
	_, noCiphertext := e.Encrypted(map[string]any{"ciphertext": 5})
	_, noJSON := e.Encrypted(map[string]any{"ciphertext": canary, "x": func() {}})
	_, notPayload := e.Decrypt([]byte(canary))
	_, emptyPayload := e.Decrypt([]byte(`{"ciphertext":""}`))
	_, noPlaintext := e.Decrypted(map[string]any{})
	_, notBase64 := e.Decrypted(map[string]any{"plaintext": canary})
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"NoCiphertext": {noCiphertext, "encrypt a token: the answer has no ciphertext"},
		"NoJSON":       {noJSON, "encrypt a token: the answer is not JSON"},
		"NotPayload":   {notPayload, "decrypt a kept token: there is no ciphertext in it"},
		"EmptyPayload": {emptyPayload, "decrypt a kept token: there is no ciphertext in it"},
		"NoPlaintext":  {noPlaintext, "decrypt a kept token: the answer has no plaintext"},
		"NotBase64":    {notBase64, "decrypt a kept token: the answer has no plaintext"},
	} {
		if text(tc.err) != tc.want {
			t.Errorf("%s: error %q, want %q", name, text(tc.err), tc.want)
		}
	}
}

func FuzzDecodeToken(f *testing.F) {
	f.Add([]byte(`{"auth":{"client_token":"t"}}`))
	f.Add([]byte(`{"auth":5}`))
	f.Add(store.EncodeToken(token()))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		tok, err := store.DecodeToken(encoded)
		if err != nil {
			return
		}
		again, err := store.DecodeToken(store.EncodeToken(tok))
		if err != nil || again.Value != tok.Value || again.TTL != tok.TTL {
			t.Errorf("%v does not survive: error %v", fmt.Sprintf("%q", encoded), err)
		}
	})
}
