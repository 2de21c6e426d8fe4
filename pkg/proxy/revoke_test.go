package proxy_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
)

// family is what some applications got through the proxy.
type family struct {
	agentLease, otherLease string // by the agent's token
	app, appLease          string // a token from a login, and its lease
	child, childLease      string // a token made with that, and its lease
}

// newFamily fills the cache with six entries.
func newFamily(w *world) family {
	w.t.Helper()
	w.vault.DynamicRole("database", "other", time.Hour, 4*time.Hour)
	var f family
	f.agentLease = w.credentials().text("lease_id")
	f.otherLease = w.credentialsAt("database/creds/other").text("lease_id")
	f.app = w.userLogin()
	f.appLease = w.credentials("X-Vault-Token", f.app).text("lease_id")
	f.child = w.ask("POST", "auth/token/create", `{"policies":["app"],"ttl":"30m"}`, "X-Vault-Token", f.app).text("auth.client_token")
	f.childLease = w.credentials("X-Vault-Token", f.child).text("lease_id")
	w.wantCached("the whole family", 6)
	return f
}

// cached lists who is still in the cache, by asking for all again.
func (f family) cached(w *world) []string {
	hit := func(a answer) bool { return a.header.Get("X-Cache") == "HIT" }
	asks := []struct {
		name string
		ask  func() answer
	}{
		{"agent lease", func() answer { return w.ask("GET", "database/creds/app", "", "X-Vault-Token", w.agentToken()) }},
		{"other lease", func() answer { return w.ask("GET", "database/creds/other", "", "X-Vault-Token", w.agentToken()) }},
		{"app", func() answer { return w.ask("PUT", "auth/userpass/login/u", `{"password":"p"}`) }},
		{"app lease", func() answer { return w.ask("GET", "database/creds/app", "", "X-Vault-Token", f.app) }},
		{"child", func() answer {
			return w.ask("POST", "auth/token/create", `{"policies":["app"],"ttl":"30m"}`, "X-Vault-Token", f.app)
		}},
		{"child lease", func() answer { return w.ask("GET", "database/creds/app", "", "X-Vault-Token", f.child) }},
	}
	var found []string
	for _, a := range asks {
		if hit(a.ask()) {
			found = append(found, a.name)
		}
	}
	return found
}

func (f family) fill(w *world, text string) string {
	return strings.NewReplacer(
		"AGENTLEASE", f.agentLease, "APPLEASE", f.appLease, "APPTOKEN", f.app, "CHILDTOKEN", f.child, "AGENTTOKEN", w.agentToken(),
		"AGENTACCESSOR", accessor(w, w.agentToken()), "APPACCESSOR", accessor(w, f.app), "CHILDACCESSOR", accessor(w, f.child),
	).Replace(text)
}

var everyone = []string{"agent lease", "other lease", "app", "app lease", "child", "child lease"}

// without is everyone but some.
func without(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(everyone), func(name string) bool { return slices.Contains(names, name) })
}

func TestRevocationsEvict(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   string
		body   string
		token  string // "": the agent's
		want   []string
	}{
		"lease":              {"", "sys/leases/revoke", `{"lease_id":"AGENTLEASE"}`, "", without("agent lease")},
		"lease in the path":  {"", "sys/leases/revoke/AGENTLEASE", ``, "", without("agent lease")},
		"lease, old path":    {"", "sys/revoke", `{"lease_id":"APPLEASE"}`, "", without("app lease")},
		"lease, old way":     {"", "sys/revoke/APPLEASE", ``, "", without("app lease")},
		"unknown lease":      {"it is none of ours", "sys/leases/revoke", `{"lease_id":"database/creds/app/x"}`, "", everyone},
		"prefix":             {"all leases of a role", "sys/leases/revoke-prefix/database/creds/app", ``, "", []string{"other lease", "app", "child"}},
		"prefix of a mount":  {"all leases of an engine", "sys/leases/revoke-prefix/database", ``, "", []string{"app", "child"}},
		"prefix of part":     {"a prefix ends between two slashes", "sys/leases/revoke-prefix/data", ``, "", everyone},
		"by force":           {"", "sys/leases/revoke-force/database/creds/other", ``, "", without("other lease")},
		"prefix, old path":   {"", "sys/revoke-prefix/database/creds/other", ``, "", without("other lease")},
		"by force, old path": {"", "sys/revoke-force/database/creds/other", ``, "", without("other lease")},
		"token":              {"its child goes with it", "auth/token/revoke", `{"token":"APPTOKEN"}`, "", []string{"agent lease", "other lease"}},
		"child":              {"its parent stays", "auth/token/revoke", `{"token":"CHILDTOKEN"}`, "", without("child", "child lease")},
		"orphaning":          {"its child stays", "auth/token/revoke-orphan", `{"token":"APPTOKEN"}`, "", without("app", "app lease")},
		"accessor":           {"", "auth/token/revoke-accessor", `{"accessor":"CHILDACCESSOR"}`, "", without("child", "child lease")},
		"unknown accessor":   {"it is none of ours", "auth/token/revoke-accessor", `{"accessor":"x"}`, "", everyone},
		"oneself":            {"", "auth/token/revoke-self", ``, "APPTOKEN", []string{"agent lease", "other lease"}},
		"nothing":            {"a body that does not say what", "auth/token/revoke", `{"tokens":1}`, "", everyone},
		"not allowed":        {"Vault did not do it", "sys/leases/revoke", `{"lease_id":"AGENTLEASE"}`, "hvs.no", everyone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				f := newFamily(w)
				a := w.ask("PUT", f.fill(w, tc.path), f.fill(w, tc.body), "X-Vault-Token", f.fill(w, tc.token))
				if a.status >= 300 != (tc.token == "hvs.no") && tc.body != `{"tokens":1}` {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
				if diff := cmp.Diff(tc.want, f.cached(w)); diff != "" {
					t.Errorf("%s: still cached (-want +got):\n%s", tc.reason, diff)
				}
			})
		})
	}
}

