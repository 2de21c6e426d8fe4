package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// persist sets a model of persistence.
func persist(p session.Persistence) func(*session.Options) {
	return func(o *session.Options) { o.Persistence = p }
}

// TestRestart: the next process goes on with the token, and the leases of it live.
func TestRestart(t *testing.T) {
	for _, model := range []session.Persistence{session.PersistPlain, session.PersistEncrypted} {
		t.Run(string(model), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, encrypter())
				s, stop := w.start(persist(model), w.withTransit())
				first := in(t, s, orders)
				id := first.ClientID()
				if _, err := get(t, first, "database/creds/orders"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				kept := w.kept()
				if len(kept) != 1 || kept[0].Name != "vso-cc-"+first.CacheKey() {
					t.Fatalf("kept %v", kept)
				}
				if plain := bytes.Contains(kept[0].Data["secret"], []byte(first.Token().Token.Value.Reveal())); plain == (model == session.PersistEncrypted) {
					t.Errorf("the token is in the Secret as it is: %v", plain)
				}
				stop()
				logins := w.vault.Logins()
				s, _ = w.start(persist(model), w.withTransit())
				second := in(t, s, orders)
				if second.ClientID() != id || !second.Token().Resumed {
					t.Errorf("client ID %q, resumed %v; want %q", second.ClientID(), second.Token().Resumed, id)
				}
				if n := w.vault.Logins() - logins; n > 1 || n == 1 && model == session.PersistPlain {
					t.Errorf("%d logins of the second process", n)
				}
				if len(w.vault.Leases()) != 1 {
					t.Error("the lease has ended")
				}
				pass(3 * time.Hour)
				if got := in(t, s, orders).ClientID(); got != id {
					t.Error("the token was not kept alive")
				}
				if got := s.State(); got.Kept != 1 || got.Encrypted != (model == session.PersistEncrypted) {
					t.Errorf("state %+v", got)
				}
			})
		})
	}
}

// TestUnfit: what is kept and of no use is deleted, and the login made anew.
func TestUnfit(t *testing.T) {
	cases := map[string]struct {
		between func(t *testing.T, w *world, token string)
		model   session.Persistence
		key     bool // the second process has another key
	}{
		"the token ended":   {model: session.PersistPlain, between: func(_ *testing.T, w *world, token string) { w.vault.RevokeToken(token) }},
		"another key":       {model: session.PersistPlain, key: true},
		"it must encrypted": {model: session.PersistEncrypted},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, encrypter())
				s, stop := w.start(persist(session.PersistPlain))
				first := in(t, s, orders)
				synctest.Wait()
				before := w.kept()[0]
				stop()
				if tc.between != nil {
					tc.between(t, w, first.Token().Token.Value.Reveal())
				}
				if tc.key {
					var err error
					if w.key, err = mac.NewKey(strings.NewReader("0123456789abcdef")); err != nil {
						t.Fatal(err)
					}
				}
				s, _ = w.start(persist(tc.model), w.withTransit())
				if second := in(t, s, orders); second.ClientID() == first.ClientID() {
					t.Error("the old token is used")
				}
				synctest.Wait()
				kept := w.kept()
				if len(kept) != 1 || bytes.Equal(kept[0].Data["secret"], before.Data["secret"]) {
					t.Errorf("%d tokens are kept; want the new one", len(kept))
				}
			})
		})
	}
}

// TestNotKept: a token that cannot be renewed is not kept, and none is with the
// model none, which also deletes what was kept before.
func TestNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, stop := w.start(persist(session.PersistPlain))
		in(t, s, orders)
		w.vault.KubernetesRole("kubernetes", "orders", fakevault.KubernetesRole{
			ServiceAccounts: []string{"orders"}, Namespaces: []string{"team"}, Token: fakevault.TokenRole{TTL: time.Hour, Batch: true},
		})
		in(t, s, session.Ask{Namespace: "team", AuthRef: "shop/orders"})
		synctest.Wait()
		if n := len(w.kept()); n != 1 {
			t.Errorf("%d tokens are kept, want only the one that can be renewed", n)
		}
		stop()
		w.start()
		synctest.Wait()
		if n := len(w.kept()); n != 0 {
			t.Errorf("%d tokens are kept with the model none", n)
		}
	})
}

