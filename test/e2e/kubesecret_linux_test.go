package e2e_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// keeping delivers the secret app to a key of the pod's Kubernetes Secret, too.
const keeping = `
template {
  contents    = "{{ with secret \"secret/data/NAME/app\" }}KEY={{ .Data.data.password }}{{ end }}"
  destination = "DIR/out/KEY"
  kubernetes_secret {
    name = "NAME"
    key  = "KEY"
  }
}
`

// secretsPath is where the API server has the Secrets of the pod's namespace.
const secretsPath = "/api/v1/namespaces/shop/secrets"

// keeper makes a service account of the pod's name that may write Secrets in its
// namespace, and returns what the pod sees of it.
func (p *pod) keeper(verbs ...string) map[string]string {
	p.t.Helper()
	ctx := p.t.Context()
	must(p.t, world.kubernetes.CreateServiceAccount(ctx, "shop", p.name))
	must(p.t, p.vault.WriteKubernetesRole(ctx, "kubernetes", p.name, lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"app", p.name}, Policies: []string{p.name}, TTL: time.Hour,
	}))
	if len(verbs) > 0 {
		p.permit(verbs...)
	}
	address, err := url.Parse(world.kubernetes.URL())
	must(p.t, err)
	p.env = append(p.env, "KUBERNETES_SERVICE_HOST="+address.Hostname(), "KUBERNETES_SERVICE_PORT="+address.Port())
	return p.account(p.name)
}

// permit gives the pod's service account a Role for Secrets.
func (p *pod) permit(verbs ...string) {
	p.t.Helper()
	const group = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/"
	metadata := map[string]any{"name": p.name, "namespace": "shop"}
	_, err := world.kubernetes.Apply(p.t.Context(), group+"roles/"+p.name, map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
		"rules": []map[string]any{{"apiGroups": []string{""}, "resources": []string{"secrets"}, "verbs": verbs}},
	})
	must(p.t, err)
	_, err = world.kubernetes.Apply(p.t.Context(), group+"rolebindings/"+p.name, map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": p.name},
		"subjects": []map[string]any{{"kind": "ServiceAccount", "namespace": "shop", "name": p.name}},
	})
	must(p.t, err)
}

// keep runs an agent in the pod of that service account.
func (p *pod) keep(account map[string]string, document string) *agent {
	p.t.Helper()
	// Several agents of one pod must not take over each other's document.
	p.file("agent.hcl", p.text("reload_on_change = false\n"+document))
	return p.contained(container{Volumes: account}, "agent", "-config="+p.path("agent.hcl"), "-log-format=json", "-log-level=debug")
}

// kept reads the pod's Kubernetes Secret.
func (p *pod) kept() map[string]string {
	p.t.Helper()
	out, err := world.kubernetes.Do(p.t.Context(), http.MethodGet, secretsPath+"/"+p.name, nil)
	if lab.StatusCode(err) == http.StatusNotFound {
		return nil
	}
	must(p.t, err)
	all := map[string]string{}
	data, _ := out["data"].(map[string]any)
	for key, value := range data {
		text, _ := value.(string)
		plain, err := base64.StdEncoding.DecodeString(text)
		must(p.t, err)
		all[key] = string(plain)
	}
	return all
}

func (p *pod) awaitKept(key, want string) {
	p.t.Helper()
	await(p.t, func() error {
		if got := p.kept()[key]; got != want {
			return fmt.Errorf("key %q of the Secret holds %q, want %q", key, got, want)
		}
		return nil
	})
}

func keepingKey(key string) string { return strings.ReplaceAll(keeping, "KEY", key) }

