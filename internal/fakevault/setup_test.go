package fakevault_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// newAPI is the client that most programs use, over a socket.
func newAPI(t *testing.T, s *fakevault.Server) *api.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := api.DefaultConfig()
	config.Address, config.MaxRetries = server.URL, 0
	c, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	c.SetToken(s.RootToken())
	return c
}

func TestUsualClient(t *testing.T) {
	s := fakevault.New()
	s.EnableKV("secret", 2)
	database(s)
	c := newAPI(t, s)
	if _, err := c.KVv2("secret").Put(t.Context(), "a", map[string]any{"value": "x"}); err != nil {
		t.Fatal(err)
	}
	secret, err := c.KVv2("secret").Get(t.Context(), "a")
	if err != nil || secret.Data["value"] != "x" || secret.VersionMetadata.Version != 1 {
		t.Errorf("read %+v, %v", secret, err)
	}
	lease, err := c.Logical().Read("database/creds/app")
	if err != nil {
		t.Fatal(err)
	}
	if renewed, err := c.Sys().Renew(lease.LeaseID, 600); err != nil || renewed.LeaseDuration != 600 {
		t.Errorf("renewed %+v, %v", renewed, err)
	}
	if err := c.Sys().Revoke(lease.LeaseID); err != nil || len(s.Leases()) != 0 {
		t.Errorf("revoke: %v, leases left: %v", err, s.Leases())
	}
	keys, err := c.Logical().List("secret/metadata")
	if err != nil || keys == nil {
		t.Fatalf("list: %v, %v", keys, err)
	}
	if diff := cmp.Diff([]any{"a"}, keys.Data["keys"]); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestUsualClientListsMounts(t *testing.T) {
	s := fakevault.New(fakevault.WithLeaseTTLs(time.Hour, 2*time.Hour))
	s.EnableKV("kv", 2)
	s.EnableAppRole("approle")
	c := newAPI(t, s)
	mounts, err := c.Sys().ListMounts()
	if err != nil || mounts["kv/"] == nil || mounts["kv/"].Options["version"] != "2" || mounts["approle/"] != nil {
		t.Errorf("mounts are %v, %v", mounts, err)
	}
	auth, err := c.Sys().ListAuth()
	if err != nil || auth["approle/"] == nil || auth["token/"] == nil || auth["kv/"] != nil {
		t.Errorf("auth methods are %v, %v", auth, err)
	}
	policies, err := c.Sys().ListPolicies()
	if diff := cmp.Diff([]string{"default", "root"}, policies); diff != "" || err != nil {
		t.Errorf("policies: %v (-want +got):\n%s", err, diff)
	}
	visible, err := c.Logical().Read("sys/internal/ui/mounts")
	if err != nil || len(visible.Data["auth"].(map[string]any)) != 2 || len(visible.Data["secret"].(map[string]any)) != 2 {
		t.Errorf("visible mounts are %+v, %v", visible, err)
	}
	if tune, err := c.Sys().MountConfig("kv"); err != nil || tune.DefaultLeaseTTL != 3600 || tune.MaxLeaseTTL != 7200 {
		t.Errorf("the mount's TTLs are %+v, %v", tune, err)
	}
}

func TestUsualClientUnwraps(t *testing.T) {
	s := fakevault.New()
	s.EnableAppRole("approle")
	role := s.AppRole("approle", "app", true, fakevault.TokenRole{Policies: []string{"app"}})
	c := newAPI(t, s)
	c.ClearToken()
	wrapped := s.WrappedSecretID("approle", "app", time.Minute)
	secret, err := c.Logical().Unwrap(wrapped)
	if err != nil {
		t.Fatal(err)
	}
	login, err := c.Logical().Write("auth/approle/login", map[string]any{"role_id": role, "secret_id": secret.Data["secret_id"]})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"app", "default"}, login.Auth.Policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	if _, err := c.Logical().Unwrap(wrapped); err == nil || !strings.Contains(err.Error(), "wrapping token is not valid or does not exist") {
		t.Errorf("a second unwrap: %v", err)
	}
}