// TestVaultAwayAtRestart: a kept token is not given up because Vault does not
// answer for a while.
func TestVaultAwayAtRestart(t *testing.T) {
	for name, fault := range map[string]fakevault.Fault{
		"everything": {Status: 503},
		"transit":    {Status: 503, Path: "transit/*"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, encrypter())
				s, stop := w.start(persist(session.PersistEncrypted), w.withTransit())
				id := in(t, s, orders).ClientID()
				synctest.Wait()
				stop()
				over := w.vault.Fault(fault)
				s, _ = w.start(persist(session.PersistEncrypted), w.withTransit())
				if _, err := s.For(t.Context(), orders); err == nil {
					t.Fatal("no error while Vault is away")
				}
				over()
				pass(time.Minute)
				if got := in(t, s, orders).ClientID(); got != id {
					t.Error("the kept token was given up")
				}
			})
		})
	}
}

// TestKeepRetries: what could not be kept for the moment is kept later.
func TestKeepRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.setBroken(func(what string) error {
			if strings.HasPrefix(what, "create") {
				return errAway
			}
			return nil
		})
		s, _ := w.start(persist(session.PersistPlain))
		in(t, s, orders)
		synctest.Wait()
		if n := len(w.kept()); n != 0 {
			t.Fatalf("%d tokens are kept", n)
		}
		w.setBroken(nil)
		pass(2 * time.Second)
		if n := len(w.kept()); n != 1 {
			t.Errorf("%d tokens are kept, want 1", n)
		}
		if !strings.Contains(w.logged.String(), "etcd is away") {
			t.Error("the log does not tell why")
		}
	})
}

// TestPrune: kept tokens go with what they were made of, also those that this
// process has not used.
func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, stop := w.start(persist(session.PersistPlain))
		in(t, s, orders)
		in(t, s, session.Ask{Namespace: "team", AuthRef: "shop/orders"})
		synctest.Wait()
		stop()
		s, _ = w.start(persist(session.PersistPlain))
		s.Changed("VaultAuth", types.NamespacedName{Namespace: "shop", Name: "orders"})
		pass(5 * time.Second)
		if n := len(w.kept()); n != 2 || s.State().Kept != 2 {
			t.Fatalf("%d tokens are kept, want 2: nothing changed", n)
		}
		in(t, s, orders)
		change(w, vaultAuth("orders", "shop", 2, v1beta1.VaultAuthSpec{}), func(a *v1beta1.VaultAuth) { a.Spec.Kubernetes.Role = "other" })
		s.Changed("VaultAuth", types.NamespacedName{Namespace: "shop", Name: "orders"})
		pass(5 * time.Second)
		if n := len(w.kept()); n != 0 {
			t.Errorf("%d tokens are kept, want none", n)
		}
	})
}

func TestLoadKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		again, err := session.LoadKey(t.Context(), w.cluster, w.cluster, operatorNamespace, nil)
		if err != nil || again.Text(nil) != w.key.Text(nil) {
			t.Errorf("another key, error %v", err)
		}
		bad := secretOf(mac.KeySecretName, "shop", 40, map[string]string{"key": canary})
		if err := w.cluster.Create(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		_, err = session.LoadKey(t.Context(), w.cluster, w.cluster, "shop", nil)
		if want := fmt.Sprintf(`secret shop/vso-cc-storage-hmac-key: "key" has %d bytes instead of 16`, len(canary)); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
		owner := metav1.OwnerReference{APIVersion: "v1", Kind: "ServiceAccount", Name: "operator", UID: "u-1"}
		_, err = session.LoadKey(t.Context(), w.cluster, w.cluster, "bank", func(context.Context) []metav1.OwnerReference { return []metav1.OwnerReference{owner} })
		made := &corev1.Secret{}
		if err = errors.Join(err, w.cluster.Get(t.Context(), types.NamespacedName{Namespace: "bank", Name: mac.KeySecretName}, made)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]metav1.OwnerReference{owner}, made.OwnerReferences); diff != "" {
			t.Errorf("owners (-want +got):\n%s", diff)
		}
		// Another process creates the key between our look and our own.
		missing := true
		w.setBroken(func(what string) error {
			if missing && what == "get *v1.Secret" {
				missing = false
				return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, mac.KeySecretName)
			}
			return nil
		})
		again, err = session.LoadKey(t.Context(), w.cluster, w.cluster, operatorNamespace, nil)
		if err != nil || again.Text(nil) != w.key.Text(nil) {
			t.Errorf("after a race another key, error %v", err)
		}
		w.setBroken(func(string) error { return errAway })
		_, err = session.LoadKey(t.Context(), w.cluster, w.cluster, operatorNamespace, nil)
		want := "read the key that Secrets are compared with, in Secret vault-secrets-operator-system/vso-cc-storage-hmac-key: Internal error occurred: etcd is away"
		if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestEncryptErrors says what is wrong with the VaultAuth that tokens are encrypted with.
