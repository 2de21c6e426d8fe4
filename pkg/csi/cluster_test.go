package csi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// codeName is the gRPC code of an error.
func codeName(err error) string { return status.Code(err).String() }

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

// cluster is an API server in memory: the few paths that the provider asks for.
type cluster struct {
	mu       sync.Mutex
	requests []string // method and path
	objects  map[string]any
	pods     map[string]string // UID to phase
	watch    *io.PipeWriter    // nil: nobody watches
	events   []map[string]any
	forbid   string // a part of the paths that are refused
	token    func(body map[string]any, path string) string
}

// newKube makes a cluster and the provider's way to it.
func newKube(t *testing.T) (*cluster, *Kube) {
	t.Helper()
	c := &cluster{objects: map[string]any{}, pods: map[string]string{}}
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte("account-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, &Kube{Address: "https://kubernetes.test/", Namespace: "vault", TokenFile: name, Transport: c}
}

// with puts a provider into a cluster.
func with(k *Kube) func(*Options) { return func(o *Options) { o.Kube = k } }

// put makes a Secret or a ConfigMap: put("secrets", "shop/ca", "ca.crt", "...").
func (c *cluster) put(kind, name, key, value string) {
	namespace, name, _ := strings.Cut(name, "/")
	data := any(map[string]string{key: value})
	if kind == "secrets" {
		data = map[string][]byte{key: []byte(value)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	path := "/api/v1/namespaces/" + namespace + "/" + kind + "/" + name
	if before, ok := c.objects[path].(map[string]any); ok && kind == "secrets" {
		before["data"].(map[string][]byte)[key] = []byte(value) //nolint:forcetypeassert // put there above
		return
	}
	c.objects[path] = map[string]any{"data": data}
}

// asked returns the requests since the last call.
func (c *cluster) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.requests
	c.requests = nil
	return all
}

// setPod changes a pod of the node; with the phase "" it is deleted.
func (c *cluster) setPod(p pod, phase string) {
	c.mu.Lock()
	kind := "MODIFIED"
	if phase == "" {
		kind = "DELETED"
		delete(c.pods, p.UID)
	} else {
		c.pods[p.UID] = phase
	}
	watch := c.watch
	c.mu.Unlock()
	if watch != nil {
		_ = json.NewEncoder(watch).Encode(map[string]any{"type": kind, "object": podJSON(p.UID, phase)})
	}
}

func podJSON(uid, phase string) map[string]any {
	return map[string]any{"metadata": map[string]any{"uid": uid, "resourceVersion": "2"}, "status": map[string]any{"phase": phase}}
}

// RoundTrip implements http.RoundTripper.
func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r.Method+" "+r.URL.Path)
	body := map[string]any{}
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer account-token":
		return reply(http.StatusUnauthorized, map[string]any{"message": "who are you?"}), nil
	case c.forbid != "" && strings.Contains(r.URL.Path, c.forbid):
		return reply(http.StatusForbidden, map[string]any{"message": c.forbid + " is forbidden"}), nil
	case r.URL.Query().Get("watch") != "":
		return c.openWatch(r), nil
	case r.URL.Path == "/api/v1/pods":
		return c.listPods(), nil
	case strings.HasSuffix(r.URL.Path, "/token"):
		return c.createToken(r, body), nil
	case strings.HasSuffix(r.URL.Path, "/events"):
		c.events = append(c.events, body)
		return reply(http.StatusCreated, body), nil
	case r.Method == http.MethodPost:
		return c.create(r, body), nil
	}
	if object, ok := c.objects[r.URL.Path]; ok {
		return reply(http.StatusOK, object), nil
	}
	return reply(http.StatusNotFound, map[string]any{"message": r.URL.Path + " not found"}), nil
}

func (c *cluster) create(r *http.Request, body map[string]any) *http.Response {
	metadata, _ := body["metadata"].(map[string]any)
	path := fmt.Sprintf("%s/%s", r.URL.Path, metadata["name"])
	if _, ok := c.objects[path]; ok {
		return reply(http.StatusConflict, map[string]any{"message": path + " already exists"})
	}
	c.objects[path] = body
	return reply(http.StatusCreated, body)
}

func (c *cluster) createToken(r *http.Request, body map[string]any) *http.Response {
	if c.token == nil {
		return reply(http.StatusNotFound, map[string]any{"message": "no such service-account"})
	}
	return reply(http.StatusCreated, map[string]any{"status": map[string]any{
		"token": c.token(body, r.URL.Path), "expirationTimestamp": time.Now().Add(15 * time.Minute).UTC().Format(time.RFC3339),
	}})
}

func (c *cluster) listPods() *http.Response {
	items := []any{}
	for uid, phase := range c.pods {
		items = append(items, podJSON(uid, phase))
	}
	return reply(http.StatusOK, map[string]any{"metadata": map[string]any{"resourceVersion": "1"}, "items": items})
}

func (c *cluster) openWatch(r *http.Request) *http.Response {
	in, out := io.Pipe()
	c.watch = out
	go func() {
		<-r.Context().Done()
		_ = out.Close()
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: in}
}

func reply(code int, object any) *http.Response {
	encoded, _ := json.Marshal(object)
	return &http.Response{StatusCode: code, Body: io.NopCloser(bytes.NewReader(encoded))}
}

// eventReasons returns the reasons of all events of pods, in order.
func (c *cluster) eventReasons() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var reasons []string
	for _, e := range c.events {
		reason, _ := e["reason"].(string)
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	return reasons
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func newToken(text string) sensitive.String { return sensitive.New(text) }
