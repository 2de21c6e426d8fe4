package e2e_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// configMap reads the document of a user of the Vault Agent as it is.
func configMap(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/agent-configmap.yaml")
	must(t, err)
	var found corev1.ConfigMap
	must(t, yaml.Unmarshal(text, &found))
	return found.Data["config.hcl"]
}

// awaitPort waits until nobody listens at an address that a document names: it
// may be another run of these tests.
func awaitPort(t *testing.T, address string) {
	t.Helper()
	await(t, func() error {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		return l.Close()
	})
}

// TestConfigMapOfTheVaultAgent runs a document of the Vault Agent unchanged, as
// the two containers of a pod do: everything lies where it names it.
func TestConfigMapOfTheVaultAgent(t *testing.T) {
	t.Parallel()
	p := newPodAt(t, newVault(t)) // the document names its role, which other stories may name, too
	volumes := p.account("app")
	volumes["/vault"], volumes["/home/vault"] = p.path("vault"), p.path("home")
	must(t, p.vault.WriteKubernetesRole(t.Context(), "kubernetes", "orders", lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"app"}, Policies: []string{p.name}, TTL: time.Hour,
	}))
	document := configMap(t)
	p.file("vault/configs/config.hcl", document)
	p.file("vault/configs/config-init.hcl", document+"exit_after_auth = true\n")
	p.file("vault/configs/db.ctmpl", p.text(`{{ with secret "database/creds/NAME" }}{{ .Data.username }}:{{ .Data.password }}{{ end }}`))
	p.file("vault/configs/config.ctmpl", p.text(`{{ with secret "kv/NAME/one" }}password={{ .Data.password }}{{ end }}`))
	p.file("home/.profile", "")
	p.dynamic(time.Hour, time.Hour)
	p.putQuick(canary + "-one")
	awaitPort(t, "127.0.0.1:8100")

	first := p.contained(container{Volumes: volumes}, "agent", "-config=/vault/configs/config-init.hcl")
	if code := first.wait(); code != 0 {
		t.Fatalf("exit code %d of the init container", code)
	}
	p.expectWorking(p.login("vault/secrets/db"))
	if got := p.read("vault/secrets/config"); got != "password="+canary+"-one" || !strings.HasPrefix(p.read("home/.vault-token"), "hvs.") {
		t.Errorf("config file %q, or no token", got)
	}

	a := p.contained(container{Volumes: volumes, Beside: "nginx"}, "agent", "-config=/vault/configs/config.hcl", "-log-format=json")
	a.awaitLog(1, "delivered", "destination", "/vault/secrets/db")
	p.secretly(p.login("vault/secrets/db").password)
	p.putQuick(canary + "-two")
	p.awaitFile("vault/secrets/config", "password="+canary+"-two")
	p.awaitFile("hangups", "hangup\n")
	r, err := p.askAt("127.0.0.1:8100", "GET", "v1/secret/data/"+p.name+"/app", "")
	if err != nil || r.field("data", "data", "password") != canary+"-1" {
		t.Errorf("at the listener: %d %v", r.status, err)
	}
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d at the end", code)
	}
}

// putQuick writes a secret of the older engine that is worth a look every second.
func (p *pod) putQuick(value string) {
	p.t.Helper()
	_, err := p.vault.Write(p.t.Context(), fmt.Sprintf("kv/%s/one", p.name), map[string]any{"password": value, "ttl": "1s"})
	must(p.t, err)
}
