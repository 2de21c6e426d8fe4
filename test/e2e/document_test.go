package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func TestDocumentComesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	hcl := p.text("exit_after_auth = true\n" + login + kv)
	a := p.execute(world.program, []string{"agent"}, []string{"VAULT_CONFIG=" + base64.StdEncoding.EncodeToString([]byte(hcl))}, attributes())
	if code := a.wait(); code != 0 || p.read("out/kv") != canary+"-1" {
		t.Errorf("exit code %d, kv file = %q", code, p.read("out/kv"))
	}
}

// TestDocumentOfTheInjector runs what the injector writes: JSON in the
// environment. Only the port of the listener is not the usual one, which may be taken.
func TestDocumentOfTheInjector(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	document, err := json.Marshal(map[string]any{
		"auto_auth": map[string]any{
			"method": map[string]any{
				"type": "kubernetes", "mount_path": "auth/kubernetes",
				"config": map[string]any{"role": p.name, "token_path": p.path("jwt")},
			},
			"sink": []any{map[string]any{"type": "file", "config": map[string]any{"path": p.path(".vault-token")}}},
		},
		"exit_after_auth": true,
		"pid_file":        p.path(".pid"),
		"vault":           map[string]any{"address": p.vault.Address()},
		"template": []any{map[string]any{
			"destination": p.path("secrets/db"), "left_delimiter": "{{", "right_delimiter": "}}",
			"contents": `{{ with secret "secret/data/` + p.name + `/app" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}` + "\n" + `{{ end }}{{ end }}`,
		}},
		"listener":        []any{map[string]any{"type": "tcp", "address": "127.0.0.1:0", "tls_disable": true}},
		"cache":           map[string]any{"use_auto_auth_token": "true"},
		"template_config": map[string]any{"exit_on_retry_failure": true},
	})
	must(t, err)
	a := p.execute(world.program, []string{"agent"}, []string{"VAULT_ADDR=", "VAULT_CONFIG=" + base64.StdEncoding.EncodeToString(document)}, attributes())
	if code := a.wait(); code != 0 {
		t.Fatalf("exit code %d, want 0", code)
	}
	if got := p.read("secrets/db"); !strings.HasPrefix(got, "data: map[password:"+canary+"-1]\nmetadata: map[") {
		t.Errorf("the default template of the injector gives %q", got)
	}
	if !strings.HasPrefix(p.read(".vault-token"), "hvs.") || p.read(".pid") != "" {
		t.Errorf("no token in its file, or the pid file is still there: %q", p.read(".pid"))
	}
	if !strings.Contains(a.printed(), `level=INFO msg=listening address=127.0.0.1:`) {
		t.Error("the listener is not served")
	}
}

func TestDocumentsOfSeveralFilesAndADirectory(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	second := strings.Replace(kv, "out/kv", "out/second", 1)
	third := strings.Replace(kv, "out/kv", "out/third", 1)
	p.file("one.hcl", p.text(login+kv))
	p.file("dir/10.hcl", p.text(second))
	p.file("dir/20.json", p.text(`{"template": [{"contents": "static", "destination": "DIR/out/json"}], "exit_after_auth": true}`))
	p.file("dir/30.hcl~", "not a document")
	p.file("dir/deeper/40.hcl", "not a document")
	p.file("three.hcl", p.text(third))
	code, _ := p.run("agent", "-config", p.path("one.hcl"), "-config="+p.path("dir"), "--config", p.path("three.hcl"))
	if code != 0 {
		t.Fatalf("exit code %d, want 0", code)
	}
	for name, want := range map[string]string{"kv": canary + "-1", "second": canary + "-1", "third": canary + "-1", "json": "static"} {
		if got := p.read("out/" + name); got != want {
			t.Errorf("file %q = %q, want %q", name, got, want)
		}
	}
}

func TestFlagsWithOneDashBeatTheDocument(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.file("agent.hcl", p.text("vault { address = \"http://127.0.0.1:1\" }\nlog_level = \"error\"\n"+login+kv))
	code, printed := p.run("agent", "-config="+p.path("agent.hcl"), "-address", p.vault.Address(), "-exit-after-auth", "-log-level=info", "-log-format", "json")
	if code != 0 || p.read("out/kv") != canary+"-1" {
		t.Errorf("exit code %d, kv file = %q", code, p.read("out/kv"))
	}
	if len(entries(printed)) == 0 {
		t.Error("no log lines in JSON at level info")
	}
}

func TestVerifyOnlyTouchesNothing(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.file("agent.hcl", p.text(login+kv))
	code, printed := p.run("agent", "-config="+p.path("agent.hcl"), "-test-verify-only")
	if code != 0 || printed != "" || p.read("out/kv") != "" || p.logins() != 0 {
		t.Errorf("exit code %d, printed %q, %d logins; want 0, nothing and none", code, printed, p.logins())
	}
	p.note("nothing was printed, as it should be")
}

func TestLogGoesToAFile(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.delivers(kv, "-log-file="+p.path("agent.log"))
	log := p.read("agent.log")
	p.note(log)
	if len(entries(log)) < 3 {
		t.Errorf("log file: %q", log)
	}
}
