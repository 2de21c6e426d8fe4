package e2e_test

import (
	"testing"
)

// TestGeneratedDocumentRuns runs an application with what the command wrote.
func TestGeneratedDocumentRuns(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	// A token that lives as long as the agent, and is not its root's.
	token, err := p.vault.Write(t.Context(), "auth/token/create", map[string]any{"policies": []string{p.name, "default"}, "ttl": "1h"})
	must(t, err)
	text, _ := dig(token, "auth", "client_token").(string)
	p.file(".vault-token", text)
	line := p.text(`/bin/sh -c 'echo "$APP_PASSWORD" > DIR/shown'`)
	if _, stderr, code := p.preview("agent", "generate-config", "-type=env-template", "-exec="+line, p.text("-path=secret/NAME/app")); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	a := p.execute(world.program, []string{"agent", "-config=" + p.path("agent.hcl")}, []string{"HOME=" + p.dir}, attributes())
	if code := a.wait(); code != 0 || p.read("shown") != canary+"-1\n" {
		t.Errorf("exit code %d, the application saw %q: %s", code, p.read("shown"), failure(a.printed()))
	}
}

func TestGeneratedDocumentErrors(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.file(".vault-token", p.vault.Token())
	p.file("there.hcl", "mine")
	const kind = "-type=env-template"
	cases := map[string]struct {
		args []string
		want string
	}{
		"no kind":       {[]string{"-path=secret/NAME/app"}, `type "" is unknown: write -type=env-template`},
		"no path":       {[]string{kind}, `no path: write -path=PATH, as often as there are secrets`},
		"is there":      {[]string{kind, "-path=secret/NAME/app", "there.hcl"}, `"there.hcl" is there already: choose another name, or replace it with -force`},
		"no secret":     {[]string{kind, "-path=secret/NAME/none"}, `GET ADDR/v1/secret/data/NAME/none: not found (HTTP 404): no secret exists at secret/data/NAME/none...`},
		"not key-value": {[]string{kind, "-path=database/creds/NAME"}, `path "database/creds/NAME" is in a mount of type "database": only kv has keys that are known in advance`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			args := []string{"agent", "generate-config"}
			for _, arg := range tc.args {
				args = append(args, p.text(arg))
			}
			_, stderr, code := p.preview(args...)
			if want := p.text(tc.want); code != 1 || !matches(failure(stderr), want) {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(stderr), want)
			}
		})
	}
	if p.read("there.hcl") != "mine" {
		t.Error("a file was replaced")
	}
}
