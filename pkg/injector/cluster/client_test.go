package cluster

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// overTLS is a client of a real listener, with the files of a pod.
func overTLS(t *testing.T, h http.HandlerFunc) (*kube.Client, string) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	dir := t.TempDir()
	ca, token := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "token")
	must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	must(t, os.WriteFile(token, []byte("first\n"), 0o600))
	c, err := New(Address{URL: s.URL + "/", CAFile: ca, TokenFile: token})
	must(t, err)
	t.Cleanup(c.Close)
	return c, token
}

func TestClientReadsItsTokenAnew(t *testing.T) {
	var seen []string
	c, token := overTLS(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"major":"1","minor":"29+"}`)
	})
	major, minor, err := c.Version(t.Context())
	if major != 1 || minor != 29 || err != nil {
		t.Errorf("version %d.%d, %v", major, minor, err)
	}
	must(t, os.WriteFile(token, []byte("second"), 0o600))
	_, _, err = c.Version(t.Context())
	must(t, err)
	if diff := cmp.Diff([]string{"Bearer first", "Bearer second"}, seen); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	must(t, os.Remove(token))
	if _, _, err = c.Version(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "GET /version: read the service account's token: open ") {
		t.Errorf("error %v", err)
	}
}

func TestClientErrors(t *testing.T) {
	cases := map[string]struct {
		code       int
		body, want string
	}{
		"status":    {403, `{"kind":"Status","message":"no"}`, "GET /version: the API server answers 403: no"},
		"no JSON":   {502, "<html>", "GET /version: the API server answers 502: Bad Gateway"},
		"bad JSON":  {200, "{", "GET /version: read answer: unexpected EOF"},
		"no number": {200, `{"major":"one"}`, `the API server's version "one"."" is no number`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, _ := overTLS(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			})
			_, _, err := c.Version(t.Context())
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			if Forbidden(err) != (tc.code == 403) {
				t.Error("Forbidden is wrong")
			}
		})
	}
}

func TestNewErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	must(t, os.WriteFile(text, []byte("x"), 0o600))
	cases := map[string]struct {
		a    Address
		want string
	}{
		"no URL":         {Address{URL: "kubernetes:6443"}, `API server "kubernetes:6443": not a URL with https`},
		"not secure":     {Address{URL: "http://kubernetes"}, `API server "http://kubernetes": not a URL with https`},
		"no CA":          {Address{URL: "https://kubernetes", CAFile: dir + "/none"}, "read the API server's CA: open DIR/none: no such file or directory"},
		"no certificate": {Address{URL: "https://kubernetes", CAFile: text}, `read the API server's CA: "DIR/text" holds no PEM certificate`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := New(tc.a)
			if want := strings.ReplaceAll(tc.want, "DIR", dir); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestInCluster(t *testing.T) {
	env := func(vars map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	}
	got, err := InCluster(env(map[string]string{"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}))
	want := Address{URL: "https://[fd00::1]:443", CAFile: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", TokenFile: "/var/run/secrets/kubernetes.io/serviceaccount/token"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := InCluster(env(nil)); err == nil || err.Error() != "this is not a pod (KUBERNETES_SERVICE_HOST is not set): name the API server" {
		t.Errorf("error %v", err)
	}
}

func TestSecret(t *testing.T) {
	api := newAPIServer()
	s := NewSecret(api.client(), "vault", "certs")
	entries, version, err := s.Load(t.Context())
	if entries != nil || version != "" || err != nil {
		t.Errorf("before there is any: %v, %q, %v", entries, version, err)
	}
	put := func(value, version string) error {
		return s.Save(t.Context(), map[string]sensitive.String{"a": sensitive.New(value)}, version)
	}
	must(t, put("one", ""))
	if err := put("two", ""); kube.Status(err) != http.StatusConflict {
		t.Errorf("made twice: %v", err)
	}
	_, version, err = s.Load(t.Context())
	must(t, err)
	must(t, put("three", version))
	if err := put("four", version); kube.Status(err) != http.StatusConflict {
		t.Errorf("changed from an old version: %v", err)
	}
	entries, _, err = s.Load(t.Context())
	must(t, err)
	if entries["a"].Reveal() != "three" {
		t.Errorf("holds %q", entries["a"].Reveal())
	}
	if text, _ := json.Marshal(entries); strings.Contains(string(text)+fmt.Sprint(entries), "three") {
		t.Error("an entry prints itself")
	}
}

// A Secret that a chart has made keeps its labels and its type.
func TestSecretOfAChart(t *testing.T) {
	api := newAPIServer()
	api.set("/api/v1/namespaces/vault/secrets/certs", map[string]any{"type": "chart", "metadata": map[string]any{"name": "certs", "labels": map[string]any{"app": "injector"}}})
	s := NewSecret(api.client(), "vault", "certs")
	_, version, err := s.Load(t.Context())
	must(t, err)
	must(t, s.Save(t.Context(), map[string]sensitive.String{"a": sensitive.New("b")}, version))
	o := api.objects["/api/v1/namespaces/vault/secrets/certs"]
	if o["type"] != "chart" || field(o, "metadata", "labels", "app") != "injector" || field(o, "data", "a") != "Yg==" {
		t.Errorf("got %v", o)
	}
}
