package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
)

func TestLeaseIsShared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.credentials()
		elapse(10 * time.Second)
		second := w.credentials("User-Agent", "another", "X-Request-Id", "7", "Traceparent", "00-1")
		if first.body != second.body || second.text("data.password") == "" {
			t.Errorf("the second application got something else:\n%s\n%s", first.body, second.body)
		}
		if first.header.Get("X-Cache") != "MISS" || first.header.Get("Age") != "" || second.header.Get("X-Cache") != "HIT" || second.header.Get("Age") != "10" {
			t.Errorf("X-Cache %q, Age %q; then %q and %q", first.header.Get("X-Cache"), first.header.Get("Age"), second.header.Get("X-Cache"), second.header.Get("Age"))
		}
		if diff := cmp.Diff(first.header.Get("Content-Type"), second.header.Get("Content-Type")); diff != "" {
			t.Error(diff)
		}
		w.wantAsked("database/creds/app", 1)
		w.wantCached("one lease", 1)
		w.wantCounted(map[string]int{"success": 2, "miss": 1, "hit": 1})
	})
}

// TestWhatDiffersIsNotShared asks for the same with one difference at a time.
func TestWhatDiffersIsNotShared(t *testing.T) {
	cases := map[string]struct {
		method, path, body string
		headers            []string
	}{
		"method":    {method: "HEAD", path: "database/creds/app"},
		"path":      {method: "GET", path: "database/creds/other"},
		"query":     {method: "GET", path: "database/creds/app?x=1"},
		"body":      {method: "GET", path: "database/creds/app", body: "{}"},
		"namespace": {method: "GET", path: "database/creds/app", headers: []string{"X-Vault-Namespace", "a"}},
		"wrapping":  {method: "GET", path: "database/creds/app", headers: []string{"X-Vault-Wrap-TTL", "60s"}},
		"plugin's":  {method: "GET", path: "database/creds/app", headers: []string{"X-Plugin", "1"}},
		"token":     {method: "GET", path: "database/creds/app", headers: []string{"X-Vault-Token", "root"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.vault.DynamicRole("database", "other", time.Hour, time.Hour)
				w.credentials()
				if a := w.ask(tc.method, tc.path, tc.body, tc.headers...); a.status != 200 && tc.method != "HEAD" || a.header.Get("X-Cache") != "MISS" {
					t.Errorf("status %d, X-Cache %q", a.status, a.header.Get("X-Cache"))
				}
			})
		})
	}
}

func TestWhatIsCached(t *testing.T) {
	cases := map[string]struct {
		reason  string
		method  string
		path    string
		body    string
		token   string // "": the agent's; APP: one that a login through the proxy gave
		prepare func(w *world)
		want    int
	}{
		"lease":                    {"it is renewable", "GET", "database/creds/app", "", "", nil, 1},
		"static secret":            {"it has no lease", "GET", "secret/data/app", "", "", nil, 0},
		"static role":              {"its lease is not renewable", "GET", "database/static-creds/st", "", "", func(w *world) { w.vault.StaticRole("database", "st", time.Hour) }, 0},
		"lease of a stranger":      {"his token is not in our care", "GET", "database/creds/app", "", "root", nil, 0},
		"lease of an application":  {"its token is in our care", "GET", "database/creds/app", "", "APP", nil, 2},
		"login":                    {"its token depends on nobody's", "PUT", "auth/userpass/login/u", `{"password":"p"}`, "none", nil, 1},
		"failed login":             {"there is no token", "PUT", "auth/userpass/login/u", `{"password":"x"}`, "none", nil, 0},
		"child":                    {"its parent is in our care", "POST", "auth/token/create", `{"policies":["app"],"ttl":"1h"}`, "", nil, 1},
		"child of an application":  {"its parent is in our care", "POST", "auth/token/create", `{"policies":["app"],"ttl":"1h"}`, "APP", nil, 2},
		"child of a stranger":      {"its parent is not in our care", "POST", "auth/token/create", `{"policies":["app"],"ttl":"1h"}`, "root", nil, 0},
		"orphan of a stranger":     {"it depends on nobody", "POST", "auth/token/create-orphan", `{"policies":["app"],"ttl":"1h"}`, "root", nil, 1},
		"token without renewal":    {"nobody can keep it alive", "POST", "auth/token/create", `{"policies":["app"],"ttl":"1h","renewable":false}`, "", nil, 0},
		"batch token":              {"nobody can keep it alive", "POST", "auth/token/create", `{"policies":["app"],"ttl":"1h","type":"batch"}`, "", nil, 0},
		"renewal of a lease":       {"each must reach Vault", "PUT", "sys/leases/renew", `{"lease_id":"LEASE"}`, "", func(w *world) { w.credentials() }, 1},
		"renewal by the old path":  {"each must reach Vault", "PUT", "sys/renew/LEASE", ``, "", func(w *world) { w.credentials() }, 1},
		"renewal of a token":       {"each must reach Vault", "PUT", "auth/token/renew-self", "", "APP", nil, 1},
		"renewal of another token": {"each must reach Vault", "PUT", "auth/token/renew", `{"token":"APP"}`, "", nil, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				if tc.token == "APP" || strings.Contains(tc.body, "APP") {
					app := w.userLogin()
					tc.token, tc.body = strings.Replace(tc.token, "APP", app, 1), strings.Replace(tc.body, "APP", app, 1)
				}
				if tc.prepare != nil {
					tc.prepare(w)
				}
				if leases := w.vault.Leases(); len(leases) > 0 {
					tc.path, tc.body = strings.Replace(tc.path, "LEASE", leases[0].ID, 1), strings.Replace(tc.body, "LEASE", leases[0].ID, 1)
				}
				w.vault.ResetRequests()
				before, _ := w.proxy.Cached()
				for range 2 {
					if a := w.ask(tc.method, tc.path, tc.body, "X-Vault-Token", tc.token); a.status >= 500 || a.status == 404 || a.status == 403 {
						t.Fatalf("status %d: %s", a.status, a.body)
					}
				}
				w.wantCached(tc.reason, tc.want)
				want := 2
				if tc.want > before {
					want = 1 // the second was answered from the cache
				}
				w.wantAsked(tc.path, want)
			})
		})
	}
}