func TestKV(t *testing.T) {
	s := fakevault.New()
	s.EnableKV("one", 1)
	s.EnableKV("two", 2)
	data := map[string]any{"n": 7, "list": []string{"a"}}
	for _, mount := range []string{"one", "two"} {
		s.PutKV(mount, "a", data)
	}
	data["n"] = 8 // the server has its own copy
	want := `{"list":["a"],"n":7}`
	if got := asJSON(t, mustCall(t, s, "root", "GET", "one/a", "").Data); got != want {
		t.Errorf("one/a is %s, want %s", got, want)
	}
	if got := asJSON(t, mustCall(t, s, "root", "GET", "two/data/a", "").Data["data"]); got != want {
		t.Errorf("two/data/a is %s, want %s", got, want)
	}
	for mount, path := range map[string]string{"one": "one/a", "two": "two/data/a"} {
		s.DeleteKV(mount, "a")
		s.DeleteKV(mount, "none")
		if got := call(t, s, "root", "GET", path, "").Status; got != 404 {
			t.Errorf("%s after it was deleted: HTTP %d, want 404", path, got)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSetupMistakes(t *testing.T) {
	cases := map[string]struct {
		do   func(s *fakevault.Server)
		want string
	}{
		"mounted twice":     {func(s *fakevault.Server) { s.EnableKV("kv", 2) }, "fakevault: mount kv: path is already in use at kv/"},
		"mounted below":     {func(s *fakevault.Server) { s.EnablePKI("kv/pki") }, "fakevault: mount kv/pki: path is already in use at kv/"},
		"nothing there":     {func(s *fakevault.Server) { s.DynamicRole("none", "r", 0, 0) }, "fakevault: nothing is mounted at none"},
		"of another type":   {func(s *fakevault.Server) { s.DynamicRole("kv", "r", 0, 0) }, "fakevault: the mount at kv is of type kv"},
		"no kv":             {func(s *fakevault.Server) { s.PutKV("sys", "a", nil) }, "fakevault: the mount at sys is no key-value engine"},
		"no such role":      {func(s *fakevault.Server) { s.SecretID("approle", "r", 0, 0) }, `fakevault: there is no approle role "r"`},
		"data that is none": {func(s *fakevault.Server) { s.PutKV("kv", "a", map[string]any{"f": func() {}}) }, "fakevault: the data of a secret must be JSON: json: unsupported type: func()"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := fakevault.New()
			s.EnableKV("kv", 1)
			s.EnableAppRole("approle")
			defer func() {
				if got := recover(); got != tc.want {
					t.Errorf("panic %v, want %q", got, tc.want)
				}
				mustCall(t, s, "root", "GET", "auth/token/lookup-self", "") // and nothing stays locked
			}()
			tc.do(s)
		})
	}
}

func TestPKI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fakevault.New()
		s.EnablePKI("pki")
		s.PKIRole("pki", "web", 24*time.Hour)
		data := mustCall(t, s, "root", "POST", "pki/issue/web", `{"common_name":"a.test","alt_names":"b.test","ip_sans":"127.0.0.1","ttl":"1h"}`).Data
		cert, key := data["certificate"].(string), data["private_key"].(string)
		if _, err := tls.X509KeyPair([]byte(cert), []byte(key)); err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode([]byte(cert))
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(data["issuing_ca"].(string)))
		for _, name := range []string{"a.test", "b.test", "127.0.0.1"} {
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: pool, CurrentTime: time.Now()}); err != nil {
				t.Errorf("verify for %s: %v", name, err)
			}
		}
		if want := time.Now().Add(time.Hour).Unix(); int64(data["expiration"].(float64)) != want || leaf.NotAfter.Unix() != want {
			t.Errorf("expiration %v and %v, want %v", data["expiration"], leaf.NotAfter.Unix(), want)
		}
		if ca := call(t, s, "", "GET", "pki/ca/pem", ""); ca.Raw != data["issuing_ca"] {
			t.Errorf("ca/pem is %q", ca.Raw)
		}
		if len(s.Leases()) != 0 {
			t.Error("a certificate has a lease")
		}
		serial := data["serial_number"].(string)
		if got := mustCall(t, s, "", "GET", "pki/cert/"+serial, "").Data["certificate"]; got != cert {
			t.Errorf("cert/%s is another", serial)
		}
		pass(11 * 365 * 24 * time.Hour)
		if got := call(t, s, "root", "POST", "pki/issue/web", `{"common_name":"a.test"}`); got.Status != 400 {
			t.Errorf("issue after the CA's end: HTTP %d", got.Status)
		}
	})
}

func TestJWTAuth(t *testing.T) {
	s := fakevault.New()
	s.EnableJWTAuth("jwt")
	s.JWTRole("jwt", "app", []string{"vault"}, "system:serviceaccount:apps:app", fakevault.TokenRole{TTL: time.Minute, NotRenewable: true})
	s.SetJWT("good", fakevault.JWT{Namespace: "apps", ServiceAccount: "app", Audiences: []string{"vault"}})
	s.SetJWT("other", fakevault.JWT{Namespace: "apps", ServiceAccount: "other", Audiences: []string{"vault"}})
	s.SetJWT("audience", fakevault.JWT{Namespace: "apps", ServiceAccount: "app", Audiences: []string{"api"}})
	r := mustCall(t, s, "", "POST", "auth/jwt/login", `{"role":"app","jwt":"good"}`)
	if r.Auth.LeaseDuration != 60 || r.Auth.Renewable || r.Auth.TokenType != "service" {
		t.Errorf("login gave %+v", r.Auth)
	}
	refusals := map[string]string{
		`{"role":"app","jwt":"other"}`:     "error validating token: invalid subject (sub) claim",
		`{"role":"app","jwt":"audience"}`:  "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience",
		`{"role":"app","jwt":"un.kno.wn"}`: "error validating token: error verifying token signature: no known key successfully validated the token signature",
		`{"role":"none","jwt":"good"}`:     `role "none" could not be found`,
		`{"role":"app"}`:                   "missing token",
		`{}`:                               "missing role",
	}
	for body, want := range refusals {
		refused(t, call(t, s, "", "POST", "auth/jwt/login", body), 400, want)
	}
	if got := s.Logins(); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
}

