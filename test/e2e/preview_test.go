package e2e_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// preview runs a command that is no agent, and returns what it printed to both
// streams. What it prints with --show is not looked through for secrets.
func (p *pod) preview(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	var out, errors bytes.Buffer
	c := exec.CommandContext(p.t.Context(), world.program, args...)
	c.Env, c.Dir, c.Stdout, c.Stderr = append([]string{"HOME=" + p.dir}, p.env...), p.dir, &out, &errors
	if err := c.Run(); c.ProcessState == nil {
		p.t.Fatal(err)
	}
	p.note(errors.String())
	if !strings.Contains(strings.Join(args, " "), "--show") {
		p.note(out.String())
	}
	return out.String(), errors.String(), c.ProcessState.ExitCode()
}

// kubernetesLogin are the flags and the shared file of a login as the pod.
func (p *pod) kubernetesLogin() []string {
	p.file("shared.yaml", p.text("auth:\n  method: kubernetes\n  role: NAME\n  options: {token_path: DIR/jwt}\n"))
	return []string{"render", "--config", p.path("shared.yaml")}
}

// TestRenderPreviewLeavesNothingBehind renders every kind of secret as a pod, and
// finds neither its token nor its database user afterwards.
func TestRenderPreviewLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, time.Hour)
	p.file("all.ctmpl", p.text(`{{ with secret "secret/NAME/app" }}{{ range $k, $v := .Data.data }}{{ $k }}={{ $v }}{{ end }}{{ end }}
{{ with secret "database/creds/NAME" }}{{ .Data.username }}:{{ .Data.password }}{{ end }}
`))
	redacted, _, code := p.preview(append(p.kubernetesLogin(), p.path("all.ctmpl"))...)
	if want := "password=[redacted]\n[redacted]:[redacted]\n"; redacted != want || code != 0 {
		t.Errorf("exit code %d, printed %q, want %q", code, redacted, want)
	}
	shown, _, code := p.preview(append(p.kubernetesLogin(), "--show", p.path("all.ctmpl"))...)
	if code != 0 || !strings.HasPrefix(shown, "password="+canary+"-1\nv-") {
		t.Errorf("exit code %d, printed %q", code, withoutHelp(shown))
	}
	// Vault revokes the leases of a revoked token in the background.
	await(t, func() error {
		if n := p.users(); n != 0 {
			return fmt.Errorf("%d database users are left", n)
		}
		return nil
	})
	if n := p.logins(); n != 0 {
		t.Errorf("%d tokens are left", n)
	}
}

func TestRenderPreviewOfACertificate(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.PKIRole(t.Context(), "pki", p.name, "shop.svc", time.Hour, true))
	contents := p.text(`{{ with pkiCert "pki/issue/NAME" "common_name=app.shop.svc" }}{{ .Cert }}{{ .Key }}{{ .CA }}{{ end }}`)
	args := append(p.kubernetesLogin(), "--contents", contents)
	_, stderr, code := p.preview(args...)
	if want := p.text("Error: pki pki/issue/NAME (common_name) would write to Vault: allow that with --allow-writes\n"); stderr != want || code != 1 {
		t.Errorf("exit code %d, %q, want %q", code, stderr, want)
	}
	out, _, code := p.preview(append(args, "--allow-writes")...)
	if n := strings.Count(out, "-----BEGIN "); n != 3 || code != 0 {
		t.Errorf("exit code %d, %d blocks", code, n)
	}
}

func TestRenderPreviewErrors(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	cases := map[string]struct{ contents, want string }{
		"missing": {`{{ with secret "secret/NAME/none" }}{{ .Data }}{{ end }}`, `Error: GET ADDR/v1/secret/data/NAME/none: not found (HTTP 404)`},
		"denied":  {`{{ with secret "secret/other/app" }}{{ .Data }}{{ end }}`, `Error: GET ADDR/v1/secret/data/other/app: denied (HTTP 403)`},
		"failure": {`{{ with secret "secret/NAME/app" }}{{ .Data.data.password | parseInt }}{{ end }}`, `Error: template "--contents", line 1, column 61: function "parseInt": invalid syntax`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, stderr, code := p.preview(append(p.kubernetesLogin(), "--contents", p.text(tc.contents))...)
			if !strings.HasPrefix(stderr, p.text(tc.want)) || code != 1 || out != "" {
				t.Errorf("exit code %d, %q %q, want %q", code, out, stderr, p.text(tc.want))
			}
		})
	}
}

// TestGeneratedDocumentIsOneThatTheAgentTakes walks both versions of KV with a
// person's token.
func TestGeneratedDocumentIsOneThatTheAgentTakes(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.put("deep/er/api", canary+"-deep")
	_, err := p.vault.Write(t.Context(), "kv/"+p.name+"/one", map[string]any{"api-key": canary + "-v1"})
	must(t, err)
	p.file(".vault-token", p.vault.Token())
	_, stderr, code := p.preview("agent", "generate-config", "-type=env-template", "-exec=env", p.text("-path=secret/NAME/*"), p.text("-path=kv/NAME/one"))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	doc, warnings, err := agentfile.Load([]string{p.path("agent.hcl")})
	must(t, err)
	must(t, doc.Validate())
	var names []string
	for _, e := range doc.EnvTemplates {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "APP_PASSWORD API_PASSWORD ONE_API_KEY" || len(warnings) > 0 {
		t.Errorf("got %s, warnings %v", got, warnings)
	}
	for i, want := range []string{canary + "-1", canary + "-deep", canary + "-v1"} {
		out, _, _ := p.preview("render", "--show", "--contents", doc.EnvTemplates[i].Contents)
		if out != want {
			t.Errorf("%s is %q, want %q", names[i], out, want)
		}
	}
}

// TestRenderPreviewOfAFormat shapes a secret as the keys of a template do.
func TestRenderPreviewOfAFormat(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	args := append(p.kubernetesLogin(), "--secret", p.text("secret/NAME/app"), "--format", "env")
	if out, _, code := p.preview(args...); out != "password='[redacted]'\n" || code != 0 {
		t.Errorf("exit code %d, %q", code, out)
	}
	if out, _, code := p.preview(append(args, "--show")...); out != "password='"+canary+"-1'\n" || code != 0 {
		t.Errorf("exit code %d, %q", code, out)
	}
	for want, more := range map[string][]string{
		`Error: template "--secret": "read secret/NAME/app" has no key "user"` + "\n":                                                       {"--key", "user"},
		`Error: template "--secret": unknown format "xml"; there are json, yaml, env, properties, raw, files, pem, tls, pkcs12, jks` + "\n": {"--format", "xml"},
	} {
		if _, stderr, code := p.preview(append(args, more...)...); code != 1 || stderr != p.text(want) {
			t.Errorf("exit code %d\ngot  %s\nwant %s", code, stderr, p.text(want))
		}
	}
}