func TestWhatLooksLikeALeaseIsNotCached(t *testing.T) {
	const lease = `{"lease_id":"a/b/c","lease_duration":3600,"renewable":true}`
	cases := map[string]struct {
		reason string
		answer *http.Response
	}{
		"refused":           {"300 and above", jsonReply(300, lease)},
		"another form":      {"only what Vault's API sends counts", withType(jsonReply(200, lease), "application/json; charset=utf-8")},
		"no form":           {"only what Vault's API sends counts", withType(jsonReply(200, lease), "")},
		"no JSON":           {"it cannot be read", jsonReply(200, lease[:20])},
		"very large":        {"leases are small", jsonReply(200, lease[:len(lease)-1]+`,"data":{"a":"`+strings.Repeat("x", 1<<20)+`"}}`)},
		"without a time":    {"it ends at once", jsonReply(200, `{"lease_id":"a/b/c","lease_duration":0,"renewable":true}`)},
		"of negative time":  {"it has ended", jsonReply(200, `{"lease_id":"a/b/c","lease_duration":-5,"renewable":true}`)},
		"token without end": {"it needs no care", jsonReply(200, `{"auth":{"client_token":"a","renewable":true,"orphan":true}}`)},
		"empty token":       {"a second factor is asked for", jsonReply(200, `{"auth":{"client_token":"","renewable":true,"orphan":true,"lease_duration":60}}`)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				client := transportClient(t, config.Vault{}, func(*http.Request) (*http.Response, error) { return tc.answer, nil })
				w := newWorld(t, func(w *world, o *proxy.Options) {
					o.Upstream = func() proxy.Upstream { return proxy.Upstream{Client: client, Session: w.session} }
				})
				if a := w.ask("GET", "a", ""); a.status != tc.answer.StatusCode || int64(len(a.body)) != tc.answer.ContentLength {
					t.Errorf("status %d and %d bytes came through, want %d and %d", a.status, len(a.body), tc.answer.StatusCode, tc.answer.ContentLength)
				}
				w.wantCached(tc.reason, 0)
			})
		})
	}
}

func withType(answer *http.Response, kind string) *http.Response {
	answer.Header.Set("Content-Type", kind)
	return answer
}

func TestEqualRequestsGoOneByOne(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   string
		fault  fakevault.Fault
		cancel bool // the first application goes away
		asked  int
		took   time.Duration
	}{
		"lease":           {"one reaches Vault, 49 share its answer", "database/creds/app", fakevault.Fault{Delay: time.Second}, false, 1, time.Second},
		"static secret":   {"one shows that there is nothing to share, and the others go together", "secret/data/app", fakevault.Fault{Delay: time.Second}, false, 50, 2 * time.Second},
		"one failure":     {"the next takes its turn", "database/creds/app", fakevault.Fault{Delay: time.Second, Status: 500, Times: 1}, false, 2, time.Second},
		"first goes away": {"the next takes its turn", "database/creds/app", fakevault.Fault{Delay: time.Second}, true, 2, 1500 * time.Millisecond},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.vault.Fault(tc.fault)
				begun := time.Now()
				answers := make(chan answer, 50)
				first, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() { answers <- w.askWith(first, "GET", tc.path, "") }()
				synctest.Wait() // the first is the first
				if tc.cancel {
					time.AfterFunc(500*time.Millisecond, cancel)
				}
				for range cap(answers) - 1 {
					go func() { answers <- w.ask("GET", tc.path, "") }()
				}
				bodies := map[string]int{}
				for range cap(answers) {
					a := <-answers
					bodies[fmt.Sprint(a.status, a.text("data"))]++
				}
				if took := time.Since(begun); took != tc.took {
					t.Errorf("%s: it took %v, want %v", tc.reason, took, tc.took)
				}
				w.wantAsked(tc.path, tc.asked)
				wanted := 1
				if tc.cancel || tc.fault.Status != 0 {
					wanted = 2 // one failed
				}
				if len(bodies) != wanted {
					t.Errorf("%s: answers %v, want %d kinds", tc.reason, bodies, wanted)
				}
			})
		})
	}
}

