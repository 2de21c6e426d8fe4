package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// get asks the agent's telemetry address; what it says is checked for secrets.
func (a *agent) get(path string) string {
	a.pod.t.Helper()
	address, _ := a.awaitLog(1, "serving telemetry")["address"].(string)
	request, err := http.NewRequestWithContext(a.pod.t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	must(a.pod.t, err)
	text := fetch(a.pod.t, request)
	a.pod.note(text)
	return text
}

func TestStatus(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	if code, out := p.run("agent", "ready"); code != 1 ||
		failure(out) != p.text(`no agent answers: Get "http://agent/readyz": dial unix DIR/agent.sock: connect: no such file or directory`) {
		t.Errorf("ready without an agent: exit code %d, %s", code, out)
	}
	late := strings.NewReplacer("NAME/app", "NAME/late", "out/kv", "out/late").Replace(kv)
	a := p.sidecar(kv+db+late, "-telemetry-address=127.0.0.1:0")
	p.awaitFile("out/kv", canary+"-1")
	p.awaitOther("out/db", "")
	p.login("out/db")
	const waiting = "1 of 3 templates were not rendered yet"
	if code, out := p.run("agent", "ready"); code != 1 || failure(out) != "not ready: "+waiting {
		t.Errorf("ready before the end: exit code %d, %s", code, out)
	}
	if live, ready := a.get("/livez"), a.get("/readyz"); live != "ok\n" || ready != waiting+"\n" {
		t.Errorf("/livez %q, /readyz %q", live, ready)
	}
	p.put("late", canary+"-late")
	a.awaitReady()
	if ready := a.get("/readyz"); ready != "ok\n" {
		t.Errorf("/readyz %q", ready)
	}
	p.expectMetrics(a.get("/metrics"))
}

func (p *pod) expectMetrics(page string) {
	p.t.Helper()
	for _, want := range []string{
		"vault_agent_authenticated 1", "vault_agent_auth_success 1", "vault_agent_auth_failure 0",
		`vaultk8s_deliveries_total{outcome="ok"} 3`, `vaultk8s_secret_reads_total{outcome="ok",reason="first read"} 2`,
		`vaultk8s_secret_reads_total{outcome="ok",reason="retry after a failure"} 1`,
		"vaultk8s_templates 3", "vaultk8s_templates_rendered 3",
	} {
		if !strings.Contains("\n"+page, "\n"+want+"\n") {
			p.t.Errorf("the metrics have no line %q", want)
		}
	}
}

// TestAuditLine reads the line about each delivery: who got what, which version
// or lease of it, and until when.
func TestAuditLine(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	both := `
template {
  contents    = "{{ with secret \"secret/data/NAME/app\" }}{{ .Data.data.password }}{{ end }}{{ with secret \"database/creds/NAME\" }}{{ .Data.password }}{{ end }}"
  destination = "DIR/out/both"
}`
	a := p.sidecar(quick + both)
	first := a.awaitLog(1, "delivered")
	password := strings.TrimPrefix(p.read("out/both"), canary+"-1")
	p.secretly(password)
	p.put("app", canary+"-2")
	second := a.awaitLog(2, "delivered")
	leases, err := p.vault.Do(t.Context(), "LIST", "sys/leases/lookup/database/creds/"+p.name, nil)
	must(t, err)
	leaseID := "database/creds/" + p.name + "/" + list(dig(leases, "data", "keys"))[0]
	for version, line := range map[int]map[string]any{1: first, 2: second} {
		expires, err := time.Parse(time.RFC3339, fmt.Sprint(dig(secretOf(line, 1), "expires")))
		if left := time.Until(expires); err != nil || left < 50*time.Minute || left > time.Hour {
			t.Errorf("the lease ends in %s: %v", left, err)
		}
		delete(line, "time")
		delete(secretOf(line, 1), "expires")
		want := map[string]any{
			"level": "INFO", "msg": "delivered", "destination": p.path("out/both"), "identity": p.name + " system:serviceaccount:shop:app",
			"secrets": []any{
				map[string]any{"secret": "read secret/data/" + p.name + "/app", "version": fmt.Sprint(version)},
				map[string]any{"secret": "read database/creds/" + p.name, "lease": leaseID},
			},
		}
		if diff := cmp.Diff(want, line); diff != "" {
			t.Errorf("delivery %d (-want +got):\n%s", version, diff)
		}
	}
}

func secretOf(line map[string]any, i int) map[string]any {
	all, _ := line["secrets"].([]any)
	if i >= len(all) {
		return nil
	}
	s, _ := all[i].(map[string]any)
	return s
}