func TestEncryptErrors(t *testing.T) {
	two := encrypter()
	two.Name, two.UID = "second", "00000000-0000-4000-8000-000000000099"
	bare := encrypter()
	bare.Spec.StorageEncryption = nil
	cases := map[string]struct {
		auths []*v1beta1.VaultAuth
		want  string
	}{
		"none": {want: `must have exactly one VaultAuth with label cacheStorageEncryption=true, not 0`},
		"two":  {auths: []*v1beta1.VaultAuth{encrypter(), two}, want: `must have exactly one VaultAuth with label cacheStorageEncryption=true, not 2`},
		"bare": {auths: []*v1beta1.VaultAuth{bare}, want: `storageEncryption is not set, which label cacheStorageEncryption=true asks for`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for _, a := range tc.auths {
					a := a.DeepCopy()
					if err := w.cluster.Create(t.Context(), a); err != nil {
						t.Fatal(err)
					}
				}
				s, _ := w.start(persist(session.PersistEncrypted), w.withTransit())
				in(t, s, orders) // the operator works without
				synctest.Wait()
				if got := w.logged.String(); !strings.Contains(got, tc.want) {
					t.Errorf("log:\n%s", got)
				}
				if len(w.kept()) != 0 {
					t.Error("a token is kept")
				}
			})
		})
	}
}

// encrypter is the VaultAuth that tokens are encrypted with.
func encrypter() *v1beta1.VaultAuth {
	a := vaultAuth("encrypt", operatorNamespace, 50, v1beta1.VaultAuthSpec{
		Method: "userpass", Mount: "userpass", VaultConnectionRef: "default", StorageEncryption: &v1beta1.StorageEncryption{Mount: "transit", KeyName: "cache"},
		AuthMethods: v1beta1.AuthMethods{Userpass: &v1beta1.PasswordAuth{Username: "operator", SecretRef: "operator"}},
	})
	a.Labels = map[string]string{"cacheStorageEncryption": "true"}
	return a
}

// withTransit gives Vault a transit engine, which turns texts around, and a user
// that may use it.
func (w *world) withTransit() func(*session.Options) {
	password := secretOf("operator", operatorNamespace, 51, map[string]string{"password": canary})
	if err := w.cluster.Create(w.t.Context(), password); err == nil {
		w.vault.EnableUserpass("userpass", map[string]string{"operator": canary}, fakevault.TokenRole{TTL: time.Hour})
	}
	return func(o *session.Options) { o.Transport = transit{w.vault} }
}

type transit struct{ vault *fakevault.Server }

// RoundTrip implements http.RoundTripper.
func (e transit) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Path, "/v1/transit/") {
		return e.vault.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body, r.ContentLength = http.NoBody, 0
	answer, err := e.vault.RoundTrip(r) // faults, and the check of the token
	if err != nil || answer.StatusCode == http.StatusServiceUnavailable {
		return answer, err
	}
	var in struct{ Plaintext, Ciphertext string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	data := map[string]string{"ciphertext": "vault:v1:" + turned(in.Plaintext), "key_version": "1"}
	if strings.Contains(r.URL.Path, "/decrypt/") {
		data = map[string]string{"plaintext": turned(strings.TrimPrefix(in.Ciphertext, "vault:v1:"))}
	}
	content, err := json.Marshal(map[string]any{"request_id": "r", "data": data})
	answer.StatusCode, answer.Status, answer.Body = http.StatusOK, "200 OK", io.NopCloser(bytes.NewReader(content))
	answer.ContentLength = int64(len(content))
	return answer, err
}

// turned is its own opposite.
func turned(text string) string {
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	for i := range content {
		content[i] ^= 0x55
	}
	return base64.StdEncoding.EncodeToString(content)
}
