package agent_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/agent"
)

// eventually waits, on real time, until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		case <-tick.C:
		}
	}
}

func TestStatusIsSeenFromOutside(t *testing.T) {
	w := newWorld(t)
	socket := filepath.Join(w.dir, "status.sock")
	o := w.options(w.document("pid_file = \"DIR/pid\"\n" + strings.Replace(kvTemplate, "secret/data/app", "secret/data/other", 1)))
	o.Socket, o.Config.Telemetry.Address = socket, freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, o) }()
	eventually(t, "the agent answers and is not ready", func() bool {
		err := agent.CheckReady(t.Context(), socket)
		return err != nil && err.Error() == "not ready: 1 of 1 templates were not rendered yet"
	})
	if status, body := get(t, o.Config.Telemetry.Address, "/livez"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/livez = %d %q", status, body)
	}
	if status, _ := get(t, o.Config.Telemetry.Address, "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz = %d before the first delivery, want 503", status)
	}
	w.vault.PutKV("secret", "other", map[string]any{"password": canary})
	eventually(t, "the agent is ready", func() bool { return agent.CheckReady(t.Context(), socket) == nil })
	_, metrics := get(t, o.Config.Telemetry.Address, "/metrics")
	for _, want := range []string{"vault_agent_authenticated 1", "vault_agent_auth_success 1", `vaultk8s_deliveries_total{outcome="ok"} 1`, "vaultk8s_templates_rendered 1", "process_resident_memory_bytes"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
	if strings.Contains(metrics, canary) {
		t.Error("/metrics shows a secret value")
	}
	if pid := w.read("pid"); strings.TrimSpace(pid) == "" {
		t.Error("no pid file")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
	if _, err := os.Stat(w.path("pid")); err == nil {
		t.Error("the pid file was left behind")
	}
	if err := agent.CheckReady(t.Context(), socket); err == nil || !strings.HasPrefix(err.Error(), "no agent answers: ") {
		t.Errorf("after the end: %v", err)
	}
}

func TestStatusSocketOfAnotherAgentIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	socket := filepath.Join(w.dir, "status.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	o := w.options(w.document("exit_after_auth = true\n" + kvTemplate))
	o.Socket = socket
	if err := agent.Run(t.Context(), o); err != nil {
		t.Errorf("Run() = %v", err)
	}
	if !strings.Contains(w.log(), "another agent answers on") {
		t.Error("no warning")
	}
}

func TestTelemetryAddressInUseIsAnError(t *testing.T) {
	w := newWorld(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	o := w.options(w.document(kvTemplate))
	o.Config.Telemetry.Address = l.Addr().String()
	if err := agent.Run(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "serve telemetry: listen tcp "+l.Addr().String()) {
		t.Errorf("Run() = %v", err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func get(t *testing.T, address, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
