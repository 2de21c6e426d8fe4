package kube

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "canary-5e1f"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// serve answers over TLS, and returns the address of that server.
func serve(t *testing.T, h http.HandlerFunc) Address {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	return Address{URL: s.URL + "/", CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})}
}

func connect(t *testing.T, a Address) *Client {
	t.Helper()
	c, err := New(a)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestTokenIsReadAnew(t *testing.T) {
	var seen []string
	a := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"major":"1","minor":"29+"}`)
	})
	a.TokenFile = write(t, filepath.Join(t.TempDir(), "token"), "first\n")
	c := connect(t, a)
	major, minor, err := c.Version(t.Context())
	if major != 1 || minor != 29 || err != nil {
		t.Errorf("version %d.%d, %v", major, minor, err)
	}
	write(t, a.TokenFile, "second")
	_, _, err = c.Version(t.Context())
	must(t, err)
	if diff := cmp.Diff([]string{"Bearer first", "Bearer second"}, seen); diff != "" {
		t.Error(diff)
	}
	must(t, os.Remove(a.TokenFile))
	if _, _, err = c.Version(t.Context()); !strings.HasPrefix(textOf(err), "GET /version: read the service account's token: open ") {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	cases := map[string]struct {
		code                           int
		body, want                     string
		notFound, forbidden, temporary bool
	}{
		"forbidden":  {code: 403, body: `{"kind":"Status","message":"no"}`, want: "GET /x: the API server answers 403: no", forbidden: true},
		"no token":   {code: 401, body: `{"message":"Unauthorized"}`, want: "GET /x: the API server answers 401: Unauthorized", forbidden: true},
		"nothing":    {code: 404, body: `{"message":"none"}`, want: "GET /x: the API server answers 404: none", notFound: true},
		"no JSON":    {code: 502, body: "<html>", want: "GET /x: the API server answers 502: Bad Gateway", temporary: true},
		"busy":       {code: 429, body: "", want: "GET /x: the API server answers 429: Too Many Requests", temporary: true},
		"bad JSON":   {code: 200, body: "{", want: "GET /x: read answer: unexpected EOF", temporary: true},
		"wrong type": {code: 200, body: `{"n":"` + canary + `"}`, want: `GET /x: read answer: "N" is of another type than expected`, temporary: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := connect(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			}))
			var into struct{ N int }
			err := c.Get(t.Context(), "/x", &into)
			if textOf(err) != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			var e *Error
			if !errors.As(err, &e) || e.Temporary() != tc.temporary || NotFound(err) != tc.notFound || Forbidden(err) != tc.forbidden {
				t.Errorf("%#v", e)
			}
		})
	}
	if Status(errors.New("x")) != 0 || Status(nil) != 0 {
		t.Error("a status out of nothing")
	}
}

func TestRequest(t *testing.T) {
	var got string
	a := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Accept"), " ", r.Header.Get("Content-Type"), " ", r.UserAgent(), " ", string(body))
	})
	a.Token, a.Namespace = sensitive.New("t"), "shop"
	c := connect(t, a)
	if c.Namespace() != "shop" || (&Client{}).Namespace() != "default" {
		t.Errorf("namespace %q", c.Namespace())
	}
	must(t, c.Create(t.Context(), "/api/v1/pods", map[string]any{"a": 1}, nil))
	if want := `POST /api/v1/pods application/json application/json vaultk8s {"a":1}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.UserAgent = "test"
	must(t, c.Do(t.Context(), Request{Method: "PATCH", Path: "/p", Query: url.Values{"q": {"1"}}, Accept: "text/x", ContentType: "text/y", Body: 1}, nil))
	if want := `PATCH /p?q=1 text/x text/y test 1`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestListGoesPageByPage(t *testing.T) {
	var asked []string
	c := connect(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		next := map[string]string{"": "two", "two": ""}[r.URL.Query().Get("continue")]
		fmt.Fprintf(w, `{"metadata":{"resourceVersion":"7","continue":%q},"items":[{"n":%d}]}`, next, len(asked))
	}))
	query := url.Values{"fieldSelector": {"f"}}
	var all []string
	version, err := c.List(t.Context(), Request{Path: "/l", Query: query}, func(raw json.RawMessage) error { all = append(all, string(raw)); return nil })
	must(t, err)
	if diff := cmp.Diff([]string{`{"n":1}`, `{"n":2}`}, all); diff != "" || version != "7" || len(query) != 1 {
		t.Error(diff, version, query)
	}
	if diff := cmp.Diff([]string{"fieldSelector=f&limit=500", "continue=two&fieldSelector=f&limit=500"}, asked); diff != "" {
		t.Error(diff)
	}
	asked = nil
	type item struct{ N int }
	items, err := All[item](t.Context(), c, "/l")
	if diff := cmp.Diff([]item{{1}, {2}}, items); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if _, err := All[struct{ N string }](t.Context(), c, "/l"); textOf(err) != `GET /l: read answer: "N" is of another type than expected` {
		t.Error(err)
	}
	stop := errors.New("stop")
	if _, err := c.List(t.Context(), Request{Path: "/l"}, func(json.RawMessage) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	answer := `{"type":"ADDED","object":{"n":1}}{"type":"BOOKMARK","object":{}}`
	var query url.Values
	c := connect(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query()
		_, _ = io.WriteString(w, answer)
	}))
	var types []string
	hear := func(e Event) error { types = append(types, e.Type+string(e.Object)); return nil }
	must(t, c.Watch(t.Context(), Request{Path: "/w"}, "7", hear))
	if diff := cmp.Diff([]string{`ADDED{"n":1}`, "BOOKMARK{}"}, types); diff != "" {
		t.Error(diff)
	}
	want := url.Values{"watch": {"true"}, "resourceVersion": {"7"}, "allowWatchBookmarks": {"true"}, "timeoutSeconds": {"600"}}
	if diff := cmp.Diff(want, query); diff != "" {
		t.Error(diff)
	}
	stop := errors.New("stop")
	if err := c.Watch(t.Context(), Request{Path: "/w"}, "7", func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	answer = `{"type":"ERROR","object":{"code":410}}`
	if err := c.Watch(t.Context(), Request{Path: "/w"}, "7", hear); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	answer = `{"type":`
	if err := c.Watch(t.Context(), Request{Path: "/w"}, "7", hear); textOf(err) != "watch /w: unexpected EOF" {
		t.Error(err)
	}
}

