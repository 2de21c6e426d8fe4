package events

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is the token; no error may hold it.
const canary = "canary-e7c1"

// written is what Vault sends when a secret was written.
const written = `{
  "id": "a3be9fb1-b514-519f-5b25-b6f144a8c1ce", "source": "vault://node-1", "specversion": "1.0", "type": "*",
  "data": {
    "event": {
      "id": "a3be9fb1-b514-519f-5b25-b6f144a8c1ce",
      "metadata": {"current_version": "2", "data_path": "secret/data/app/db", "modified": "true", "oldest_version": "0",
        "operation": "data-write", "path": "secret/data/app/db", "vault_index": "v1:abc"}
    },
    "event_type": "kv-v2/data-write", "namespace": "eu/",
    "plugin_info": {"mount_class": "secret", "mount_accessor": "kv_5dc4d18e", "mount_path": "secret/", "plugin": "kv"}
  },
  "datacontentype": "application/cloudevents", "time": "2026-11-21T15:19:49.489078Z"
}`

func writtenEvent() Event {
	return Event{
		Type: "kv-v2/data-write", Namespace: "eu", Mount: "secret", Path: "secret/data/app/db", DataPath: "secret/data/app/db",
		Modified: true, Index: "v1:abc",
	}
}

func TestParse(t *testing.T) {
	cases := map[string]struct {
		text string
		want Event
		err  string
	}{
		"written":         {text: written, want: writtenEvent()},
		"a truth":         {text: `{"data":{"event_type":"a/b","event":{"metadata":{"modified":true,"path":1}}}}`, want: Event{Type: "a/b", Modified: true}},
		"a role":          {text: `{"data":{"event_type":"database/rotate","event":{"metadata":{"name":"app","modified":"false"}}}}`, want: Event{Type: "database/rotate", Name: "app"}},
		"nothing":         {text: ``, err: "the message is not an event in JSON"},
		"another message": {text: `{"data":{}}`, err: "the message has no event_type"},
		"another type":    {text: `{"data":[]}`, err: "the message is not an event in JSON"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(tc.text))
			if text := textOf(err); text != tc.err {
				t.Errorf("error %q, want %q", text, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestConcerns(t *testing.T) {
	kv := func(kind, path string) Event {
		return Event{Type: "kv-v2/" + kind, Mount: "secret", Path: path, Modified: true}
	}
	cases := map[string]struct {
		event     Event
		namespace string
		path      string
		want      bool
	}{
		"the path":             {event: writtenEvent(), namespace: "eu", path: "secret/data/app/db", want: true},
		"with slashes":         {event: writtenEvent(), namespace: "/eu/", path: "/secret/data/app/db/", want: true},
		"another namespace":    {event: writtenEvent(), path: "secret/data/app/db"},
		"another path":         {event: writtenEvent(), namespace: "eu", path: "secret/data/app"},
		"version 1":            {event: Event{Type: "kv-v1/write", Mount: "kv", Path: "kv/app", Modified: true}, path: "kv/app", want: true},
		"nothing changed":      {event: Event{Type: "kv-v2/metadata-read", Path: "secret/data/a"}, path: "secret/data/a"},
		"undeleted":            {event: kv("undelete", "secret/undelete/a/b"), path: "secret/data/a/b", want: true},
		"destroyed":            {event: kv("destroy", "secret/destroy/a"), path: "secret/data/a", want: true},
		"metadata deleted":     {event: kv("metadata-delete", "secret/metadata/a"), path: "secret/data/a", want: true},
		"configured":           {event: kv("config-write", "secret/config"), path: "secret/data/config"},
		"by its data path":     {event: Event{Type: "kv-v2/data-patch", Path: "x", DataPath: "secret/data/a", Modified: true}, path: "secret/data/a", want: true},
		"a role":               {event: Event{Type: "database/rotate", Mount: "database", Path: "rotate-role/app", Name: "app", Modified: true}, path: "database/static-creds/app", want: true},
		"another role":         {event: Event{Type: "database/rotate", Mount: "database", Name: "app2", Modified: true}, path: "database/static-creds/app"},
		"another engine":       {event: Event{Type: "database/rotate", Mount: "db", Name: "app", Modified: true}, path: "database/static-creds/app"},
		"given by ourselves":   {event: Event{Type: "database/creds-create", Mount: "database", Path: "database/creds/app", Name: "app", Modified: true}, path: "database/creds/app"},
		"no mount and no name": {event: Event{Type: "pki/rotate", Modified: true}, path: "pki/issue/app"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.event.Concerns(tc.namespace, tc.path); got != tc.want {
				t.Errorf("Concerns(%q, %q) = %v", tc.namespace, tc.path, got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(written), "secret/data/app/db")
	f.Add([]byte(`{"data":{"event_type":"kv-v2/x","event":{"metadata":{"modified":"true","path":"//"}},"plugin_info":{"mount_path":"/"}}}`), "")
	f.Fuzz(func(t *testing.T, content []byte, path string) {
		event, err := Parse(content)
		if err != nil && event != (Event{}) {
			t.Errorf("an event beside the error %v", err)
		}
		if event.Concerns(event.Namespace, path) && !event.Modified {
			t.Error("what changed nothing concerns somebody")
		}
	})
}

// vaultOf is a client with a token.
type vaultOf struct{ client *vault.Client }

// Upgrade implements Upgrader.
func (v vaultOf) Upgrade(ctx context.Context, r vault.Request, dial vault.Dial) error {
	return v.client.Upgrade(ctx, sensitive.New(canary), "eu", r, dial)
}

func clientOf(t *testing.T, address string) vaultOf {
	t.Helper()
	c, err := vault.NewClient(config.Vault{Address: address, Headers: []config.Header{{Name: "X-Extra", Value: "yes"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return vaultOf{c}
}

// TestListen speaks with a server that redirects once, as a standby does.
func TestListen(t *testing.T) {
	var got []*http.Request
	active := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r)
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		for _, text := range []string{written, "not an event", strings.ReplaceAll(written, "app/db", "app/cache")} {
			if err := c.Write(r.Context(), websocket.MessageText, []byte(text)); err != nil {
				t.Error(err)
			}
		}
		_ = c.Close(websocket.StatusNormalClosure, "the end")
	}))
	defer active.Close()
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(active.URL, "http", "ws", 1)+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	defer standby.Close()
	opened, events := 0, []Event{}
	err := Listen(t.Context(), clientOf(t, standby.URL), "kv*", func() { opened++ }, func(e Event) { events = append(events, e) })
	if err == nil || !strings.Contains(err.Error(), "the end") {
		t.Errorf("error %v", err)
	}
	second := writtenEvent()
	second.Path, second.DataPath = "secret/data/app/cache", "secret/data/app/cache"
	if diff := cmp.Diff([]Event{writtenEvent(), second}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if opened != 1 || len(got) != 1 {
		t.Fatalf("opened %d times by %d requests", opened, len(got))
	}
	r := got[0]
	seen := []string{r.URL.RequestURI(), r.Header.Get("X-Vault-Token"), r.Header.Get("X-Vault-Namespace"), r.Header.Get("X-Vault-Request"), r.Header.Get("X-Extra")}
	if diff := cmp.Diff([]string{"/v1/sys/events/subscribe/kv*?json=true", canary, "eu", "true", "yes"}, seen); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// TestListenEnds: the end of the context ends a subscription on which nothing comes.
func TestListenEnds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err == nil {
			<-c.CloseRead(r.Context()).Done()
		}
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	err := Listen(ctx, clientOf(t, server.URL), "kv*", cancel, func(Event) { t.Error("an event") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestListenIsRefused(t *testing.T) {
	var redirects atomic.Int64
	cases := map[string]struct {
		answer http.HandlerFunc
		kind   vault.Kind
		err    string
	}{
		"denied": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(`{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`))
			},
			kind: vault.Denied, err: "GET SERVER/v1/sys/events/subscribe/kv*: denied (HTTP 403): permission denied",
		},
		"the community edition": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(`{"errors":["unsupported path"]}`))
			},
			kind: vault.NotFound, err: "GET SERVER/v1/sys/events/subscribe/kv*: not found (HTTP 404): unsupported path",
		},
		"for ever somewhere else": {
			answer: func(w http.ResponseWriter, r *http.Request) {
				redirects.Add(1)
				http.Redirect(w, r, r.URL.RequestURI(), http.StatusTemporaryRedirect)
			},
			kind: vault.Unavailable, err: "GET SERVER/v1/sys/events/subscribe/kv*: unavailable (HTTP 307): redirected more than ten times",
		},
		"away": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				if hijacker, ok := w.(http.Hijacker); ok {
					c, _, _ := hijacker.Hijack()
					_ = c.Close()
				}
			},
			kind: vault.Unavailable, err: "GET SERVER/v1/sys/events/subscribe/kv*: unavailable",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			err := Listen(t.Context(), clientOf(t, server.URL), "kv*", func() { t.Error("opened") }, func(Event) {})
			text := strings.ReplaceAll(textOf(err), server.URL, "SERVER")
			if !strings.HasPrefix(text, tc.err) || strings.Contains(text, canary) {
				t.Errorf("error %q, want %q", text, tc.err)
			}
			if vault.KindOf(err) != tc.kind {
				t.Errorf("kind %v, want %v", vault.KindOf(err), tc.kind)
			}
		})
	}
	if n := redirects.Load(); n != 11 {
		t.Errorf("%d requests, want the first and ten redirects", n)
	}
}