func TestNamespaces(t *testing.T) {
	s := fakevault.New()
	s.EnableNamespace("team")
	s.EnableNamespace("team/dev")
	s.EnableKV("kv", 1)
	s.EnableKV("team/kv", 1)
	s.EnableKV("team/dev/kv", 1)
	for _, ns := range []string{"", "team/", "team/dev/"} {
		s.PutKV(ns+"kv", "a", map[string]any{"value": ns})
	}
	s.EnableUserpass("team/userpass", map[string]string{"u": "p"}, fakevault.TokenRole{Policies: []string{"reader"}})
	s.Policy("team/reader", map[string][]string{"kv/*": {"read"}, "dev/kv/*": {"read"}})
	token := mustCall(t, s, "", "POST", "auth/userpass/login/u", `{"password":"p"}`, "X-Vault-Namespace", "team/").Auth.ClientToken

	cases := map[string]struct {
		token, namespace, path string
		want                   any // nil: denied
	}{
		"root in the root":               {"root", "", "kv/a", ""},
		"root in a namespace":            {"root", "team", "kv/a", "team/"},
		"root in a nested one":           {"root", "team/dev", "kv/a", "team/dev/"},
		"root by path":                   {"root", "", "team/dev/kv/a", "team/dev/"},
		"root half by path":              {"root", "team", "dev/kv/a", "team/dev/"},
		"the name root":                  {"root", "root", "kv/a", ""},
		"its own":                        {token, "team", "kv/a", "team/"},
		"below its own":                  {token, "team/dev", "kv/a", "team/dev/"},
		"outside":                        {token, "", "kv/a", nil},
		"the policy reaches only so far": {token, "team", "other/a", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := call(t, s, tc.token, "GET", tc.path, "", "X-Vault-Namespace", tc.namespace)
			if tc.want == nil {
				refused(t, r, 403, "1 error occurred:\n\t* permission denied\n\n")
				return
			}
			if got := r.Data["value"]; got != tc.want {
				t.Errorf("read %v from %s, want %q", got, r.Raw, tc.want)
			}
		})
	}
	mount := mustCall(t, s, "root", "GET", "sys/internal/ui/mounts/kv/a", "", "X-Vault-Namespace", "team")
	if got := mount.Data["path"]; got != "team/kv/" {
		t.Errorf("the mount's path is %v, want team/kv/", got)
	}
}

func TestWithoutNamespacesTheHeaderIsIgnored(t *testing.T) {
	s := kv(t)
	mustCall(t, s, "root", "GET", "kv/a", "", "X-Vault-Namespace", "team")
}

func TestTokenUses(t *testing.T) {
	s := fakevault.New()
	token := s.CreateToken(fakevault.TokenRole{NumUses: 2, TTL: time.Hour})
	for i, want := range []int{200, 200, 403} {
		if got := call(t, s, token, "GET", "auth/token/lookup-self", "").Status; got != want {
			t.Errorf("use %d: HTTP %d, want %d", i+1, got, want)
		}
	}
}

func TestOutsideOfTheAPI(t *testing.T) {
	s := fakevault.New()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/ui/", nil))
	if w.Code != 404 {
		t.Errorf("HTTP %d, want 404", w.Code)
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	s := fakevault.New()
	database(s)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				remove := s.Fault(fakevault.Fault{Path: "none", Status: 500})
				lease := call(t, s, "root", "GET", "database/creds/app", "")
				call(t, s, "root", "PUT", "sys/leases/renew", `{"lease_id":"`+lease.LeaseID+`"}`)
				s.RevokeLease(lease.LeaseID)
				s.Leases()
				s.Count("PUT", "*")
				remove()
			}
		})
	}
	all.Wait()
	if got := s.Count("PUT", "sys/leases/renew"); got != 400 || len(s.Leases()) != 0 {
		t.Errorf("%d renewals, %d leases left, want 400 and none", got, len(s.Leases()))
	}
}