// TestAgentRevokesItself: an application may do so with the agent's token.
func TestAgentRevokesItself(t *testing.T) {
	for name, how := range map[string]struct{ path, body string }{
		"self":     {"auth/token/revoke-self", ""},
		"accessor": {"auth/token/revoke-accessor", `{"accessor":"AGENTACCESSOR"}`},
		"token":    {"auth/token/revoke", `{"token":"AGENTTOKEN"}`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				f := newFamily(w)
				if a := w.ask("PUT", how.path, f.fill(w, how.body)); a.status != 204 {
					t.Fatalf("status %d: %s", a.status, a.body)
				}
				w.wantCached("the leases of the agent's token are gone", 4)
				if a := w.ask("GET", "secret/data/app", ""); a.status != 200 && name != "self" {
					t.Errorf("the next request: %d %s", a.status, a.body)
				}
				elapse(time.Second)
				if a := w.ask("GET", "secret/data/app", ""); a.status != 200 {
					t.Errorf("a second later: %d %s", a.status, a.body)
				}
			})
		})
	}
}

func TestInvalidAgentTokenEvictsItsLeases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		newFamily(w)
		w.vault.RevokeToken(w.agentToken())
		if a := w.ask("GET", "secret/data/app", ""); a.status != 200 {
			t.Fatalf("status %d: %s", a.status, a.body)
		}
		w.wantCached("two leases died with the token", 4)
	})
}

// TestRevocationsKeepToTheirNamespace: equal paths are other leases elsewhere.
func TestRevocationsKeepToTheirNamespace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, useToken("force"), func(w *world, _ *proxy.Options) { w.agent = fakevault.TokenRole{Policies: []string{"root"}} })
		w.credentials()
		w.credentials("X-Vault-Namespace", "team/") // a server without namespaces does not mind
		w.wantCached("two namespaces", 2)
		w.ask("PUT", "sys/leases/revoke-prefix/database", "", "X-Vault-Namespace", "team")
		w.wantCached("one of them revoked", 1)
		w.clear(t, "request_path", "/v1/database", "team")
		w.wantCached("nothing is left there", 1)
		w.clear(t, "request_path", "/v1/database", "root/")
		w.wantCached("the other one cleared", 0)
	})
}

// clear sends a cache-clear request that must succeed.
func (w *world) clear(t *testing.T, kind, value string, namespace ...string) {
	t.Helper()
	body := fmt.Sprintf(`{"type":%q,"value":%q,"namespace":%q}`, kind, value, strings.Join(namespace, ""))
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/agent/v1/cache-clear", strings.NewReader(body))
	if a := do(w.handler, r); a.status != 200 || a.body != "" {
		t.Errorf("clear %s: %d %s", body, a.status, a.body)
	}
}

func TestCacheClear(t *testing.T) {
	cases := map[string]struct {
		reason string
		kind   string
		value  string
		want   []string
	}{
		"all":              {"", "all", "", nil},
		"all of something": {"the value is not looked at", "all", "x", nil},
		"path":             {"", "request_path", "/v1/database/creds/other", without("other lease")},
		"path and more":    {"paths that begin so", "request_path", "/v1/database/", []string{"app", "child"}},
		"path without v1":  {"it may be left out", "request_path", "database/creds/other", without("other lease")},
		"unknown path":     {"there is nothing to do", "request_path", "/v1/none", everyone},
		"lease":            {"", "lease", "AGENTLEASE", without("agent lease")},
		"unknown lease":    {"there is nothing to do", "lease", "x", everyone},
		"token":            {"with everything made with it", "token", "APPTOKEN", []string{"agent lease", "other lease"}},
		"child":            {"its parent stays", "token", "CHILDTOKEN", without("child", "child lease")},
		"the agent's":      {"its leases", "token", "AGENTTOKEN", without("agent lease", "other lease")},
		"accessor":         {"with everything made with it", "token_accessor", "APPACCESSOR", []string{"agent lease", "other lease"}},
		"the agent's own":  {"its leases", "token_accessor", "AGENTACCESSOR", without("agent lease", "other lease")},
		"unknown accessor": {"there is nothing to do", "token_accessor", "x", everyone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				f := newFamily(w)
				leases := len(w.vault.Leases())
				w.clear(t, tc.kind, f.fill(w, tc.value))
				if got := len(w.vault.Leases()); got != leases {
					t.Errorf("%d of %d leases are left: clearing must not revoke", got, leases)
				}
				if diff := cmp.Diff(tc.want, f.cached(w)); diff != "" {
					t.Errorf("%s: still cached (-want +got):\n%s", tc.reason, diff)
				}
			})
		})
	}
}
