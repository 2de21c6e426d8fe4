package proxy

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// asked is what a request is found by.
type asked struct {
	method, path, query, token, body string
	header                           http.Header
}

func (a asked) key() key {
	x := &exchange{
		request: &http.Request{Method: a.method, URL: &url.URL{Path: a.path, RawQuery: a.query}, Header: a.header},
		token:   sensitive.New(a.token), body: []byte(a.body),
	}
	return x.key()
}

func TestKeys(t *testing.T) {
	plain := asked{method: "GET", path: "/v1/a", token: "t", header: http.Header{"X-A": {"1"}}}
	cases := map[string]struct {
		other asked
		same  bool
	}{
		"equal":              {plain, true},
		"who asks, and when": {asked{method: "GET", path: "/v1/a", token: "t", header: http.Header{"X-A": {"1"}, "User-Agent": {"x"}, "X-Request-Id": {"2"}, "X-Forwarded-For": {"1.1.1.1"}, "Date": {"now"}}}, true},
		"method":             {asked{method: "PUT", path: "/v1/a", token: "t", header: http.Header{"X-A": {"1"}}}, false},
		"path":               {asked{method: "GET", path: "/v1/a/", token: "t", header: http.Header{"X-A": {"1"}}}, false},
		"query":              {asked{method: "GET", path: "/v1/a", query: "b", token: "t", header: http.Header{"X-A": {"1"}}}, false},
		"token":              {asked{method: "GET", path: "/v1/a", token: "u", header: http.Header{"X-A": {"1"}}}, false},
		"body":               {asked{method: "GET", path: "/v1/a", token: "t", body: "b", header: http.Header{"X-A": {"1"}}}, false},
		"header":             {asked{method: "GET", path: "/v1/a", token: "t", header: http.Header{"X-A": {"2"}}}, false},
		"more headers":       {asked{method: "GET", path: "/v1/a", token: "t", header: http.Header{"X-A": {"1"}, "X-B": {""}}}, false},
		"header twice":       {asked{method: "GET", path: "/v1/a", token: "t", header: http.Header{"X-A": {"1", ""}}}, false},
		"shifted":            {asked{method: "GET", path: "/v1/", query: "a", token: "t", header: http.Header{"X-A": {"1"}}}, false},
		"no headers":         {asked{method: "GET", path: "/v1/a", token: "t"}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := plain.key() == tc.other.key(); got != tc.same {
				t.Errorf("the keys are equal: %t, want %t", got, tc.same)
			}
		})
	}
}

// FuzzKey compares the keys of two requests with the requests themselves.
func FuzzKey(f *testing.F) {
	f.Add("GET", "/v1/a", "b", "t", "X-A", "1", "", "GET", "/v1/a", "", "bt", "X-A", "1", "")
	f.Add("PUT", "/v1/a", "", "t", "User-Agent", "1", "body", "PUT", "/v1/a", "", "t", "Date", "2", "body")
	f.Add("", "", "", "", "", "", "", "", "", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, m1, p1, q1, t1, n1, v1, b1, m2, p2, q2, t2, n2, v2, b2 string) {
		one := asked{method: m1, path: p1, query: q1, token: t1, body: b1, header: http.Header{n1: {v1}}}
		two := asked{method: m2, path: p2, query: q2, token: t2, body: b2, header: http.Header{n2: {v2}}}
		same := m1 == m2 && p1 == p2 && q1 == q2 && t1 == t2 && b1 == b2 &&
			(irrelevant(n1) && irrelevant(n2) || n1 == n2 && v1 == v2)
		if got := one.key() == two.key(); got != same {
			t.Errorf("%+v and %+v: keys are equal: %t", one, two, got)
		}
		copied := one
		copied.header = one.header.Clone()
		if one.key() != copied.key() {
			t.Error("the key of a copy differs")
		}
	})
}

// FuzzWithoutToken looks for the token in what is left of an answer.
func FuzzWithoutToken(f *testing.F) {
	const token = "hvs.canary-61f"
	f.Add(`{"data":{"id":"hvs.canary-61f","accessor":"a","ttl":3600.0}}`)
	f.Add(`{"auth":{"client_token":"hvs.canary-61f","accessor":"a"},"data":null}`)
	f.Add(`{"data":{"id":"hvs.canary\u002d61f"},"auth":{"client_token":"x"}}`)
	f.Add(`{"data":[],"auth":"x"}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, body string) {
		clean, changed := withoutToken([]byte(body), sensitive.New(token))
		if !changed {
			if string(clean) != body {
				t.Errorf("%q became %q, and is said to be as it was", body, clean)
			}
			return
		}
		var answer struct {
			Data map[string]any
			Auth map[string]any
		}
		if err := json.Unmarshal(clean, &answer); err != nil {
			t.Fatalf("%q is no JSON: %v", clean, err)
		}
		if answer.Data["id"] == token || answer.Auth["client_token"] == token {
			t.Errorf("the token is still in %q", clean)
		}
	})
}

// FuzzBelow holds paths against a search that takes them apart.
func FuzzBelow(f *testing.F) {
	f.Add("ns/sys/leases/revoke/a/b", "sys/leases/revoke")
	f.Add("sys/leases/revoke", "sys/leases/revoke")
	f.Add("sys/leases/revoked", "sys/leases/revoke")
	f.Fuzz(func(t *testing.T, path, endpoint string) {
		if endpoint == "" || strings.Contains("/"+endpoint+"/", "//") || strings.Contains("/"+path+"/", "//") {
			return // paths are cleaned before
		}
		_, got := (&exchange{path: path}).below(endpoint)
		parts, wanted := strings.Split(path, "/"), strings.Split(endpoint, "/")
		want := false
		for i := range parts {
			want = want || i+len(wanted) <= len(parts) && slices.Equal(parts[i:i+len(wanted)], wanted)
		}
		if got != want {
			t.Errorf("%q below %q: %t, want %t", path, endpoint, got, want)
		}
	})
}