func TestNewErrors(t *testing.T) {
	dir := t.TempDir()
	text := write(t, filepath.Join(dir, "text"), "x")
	cases := map[string]struct {
		a    Address
		want string
	}{
		"no URL":         {Address{URL: "kubernetes:6443"}, `API server "kubernetes:6443": not a URL with https`},
		"not secure":     {Address{URL: "http://kubernetes"}, `API server "http://kubernetes": not a URL with https`},
		"no CA":          {Address{URL: "https://k", CAFile: dir + "/none"}, "read the API server's CA: open DIR/none: no such file or directory"},
		"no certificate": {Address{URL: "https://k", CAFile: text}, `read the API server's CA: "DIR/text" holds no PEM certificate`},
		"bad data":       {Address{URL: "https://k", CA: []byte("x")}, `read the API server's CA: "the kubeconfig" holds no PEM certificate`},
		"bad pair":       {Address{URL: "https://k", Cert: []byte("x"), Key: sensitive.New(canary)}, "use the client certificate for the API server: tls: failed to find any PEM data in certificate input"},
		"no key":         {Address{URL: "https://k", Cert: []byte("x"), KeyFile: dir + "/none"}, "read the key of the client certificate: open DIR/none: no such file or directory"},
		"bad proxy":      {Address{URL: "https://k", ProxyURL: "http://me:" + canary + "@%%"}, `proxy of the API server: not a URL: invalid URL escape "%%"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := New(tc.a)
			if want := strings.ReplaceAll(tc.want, "DIR", dir); textOf(err) != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestInCluster(t *testing.T) {
	dir := t.TempDir()
	variables := map[string]string{"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
	lookup := func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
	if _, err := inCluster(lookup, dir); textOf(err) != "find the pod's namespace: open "+dir+"/namespace: no such file or directory" {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "namespace"), "vault\n")
	a, err := inCluster(lookup, dir)
	must(t, err)
	if a.URL != "https://[fd00::1]:443" || a.Namespace != "vault" || a.CAFile != dir+"/ca.crt" || a.TokenFile != dir+"/token" {
		t.Errorf("%+v", a)
	}
	variables = nil
	if _, err := InCluster(lookup); textOf(err) != "find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod" {
		t.Error(err)
	}
}