func TestWaitingEndsWithTheApplication(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Fault(fakevault.Fault{Delay: time.Minute})
		go w.ask("GET", "database/creds/app", "")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if a := w.askWith(ctx, "GET", "database/creds/app", ""); a.status != 502 || time.Since(begun) != time.Second {
			t.Errorf("status %d after %v", a.status, time.Since(begun))
		}
		elapse(time.Minute)
	})
}

// TestDifferentRequestsDoNotWait: only equal ones do.
func TestDifferentRequestsDoNotWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Fault(fakevault.Fault{Delay: time.Minute, Path: "database/*"})
		go w.ask("GET", "database/creds/app", "")
		synctest.Wait()
		begun := time.Now()
		if a := w.ask("GET", "secret/data/app", ""); a.status != 200 || time.Since(begun) != 0 {
			t.Errorf("status %d after %v", a.status, time.Since(begun))
		}
		elapse(time.Minute)
	})
}

// TestFullCachePassesOn: who has a lease keeps it, newcomers get theirs uncached.
func TestFullCachePassesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		body := func(n int) string {
			return fmt.Sprintf(`{"lease_id":"a/%d","lease_duration":3600,"renewable":true,"data":{"a":%q}}`, n, strings.Repeat("x", 1<<20-200))
		}
		n := 0
		client := transportClient(t, config.Vault{}, func(r *http.Request) (*http.Response, error) {
			if strings.HasPrefix(r.URL.Path, "/v1/sys/") {
				return jsonReply(204, ""), nil
			}
			n++
			return jsonReply(200, body(n)), nil
		})
		w := newWorld(t, func(w *world, o *proxy.Options) {
			o.Upstream = func() proxy.Upstream { return proxy.Upstream{Client: client, Session: w.session} }
		})
		for i := range 20 {
			w.ask("GET", fmt.Sprint("a/", i), "")
		}
		// Each counts its 1 MiB and 1 KiB more, so that 15 fit into 16 MiB.
		w.wantCached("full", 15)
		if _, bytes := w.proxy.Cached(); bytes > proxy.CacheBytes {
			t.Errorf("%d bytes are more than %d", bytes, proxy.CacheBytes)
		}
		if a := w.ask("GET", "a/0", ""); a.header.Get("X-Cache") != "HIT" {
			t.Error("the first lease was dropped for a newer one")
		}
		if a := w.ask("GET", "a/19", ""); a.status != 200 || a.header.Get("X-Cache") != "MISS" || len(a.body) != len(body(20)) {
			t.Errorf("a newcomer: %d, %q, %d bytes", a.status, a.header.Get("X-Cache"), len(a.body))
		}
		w.ask("PUT", "sys/leases/revoke", `{"lease_id":"a/1"}`)
		w.ask("GET", "a/19", "")
		if a := w.ask("GET", "a/19", ""); a.header.Get("X-Cache") != "HIT" {
			t.Error("there is room again, and it is not used")
		}
	})
}

func TestCloseLetsGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.credentials()
		before := w.schedule.Len()
		w.proxy.Close()
		w.wantCached("closed", 0)
		if after := w.schedule.Len(); after != before-1 {
			t.Errorf("%d entries in the schedule, %d before", after, before)
		}
		if len(w.vault.Leases()) != 1 {
			t.Error("the lease was revoked; an application may still use it")
		}
	})
}

func TestWithoutACache(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, noCache)
		for range 2 {
			if a := w.credentials(); a.header.Get("X-Cache") != "" {
				t.Errorf("X-Cache %q", a.header.Get("X-Cache"))
			}
		}
		w.wantAsked("database/creds/app", 2)
		w.wantCached("no cache", 0)
		w.wantCounted(map[string]int{"success": 2})
	})
}

// TestNothingPrintsTheAnswer: entries hold secrets in types that do not print.
func TestNothingPrintsTheAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		password := w.credentials().text("data.password")
		token := w.userLogin()
		printed := fmt.Sprintf("%v %+v %#v", w.proxy, w.proxy, w.proxy)
		for _, secret := range []string{password, token} {
			if strings.Contains(printed, secret) {
				t.Errorf("%q is printed", secret)
			}
		}
	})
}
