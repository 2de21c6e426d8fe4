package agent_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/agent"
)

// overSocket returns a client of a unix socket.
func overSocket(path string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

func ask(t *testing.T, c *http.Client, method, path string) (int, http.Header, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://agent"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	_ = json.Unmarshal(text, &body) // not every answer has one
	return response.StatusCode, response.Header, body
}

const proxyDocument = `
cache { use_auto_auth_token = true }
listener "unix" {
  address     = "DIR/agent.sock"
  tls_disable = true
  agent_api { enable_quit = true }
}
`

func TestListenerPassesRequestsOnAndSharesLeases(t *testing.T) {
	w := newWorld(t)
	done := make(chan error, 1)
	o := w.options(w.document(proxyDocument + kvTemplate))
	go func() { done <- agent.Run(t.Context(), o) }()
	eventually(t, "the listener and the token are there", func() bool {
		_, err := os.Stat(w.path("agent.sock"))
		return err == nil && w.read("out/kv") != ""
	})
	client := overSocket(w.path("agent.sock"))
	status, _, body := ask(t, client, http.MethodGet, "/v1/secret/data/app")
	if text, _ := json.Marshal(body); status != http.StatusOK || !strings.Contains(string(text), canary) {
		t.Errorf("status %d: the secret did not come through", status)
	}
	_, first, lease := ask(t, client, http.MethodGet, "/v1/database/creds/app")
	_, second, again := ask(t, client, http.MethodGet, "/v1/database/creds/app")
	if first.Get("X-Cache") != "MISS" || second.Get("X-Cache") != "HIT" || lease["lease_id"] != again["lease_id"] {
		t.Errorf("X-Cache %q and %q, want one lease for both", first.Get("X-Cache"), second.Get("X-Cache"))
	}
	if status, _, _ := ask(t, client, http.MethodPost, "/agent/v1/quit"); status != http.StatusOK {
		t.Errorf("quit: status %d", status)
	}
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
}

func TestListenerThatCannotBeHadIsAnError(t *testing.T) {
	w := newWorld(t)
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	document := w.document(kvTemplate + "listener \"tcp\" {\naddress = \"" + busy.Addr().String() + "\"\ntls_disable = true\n}\ncache {}\n")
	err = agent.Run(t.Context(), w.options(document))
	if err == nil || !strings.Contains(err.Error(), busy.Addr().String()) {
		t.Errorf("Run() = %v, want the address that is in use", err)
	}
}

func TestAgentWithoutALoginPassesRequestsOn(t *testing.T) {
	w := newWorld(t)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	o := w.options(w.whole(strings.Replace(proxyDocument, "use_auto_auth_token = true", "", 1)))
	go func() { done <- agent.Run(ctx, o) }()
	eventually(t, "the listener is there", func() bool { _, err := os.Stat(w.path("agent.sock")); return err == nil })
	client := overSocket(w.path("agent.sock"))
	if status, _, _ := ask(t, client, http.MethodGet, "/v1/sys/health"); status != http.StatusOK {
		t.Errorf("status %d of a path that needs no token", status)
	}
	if status, _, _ := ask(t, client, http.MethodGet, "/v1/secret/data/app"); status != http.StatusForbidden {
		t.Errorf("status %d of a secret without a token, want what Vault says", status)
	}
	if n := w.vault.Logins(); n != 0 {
		t.Errorf("%d logins of an agent that has no way to log in", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
}

func TestReloadOfListeners(t *testing.T) {
	w := newWorld(t)
	signals := make(chan os.Signal, 1)
	document := w.document(proxyDocument + kvTemplate)
	change := w.reloads(t, document, signals)
	eventually(t, "the first listener is there", func() bool { _, err := os.Stat(w.path("agent.sock")); return err == nil })
	change(strings.Replace(document, "agent.sock", "other.sock", 1))
	eventually(t, "the listeners are exchanged", func() bool {
		_, gone := os.Stat(w.path("agent.sock"))
		conn, err := net.Dial("unix", w.path("other.sock")) // its file is there before anybody listens
		if err == nil {
			_ = conn.Close()
		}
		return err == nil && gone != nil
	})
	if status, _, _ := ask(t, overSocket(w.path("other.sock")), http.MethodGet, "/v1/secret/data/app"); status != http.StatusOK {
		t.Errorf("status %d at the new listener", status)
	}
}

func TestFormatsAreDelivered(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		err := w.init(`
template {
  secret      = "secret/data/app"
  format      = "env"
  destination = "DIR/out/env"
}
template {
  secret      = "pki/issue/web"
  params      = { common_name = "web.example.com", ttl = "24h" }
  format      = "tls"
  destination = "DIR/out/tls"
}
`)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.read("out/env"); got != "password='"+canary+"-1'\n" {
			t.Error("the env file has another form")
		}
		for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
			if w.read("out/tls/"+name) == "" {
				t.Errorf("%s is missing or empty", name)
			}
		}
	})
}