// TestSecretOfKubernetesFollows has two agents write a key each of one Secret, in
// which somebody else has a third.
func TestSecretOfKubernetesFollows(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	account := p.keeper("create", "patch")
	_, err := world.kubernetes.Apply(t.Context(), secretsPath+"/"+p.name, map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": p.name}, "data": map[string][]byte{"foreign": []byte("of the team")},
	})
	must(t, err)
	p.keep(account, login+quick+keepingKey("one"))
	p.awaitKept("one", "one="+canary+"-1")
	p.env = append(p.env, "VAULTK8S_AGENT_SOCKET="+p.path("second.sock"))
	second := p.keep(account, login+quick+keepingKey("two")+keepingKey("three"))
	p.awaitKept("two", "two="+canary+"-1")
	p.put("app", canary+"-2")
	p.awaitKept("one", "one="+canary+"-2")
	p.awaitKept("two", "two="+canary+"-2")
	p.awaitKept("three", "three="+canary+"-2")
	if got := p.kept(); got["foreign"] != "of the team" || len(got) != 4 {
		t.Errorf("the Secret has %d keys, that of somebody else holds %q", len(got), got["foreign"])
	}
	if p.read("out/two") != "two="+canary+"-2" {
		t.Error("the file did not follow")
	}
	if line := second.awaitLog(1, "kept in a Kubernetes Secret"); fmt.Sprint(line["secret"]) != p.name+"/two" {
		t.Errorf("the log says %v", line["secret"])
	}
	_, err = world.kubernetes.Do(t.Context(), http.MethodDelete, secretsPath+"/"+p.name, nil)
	must(t, err)
	p.put("app", canary+"-3")
	p.awaitKept("one", "one="+canary+"-3")
	p.awaitKept("three", "three="+canary+"-3")
}

// TestSecretOfKubernetesIsRefused says what the service account lacks, and has
// the file all the same; with the right it goes on.
func TestSecretOfKubernetesIsRefused(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	account := p.keeper()
	told := strings.Replace(keepingKey("one"), "kubernetes_secret", "command = \"echo told >> DIR/told\"\n  kubernetes_secret", 1)
	a := p.keep(account, login+quick+told+kv)
	line := a.awaitLog(1, "template failed")
	want := p.text(`write to Secret shop/NAME/one: secrets "NAME" is forbidden: User "system:serviceaccount:shop:NAME" cannot patch resource "secrets" in API group "" in the namespace "shop"; ` +
		`the pod's service account needs the verbs create and patch on secrets in this namespace`)
	if line["error"] != want {
		t.Errorf("got  %v\nwant %s", line["error"], want)
	}
	p.awaitFile("out/one", "one="+canary+"-1")
	p.awaitFile("out/kv", canary+"-1")
	p.awaitFile("told", "told\n") // the file is another one, whatever becomes of the Secret
	p.permit("create", "patch")
	p.awaitKept("one", "one="+canary+"-1")
	a.awaitLog(1, "template recovered")
}

// TestSecretOfKubernetesWithAnOwner does not take a key away from its owner, and
// stays out of other namespaces.
func TestSecretOfKubernetesWithAnOwner(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	account := p.keeper("create", "patch")
	_, err := world.kubernetes.Apply(t.Context(), secretsPath+"/"+p.name, map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": p.name}, "data": map[string][]byte{"one": []byte("of the team")},
	})
	must(t, err)
	elsewhere := strings.Replace(strings.Replace(keepingKey("two"), "kubernetes_secret {", "kubernetes_secret {\n    namespace = \"default\"", 1), "out/two", "out/elsewhere", 1)
	a := p.keep(account, login+quick+keepingKey("one")+elsewhere)
	owned := fmt.Sprint(a.awaitLog(1, "template failed", "destination", "out/one")["error"])
	if want := p.text(`write to Secret shop/NAME/one: Apply failed with 1 conflict: conflict with "lab": .data.one; somebody else owns this key`); owned != want {
		t.Errorf("got  %s\nwant %s", owned, want)
	}
	denied := fmt.Sprint(a.awaitLog(1, "template failed", "destination", "out/elsewhere")["error"])
	if want := p.text(`write to Secret default/NAME/two: secrets "NAME" is forbidden: `); !strings.HasPrefix(denied, want) {
		t.Errorf("got  %s\nwant %s...", denied, want)
	}
	if got := p.kept()["one"]; got != "of the team" {
		t.Errorf("the key holds %q", got)
	}
}

// TestSecretOfKubernetesOutsideAPod needs a service account.
func TestSecretOfKubernetesOutsideAPod(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		env  []string
		want string
	}{
		"no pod": {
			want: `template for "DIR/out/one": find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod`,
		},
		"no account": {
			env:  []string{"KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=1"},
			want: `template for "DIR/out/one": find the API server: the pod mounts no service-account token: open ` + accountDir + `/ca.crt: no such file or directory`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t)
			p.env = append(p.env, tc.env...)
			a := p.keep(map[string]string{}, "exit_after_auth = true\n"+login+once+keepingKey("one"))
			if code := a.wait(); code != 1 || failure(a.printed()) != p.text(tc.want) {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), p.text(tc.want))
			}
		})
	}
}
