package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // virtual time

// apiServer is an API server inside the process: objects by path, versions,
// conflicts and watches. The real one is in test/e2e.
type apiServer struct {
	mu       sync.Mutex
	version  int
	objects  map[string]map[string]any // by path
	watches  []watcher
	requests []string
	fail     func(method, path string) int // an HTTP code, or 0
}

// watcher is one that has not gone yet, as long as its context lasts.
type watcher struct {
	events chan kube.Event
	gone   <-chan struct{}
}

func newAPIServer() *apiServer { return &apiServer{objects: map[string]map[string]any{}, version: 10} }

// client is one whose requests reach the server without a network, so that time
// may be virtual.
func (s *apiServer) client() *kube.Client {
	return kube.Through("https://kubernetes", s, "")
}

// RoundTrip implements http.RoundTripper.
func (s *apiServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if s.fail != nil {
		if code := s.fail(r.Method, r.URL.Path); code == -1 {
			return nil, errors.New("connection refused")
		} else if code > 0 {
			return status(code, "told to"), nil
		}
	}
	if as := r.Header.Get("Accept"); strings.Contains(as, "as=") && strings.Contains(as, "MetadataList;") == (query.Get("watch") == "true") {
		return status(http.StatusNotAcceptable, as), nil
	}
	if query.Get("watch") == "true" {
		return s.watch(r), nil
	}
	var body map[string]any
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	switch r.Method {
	case http.MethodGet:
		return s.get(r.URL.Path), nil
	case http.MethodPost:
		path := r.URL.Path + "/" + field(body, "metadata", "name")
		if s.objects[path] != nil {
			return status(http.StatusConflict, "it exists"), nil
		}
		return s.put(path, body, "ADDED"), nil
	case http.MethodPut:
		if v := field(body, "metadata", "resourceVersion"); v != "" && v != field(s.objects[r.URL.Path], "metadata", "resourceVersion") {
			return status(http.StatusConflict, "it has changed"), nil
		}
		return s.put(r.URL.Path, body, "MODIFIED"), nil
	case http.MethodPatch:
		return s.put(r.URL.Path, mergeWebhooks(s.objects[r.URL.Path], body), "MODIFIED"), nil
	}
	return status(http.StatusMethodNotAllowed, r.Method), nil
}

// mergeWebhooks is the only strategic merge that is needed: by name.
func mergeWebhooks(object, patch map[string]any) map[string]any {
	merged := maps.Clone(object)
	var all []any
	for _, old := range object["webhooks"].([]any) {
		was := maps.Clone(old.(map[string]any))
		for _, changed := range patch["webhooks"].([]any) {
			if now := changed.(map[string]any); now["name"] == was["name"] {
				config := maps.Clone(was["clientConfig"].(map[string]any))
				maps.Copy(config, now["clientConfig"].(map[string]any))
				was["clientConfig"] = config
			}
		}
		all = append(all, was)
	}
	merged["webhooks"] = all
	return merged
}

func field(object map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		object, _ = object[name].(map[string]any)
	}
	text, _ := object[path[len(path)-1]].(string)
	return text
}

func status(code int, message string) *http.Response {
	return reply(code, map[string]any{"kind": "Status", "message": message})
}

func reply(code int, object any) *http.Response {
	text, _ := json.Marshal(object)
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(text)))}
}

// get returns an object, or the list of those below.
func (s *apiServer) get(path string) *http.Response {
	if o := s.objects[path]; o != nil {
		return reply(http.StatusOK, o)
	}
	items := []any{}
	for name, o := range s.objects {
		if strings.HasPrefix(name, path+"/") {
			items = append(items, o)
		}
	}
	if len(items) == 0 && strings.Count(path, "/") > 5 {
		return status(http.StatusNotFound, "not found")
	}
	return reply(http.StatusOK, map[string]any{"metadata": map[string]any{"resourceVersion": strconv.Itoa(s.version)}, "items": items})
}

// put stores an object and tells it. The caller holds mu.
func (s *apiServer) put(path string, object map[string]any, kind string) *http.Response {
	s.version++
	metadata, _ := object["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["resourceVersion"] = strconv.Itoa(s.version)
	object = maps.Clone(object)
	object["metadata"] = metadata
	s.objects[path] = object
	s.tell(kind, object)
	return reply(http.StatusOK, object)
}

func (s *apiServer) tell(kind string, object any) {
	text, _ := json.Marshal(object)
	for _, w := range s.watches {
		select {
		case <-w.gone:
		case w.events <- kube.Event{Type: kind, Object: text}:
		}
	}
}

// set is what somebody else does.
func (s *apiServer) set(path string, object map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(path, object, "MODIFIED")
}

// watch sends what is told until the client goes away.
func (s *apiServer) watch(r *http.Request) *http.Response {
	from, to := io.Pipe()
	events := make(chan kube.Event, 100)
	s.watches = append(s.watches, watcher{events, r.Context().Done()})
	go func() {
		defer func() { _ = to.Close() }()
		for {
			select {
			case <-r.Context().Done():
				return
			case e, ok := <-events:
				if !ok {
					return
				}
				text, _ := json.Marshal(map[string]any{"type": e.Type, "object": e.Object})
				if _, err := fmt.Fprintf(to, "%s\n", text); err != nil {
					return
				}
			}
		}
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body{from, r}}
}

// body ends with its request, as that of a connection does.
type body struct {
	*io.PipeReader
	r *http.Request
}

func (s *apiServer) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if strings.HasPrefix(r, request) {
			n++
		}
	}
	return n
}

// endWatches is what the API server does when a watch has lasted long enough.
func (s *apiServer) endWatches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.watches {
		close(w.events)
	}
	s.watches = nil
}

// journal collects what is reported.
type journal struct {
	mu   sync.Mutex
	list []string
}

func (j *journal) add(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, err.Error())
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.list...)
}
