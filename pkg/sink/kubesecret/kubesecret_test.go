package kubesecret

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const canary = "canary-7f3a"

// apiServer answers every request with a status and a body, and keeps the newest.
type apiServer struct {
	*httptest.Server
	status  int
	answer  string
	request *http.Request
	body    map[string]any
}

func newAPIServer(t *testing.T, status int, answer string) *apiServer {
	t.Helper()
	s := &apiServer{status: status, answer: answer}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.request, s.body = r, map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&s.body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(s.status)
		_, _ = w.Write([]byte(s.answer))
	}))
	t.Cleanup(s.Close)
	return s
}

// pod lays out the files of a service account, and the variables of a pod.
func (s *apiServer) pod(t *testing.T) (lookup func(string) (string, bool), dir string) {
	t.Helper()
	dir = t.TempDir()
	at, _ := url.Parse(s.URL)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	for name, content := range map[string]string{"token": "tok\n", "ca.crt": string(authority), "namespace": "shop\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	variables := map[string]string{"KUBERNETES_SERVICE_HOST": at.Hostname(), "KUBERNETES_SERVICE_PORT": at.Port()}
	return func(name string) (string, bool) { v, ok := variables[name]; return v, ok }, dir
}

func TestApplyWritesOneKey(t *testing.T) {
	s := newAPIServer(t, http.StatusCreated, "{}")
	c, err := inCluster(s.pod(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), Target{Name: "app", Key: "db.txt"}, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "app", "namespace": "shop"},
		"data": map[string]any{"db.txt": "aGVsbG8="},
	}
	if diff := cmp.Diff(want, s.body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	got := []string{s.request.Method, s.request.URL.String(), s.request.Header.Get("Content-Type"), s.request.Header.Get("Authorization")}
	wantRequest := []string{"PATCH", "/api/v1/namespaces/shop/secrets/app?fieldManager=vaultk8s-agent-db.txt", "application/apply-patch+yaml", "Bearer tok"}
	if diff := cmp.Diff(wantRequest, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestEachKeyHasItsOwnManager(t *testing.T) {
	long := strings.Repeat("k", 253)
	managers := map[string]bool{}
	for _, key := range []string{"a", "b", long, long[:252]} {
		m := manager(Target{Key: key})
		if len(m) > 128 {
			t.Errorf("the manager of a key of %d characters has %d", len(key), len(m))
		}
		managers[m] = true
	}
	if len(managers) != 4 {
		t.Errorf("%d managers for 4 keys", len(managers))
	}
}

func TestApplyErrors(t *testing.T) {
	cases := map[string]struct {
		status int
		answer string
		want   string
	}{
		"forbidden": {403, `{"message":"secrets \"app\" is forbidden"}`, `write to Secret team/app/key: secrets "app" is forbidden; the pod's service account needs the verbs create and patch on secrets in this namespace`},
		"conflict":  {409, `{"message":"Apply failed with 1 conflict"}`, `write to Secret team/app/key: Apply failed with 1 conflict; somebody else owns this key`},
		"no JSON":   {502, `<html>`, `write to Secret team/app/key: Bad Gateway`},
		"too large": {422, `{"message":"data: Too long"}`, `write to Secret team/app/key: data: Too long`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := inCluster(newAPIServer(t, tc.status, tc.answer).pod(t))
			if err != nil {
				t.Fatal(err)
			}
			err = c.Apply(t.Context(), Target{Namespace: "team", Name: "app", Key: "key"}, []byte(canary))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
			var typed *Error
			if !errors.As(err, &typed) || typed.Status != tc.status {
				t.Errorf("the error does not tell the status: %#v", err)
			}
		})
	}
}

func TestApplyWithoutAToken(t *testing.T) {
	s := newAPIServer(t, 200, "{}")
	lookup, dir := s.pod(t)
	c, err := inCluster(lookup, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "token")); err != nil {
		t.Fatal(err)
	}
	err = c.Apply(t.Context(), Target{Name: "app", Key: "key"}, []byte(canary))
	if err == nil || !strings.HasPrefix(err.Error(), "write to Secret shop/app/key: read the service account's token: open ") {
		t.Errorf("got %v", err)
	}
}

func TestInClusterErrors(t *testing.T) {
	s := newAPIServer(t, 200, "{}")
	lookup, dir := s.pod(t)
	nothing := func(string) (string, bool) { return "", false }
	if _, err := inCluster(nothing, dir); err == nil || err.Error() != "find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod" {
		t.Errorf("outside a pod: %v", err)
	}
	if _, err := inCluster(lookup, t.TempDir()); err == nil || !strings.HasPrefix(err.Error(), "find the API server: the pod mounts no service-account token: open ") {
		t.Errorf("without an account: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inCluster(lookup, dir); err == nil || !strings.HasPrefix(err.Error(), `find the API server: no certificate in "`) {
		t.Errorf("without an authority: %v", err)
	}
}
