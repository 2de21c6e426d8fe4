package session_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
)

// TestMethods logs in by every method that needs no cloud.
func TestMethods(t *testing.T) {
	token := fakevault.TokenRole{Policies: []string{"orders"}, TTL: time.Hour}
	cases := map[string]struct {
		method  v1beta1.AuthMethod
		methods v1beta1.AuthMethods
		secret  func(v *fakevault.Server, folder string) map[string]string
		key     string // what the cache key begins with
	}{
		"jwt of a Secret": {
			method: "jwt", methods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{Role: "r", SecretRef: "s"}},
			secret: func(v *fakevault.Server, _ string) map[string]string {
				v.EnableJWTAuth("m")
				v.JWTRole("m", "r", nil, "", token)
				text := tokenOf(v, "shop", "orders")
				return map[string]string{"jwt": text}
			},
			key: "jwt-",
		},
		"jwt of a ServiceAccount": {
			method: "jwt", methods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{Role: "r", ServiceAccount: "orders", Audiences: []string{"a", "b"}}},
			secret: func(v *fakevault.Server, _ string) map[string]string {
				v.EnableJWTAuth("m")
				v.JWTRole("m", "r", []string{"b"}, "system:serviceaccount:shop:orders", token)
				return nil
			},
			key: "jwt-",
		},
		"appRole": {
			method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "ROLE", SecretRef: "s"}},
			secret: func(v *fakevault.Server, _ string) map[string]string {
				v.EnableAppRole("m")
				id := v.AppRole("m", "r", true, token)
				return map[string]string{"ROLE": id, "id": v.SecretID("m", "r", 0, 0)}
			},
			key: "approle-",
		},
		"appRole of a file": {
			method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "ROLE", SecretIDPath: "FOLDER/id"}},
			secret: func(v *fakevault.Server, folder string) map[string]string {
				v.EnableAppRole("m")
				id := v.AppRole("m", "r", true, token)
				_ = os.WriteFile(filepath.Join(folder, "id"), []byte(v.SecretID("m", "r", 0, 0)), 0o600)
				return map[string]string{"ROLE": id}
			},
			key: "approle-",
		},
		"token": {
			method: "token", methods: v1beta1.AuthMethods{Token: &v1beta1.TokenAuth{SecretRef: "s"}},
			secret: func(v *fakevault.Server, _ string) map[string]string {
				return map[string]string{"token": v.CreateToken(token)}
			},
			key: "token-",
		},
		"userpass": {
			method: "userpass", methods: v1beta1.AuthMethods{Userpass: &v1beta1.PasswordAuth{Username: "u", SecretRef: "s"}},
			secret: func(v *fakevault.Server, _ string) map[string]string {
				v.EnableUserpass("m", map[string]string{"u": canary}, token)
				return map[string]string{"password": canary + "\n"}
			},
			key: "userpass-",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				data := tc.secret(w.vault, folder)
				if a := tc.methods.AppRole; a != nil {
					tc.methods.AppRole = &v1beta1.AppRoleAuth{
						RoleID: data["ROLE"], SecretRef: a.SecretRef, SecretIDPath: strings.Replace(a.SecretIDPath, "FOLDER", folder, 1),
					}
				}
				for _, o := range []client.Object{
					vaultAuth("a", "shop", 60, v1beta1.VaultAuthSpec{Method: tc.method, Mount: "m", AuthMethods: tc.methods}),
					secretOf("s", "shop", 61, data),
				} {
					if err := w.cluster.Create(t.Context(), o); err != nil {
						t.Fatal(err)
					}
				}
				s, stop := w.start(func(o *session.Options) { o.SecretIDFolders = []string{folder} })
				got := in(t, s, session.Ask{Namespace: "shop", AuthRef: "a"})
				if !strings.HasPrefix(got.CacheKey(), tc.key) {
					t.Errorf("cache key %q", got.CacheKey())
				}
				if _, err := get(t, got, "secret/data/orders"); err != nil {
					t.Error(err)
				}
				stop()
				// A token that somebody else made is not ours to revoke.
				if n := w.vault.Count("PUT", "auth/token/revoke-self"); (n == 0) != (tc.method == "token") {
					t.Errorf("%d tokens revoked", n)
				}
			})
		})
	}
}

// tokenOf makes a token of a ServiceAccount that Vault takes.
func tokenOf(v *fakevault.Server, namespace, name string) string {
	expires := time.Now().Add(time.Hour)
	text := token("system:serviceaccount:"+namespace+":"+name, 0, expires)
	v.SetJWT(text, fakevault.JWT{Namespace: namespace, ServiceAccount: name, Audiences: []string{"vault"}, Expires: expires})
	return text
}

// TestFileErrors: a secret id in the operator's pod has to be a small regular file.
func TestFileErrors(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "large"), make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"folder": `read the secret id: "FOLDER/folder" is not a regular file`,
		"large":  `read the secret id: "FOLDER/large" is larger than 1 MiB`,
		"none":   `read the secret id: stat FOLDER/none: no such file or directory`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, vaultAuth("a", "shop", 60, v1beta1.VaultAuthSpec{Method: "appRole", Mount: "m", AuthMethods: v1beta1.AuthMethods{
					AppRole: &v1beta1.AppRoleAuth{RoleID: "r", SecretIDPath: filepath.Join(folder, name)},
				}}))
				s, _ := w.start(func(o *session.Options) { o.SecretIDFolders = []string{folder} })
				wantError(t, s, session.Ask{Namespace: "shop", AuthRef: "a"}, strings.ReplaceAll(want, "FOLDER", folder))
			})
		})
	}
}

// TestExtras: params and headers of a VaultAuth go with the login, and with nothing else.
func TestExtras(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, vaultAuth("a", "shop", 60, v1beta1.VaultAuthSpec{
			Method: "kubernetes", Mount: "kubernetes", Params: map[string]string{"extra": "1", "role": "mine"}, Headers: map[string]string{"X-Extra": "2"},
			AuthMethods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: "orders", ServiceAccount: "orders", Audiences: []string{"vault"}}},
		}))
		seen := &recorder{next: w.vault}
		s, _ := w.start(func(o *session.Options) { o.Transport = seen })
		if _, err := get(t, in(t, s, session.Ask{Namespace: "shop", AuthRef: "a"}), "secret/data/orders"); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"/v1/auth/kubernetes/login extra=1 role=orders header=2",
			"/v1/secret/data/orders extra= role= header=",
		}
		if diff := cmp.Diff(want, seen.seen); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// recorder notes what goes with requests.
type recorder struct {
	next http.RoundTripper
	seen []string
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	var body struct{ Extra, Role string }
	if q.Body != nil {
		content, err := io.ReadAll(q.Body)
		if err != nil {
			return nil, err
		}
		q.Body = io.NopCloser(bytes.NewReader(content))
		_ = json.Unmarshal(content, &body)
	}
	r.seen = append(r.seen, q.URL.Path+" extra="+body.Extra+" role="+body.Role+" header="+q.Header.Get("X-Extra"))
	return r.next.RoundTrip(q)
}
