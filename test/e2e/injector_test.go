package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// injected is the pod that the injector makes of one with these annotations.
func (p *pod) injected(annotations map[string]string) *corev1.Pod {
	p.t.Helper()
	all := map[string]string{
		"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": p.name,
		"vault.hashicorp.com/secret-volume-path":     p.path("out"),
		"vault.hashicorp.com/auth-config-token-path": p.path("jwt"),
	}
	maps.Copy(all, annotations)
	o := injector.DefaultOptions()
	o.VaultAddress = p.vault.Address()
	out, report := injector.Inject(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Annotations: all},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Command: []string{"/app"}}}},
	}, o)
	must(p.t, report.Err)
	return out
}

// document returns the document of a container; what belongs into the agent's
// home goes into the folder of the pod.
func (p *pod) document(c corev1.Container) string {
	p.t.Helper()
	at := slices.IndexFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == "VAULT_CONFIG" })
	if at < 0 {
		p.t.Fatalf("container %q has no document", c.Name)
	}
	text, err := base64.StdEncoding.DecodeString(c.Env[at].Value)
	must(p.t, err)
	return strings.ReplaceAll(string(text), "/home/vault", p.dir)
}

// TestInjectedAgentsDeliver runs the two agents of an injected pod with the
// documents, and the arguments, that the injector gave them.
func TestInjectedAgentsDeliver(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	out := p.injected(map[string]string{
		"vault.hashicorp.com/agent-inject-secret-Whole":              p.text("secret/data/NAME/app"),
		"vault.hashicorp.com/agent-inject-default-template":          "json",
		"vault.hashicorp.com/agent-inject-template-part":             p.text(`{{ with secret "secret/data/NAME/app" }}<{{ .Data.data.password }}>{{ end }}`),
		"vault.hashicorp.com/agent-inject-file-part":                 "conf.d/part",
		"vault.hashicorp.com/agent-inject-perms-part":                "0400",
		"vault.hashicorp.com/template-static-secret-render-interval": "1s",
	})
	first, second := out.Spec.InitContainers[0], out.Spec.Containers[1]
	env := func(c corev1.Container) []string {
		return []string{"VAULT_CONFIG=" + base64.StdEncoding.EncodeToString([]byte(p.document(c)))}
	}
	if code := p.execute(world.program, first.Args, env(first), attributes()).wait(); code != 0 {
		t.Fatalf("exit code %d of the init container", code)
	}
	if got := p.read("out/conf.d/part"); got != "<"+canary+"-1>" {
		t.Errorf("file holds %q", got)
	}
	if info, err := os.Stat(p.path("out/conf.d/part")); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("permissions %v, %v", info, err)
	}
	var whole struct{ Data struct{ Password string } }
	if err := json.Unmarshal([]byte(p.read("out/whole")), &whole); err != nil || whole.Data.Password != canary+"-1" {
		t.Errorf("file holds %q, %v", p.read("out/whole"), err)
	}
	p.execute(world.program, second.Args, env(second), attributes()).awaitReady()
	p.put("app", canary+"-2")
	p.awaitFile("out/conf.d/part", "<"+canary+"-2>")
}

// TestInjectedVariables renders what the injector makes of PATH#KEY, for both
// versions of the KV engine.
func TestInjectedVariables(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	_, err := p.vault.Write(t.Context(), "kv/"+p.name+"/one", map[string]any{"pass word": canary + "-v1", "data": "x"})
	must(t, err)
	out := p.injected(map[string]string{
		"vaultk8s.io/agent-env-ONE":  p.text("kv/NAME/one#pass word"),
		"vaultk8s.io/agent-env-TWO":  p.text("secret/data/NAME/app#password"),
		"vaultk8s.io/agent-env-DATA": p.text("kv/NAME/one#data"),
	})
	wrapped := out.Spec.Containers[0]
	doc, _, err := agentfile.Decode("document", []byte(p.document(wrapped)))
	must(t, err)
	// The same templates as files, so that this test needs no application.
	doc.Exec, doc.ExitAfterAuth = nil, true
	for _, v := range doc.EnvTemplates {
		file := agentfile.NewTemplate()
		file.Contents, file.Destination = v.Contents, p.path("out/"+v.Name)
		doc.Templates = append(doc.Templates, file)
	}
	doc.EnvTemplates = nil
	text, err := agentfile.Encode(doc)
	must(t, err)
	p.file("agent.json", string(text))
	if code, _ := p.run("agent", "-config="+p.path("agent.json")); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for name, want := range map[string]string{"ONE": canary + "-v1", "TWO": canary + "-1", "DATA": "x"} {
		if got := p.read("out/" + name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestInjectedPodsAreAccepted gives every sample of the injector to a real API
// server.
func TestInjectedPodsAreAccepted(t *testing.T) {
	t.Parallel()
	const namespace = "injected"
	must(t, world.kubernetes.CreateServiceAccount(t.Context(), namespace, "default"))
	files, err := filepath.Glob("../../pkg/injector/testdata/pods/*.in.yaml")
	must(t, err)
	accepted := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".in.yaml"), func(t *testing.T) {
			if createsInjected(t, file, namespace) {
				accepted++
			}
		})
	}
	if accepted < 60 {
		t.Errorf("only %d pods were tried", accepted)
	}
}

// createsInjected reports whether the sample is injected at all.
func createsInjected(t *testing.T, file, namespace string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	sample, options, _ := strings.Cut(string(text), "\n---\n")
	var pod corev1.Pod
	o := injector.DefaultOptions()
	o.VaultAddress = "http://vault.vault.svc:8200"
	must(t, yaml.Unmarshal([]byte(sample), &pod))
	must(t, yaml.Unmarshal([]byte(options), &o))
	out, report := injector.Inject(&pod, o)
	if report.Reason != injector.Injected {
		return false
	}
	out.Namespace, out.Status = namespace, corev1.PodStatus{}
	_, err = world.kubernetes.Do(t.Context(), "POST", "/api/v1/namespaces/"+namespace+"/pods?dryRun=All&fieldValidation=Strict", out)
	if err != nil {
		t.Errorf("refused: %v", err)
	}
	return true
}
