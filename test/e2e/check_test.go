package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// doctor runs `vaultk8s check` against servers.
type doctor struct {
	t          *testing.T
	kubernetes *lab.Kubernetes
	vault      *lab.Vault
	admin      bool // with the root token
	note       func(printed string)
}

// finding is one of the report in JSON.
type finding struct{ Check, Level, Message, Hint, Link string }

// examine returns the findings whose message holds a text, and the exit code.
func (d doctor) examine(about string, args ...string) ([]finding, int) {
	d.t.Helper()
	command := exec.CommandContext(d.t.Context(), world.program, append([]string{"check", "-o", "json", "--kubeconfig", d.kubernetes.Kubeconfig()}, args...)...)
	command.Env = []string{"PATH=/no-programs", "HOME=" + d.t.TempDir(), "VAULT_ADDR=" + d.vault.Address()}
	if d.admin {
		command.Env = append(command.Env, "VAULT_TOKEN="+d.vault.Token())
	}
	text, err := command.Output()
	exit, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && !failed {
		d.t.Fatal(err)
	}
	var report struct{ Findings []finding }
	if err := json.Unmarshal(text, &report); err != nil {
		d.t.Fatalf("%v in %s%s", err, text, exit.Stderr)
	}
	if d.note != nil {
		d.note(string(text))
	}
	if strings.Contains(string(text), d.vault.Token()) || strings.Contains(string(text), "hvs.") {
		d.t.Errorf("a token in %s", text)
	}
	code := 0
	if failed {
		code = exit.ExitCode()
	}
	return slices.DeleteFunc(report.Findings, func(f finding) bool { return !strings.Contains(f.Message, about) }), code
}

// expect wants a finding of a check at a level, whose message and hint hold a text.
func (d doctor) expect(found []finding, check, level, text string) {
	d.t.Helper()
	for _, f := range found {
		if f.Check == check && f.Level == level && strings.Contains(f.Message+"; "+f.Hint, text) {
			return
		}
	}
	d.t.Errorf("no %s of %s with %q in\n%+v", level, check, text, found)
}

// TestCheckWebhook plants what keeps the API server from calling an injector.
func TestCheckWebhook(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	d := doctor{t: t, kubernetes: world.kubernetes, vault: world.vault}
	a, address := w.serve("one")
	w.awaitReady(address)
	w.gate.lead(address)
	found, _ := d.examine(w.namespace)
	for _, name := range []string{"strict", "lax"} {
		d.expect(found, "webhook-present", "ok", name)
		d.expect(found, "webhook-ca-bundle", "ok", name)
		d.expect(found, "webhook-certificate", "ok", name)
		d.expect(found, "webhook-reachable", "ok", name+".vaultk8s.io of "+w.namespace+" gives an agent to a trial pod in "+w.namespace)
		d.expect(found, "webhook-failure-policy", "warning", name)
	}
	a.stop()

	// Nobody is there: one policy refuses pods, the other lets them go without.
	w.gate.lead()
	found, code := d.examine(w.namespace)
	d.expect(found, "webhook-certificate", "error", "no TLS connection")
	d.expect(found, "webhook-reachable", "error", "strict.vaultk8s.io of "+w.namespace+": a trial pod in "+w.namespace+" is refused")
	d.expect(found, "webhook-reachable", "error", "lax.vaultk8s.io of "+w.namespace+": a trial pod in "+w.namespace+" gets no agent")
	if code != 2 {
		t.Errorf("exit code %d", code)
	}

	// Another server is in its place.
	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = quiet()
	other.StartTLS()
	t.Cleanup(other.Close)
	w.gate.lead(other.Listener.Addr().String())
	found, _ = d.examine(w.namespace)
	d.expect(found, "webhook-ca-bundle", "error", "does not fit the certificate")
	d.expect(found, "webhook-reachable", "error", "certificate")

	// Nothing in the configuration is trusted.
	_, err := world.kubernetes.Do(t.Context(), "DELETE", w.configurationPath(), nil)
	must(t, err)
	w.configure(nil)
	found, _ = d.examine(w.namespace)
	d.expect(found, "webhook-ca-bundle", "error", "has no caBundle")
}

// TestCheckLogin logs in as a workload, with everything wrong that can be.
func TestCheckLogin(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	v, k := p.vault, world.kubernetes
	must(t, k.CreateServiceAccount(t.Context(), "shop", "other"))
	must(t, k.CreateServiceAccount(t.Context(), "elsewhere", "app"))
	short := p.name + "-short"
	must(t, v.WriteKubernetesRole(t.Context(), "kubernetes", short, lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"app"}, Policies: []string{p.name}, TTL: time.Minute,
	}))
	cases := map[string]struct {
		account, role, audience, mount string
		admin                          bool
		check, level, want             string
	}{
		"well":          {"shop/app", p.name, "vault", "", false, "vault-login", "ok", "policies default, " + p.name},
		"role":          {"shop/app", p.name, "vault", "", true, "vault-role", "ok", `role "` + p.name + `" is bound to shop/app`},
		"ttl":           {"shop/app", p.name, "vault", "", false, "vault-token-ttl", "ok", "lives 1h0m0s"},
		"short":         {"shop/app", short, "", "", false, "vault-token-ttl", "warning", "lives 1m0s, less than the 5m0s"},
		"audience":      {"shop/app", p.name, "", "", false, "vault-login", "error", "audience"},
		"audience read": {"shop/app", p.name, "", "", true, "vault-role", "error", `wants tokens for the audience "vault"; this one is for the API server`},
		"namespace":     {"elsewhere/app", p.name, "vault", "", false, "vault-login", "error", "namespace not authorized"},
		"account":       {"shop/other", p.name, "vault", "", false, "vault-login", "error", "service account name not authorized"},
		"account read":  {"shop/other", p.name, "vault", "", true, "vault-role", "error", `bound to the service accounts app, not to "other"`},
		"no role":       {"shop/app", "none", "vault", "", false, "vault-login", "error", "the auth mount has no role of this name"},
		"no role read":  {"shop/app", "none", "vault", "", true, "vault-role", "error", `role "none" of auth/kubernetes cannot be read`},
		"no mount":      {"shop/app", p.name, "vault", "auth/none", false, "vault-login", "error", "cannot log in to auth/none"},
		"no account":    {"shop/none", p.name, "vault", "", false, "vault-login", "error", `no token for service account shop/none`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := doctor{t: t, kubernetes: k, vault: v, admin: tc.admin, note: p.note}
			args := []string{"--as-serviceaccount", tc.account, "--auth-role", tc.role, "--audience", tc.audience}
			if tc.mount != "" {
				args = append(args, "--auth-mount", tc.mount)
			}
			found, _ := d.examine("", args...)
			d.expect(found, tc.check, tc.level, tc.want)
			d.expect(found, "vault-reachable", "ok", v.Address())
			d.expect(found, "vault-version", "ok", "version 1.")
			d.expect(found, "vault-clock", "ok", "")
			d.expect(found, "vault-tls", "warning", "no TLS")
		})
	}
	must(t, v.EnableAuth(t.Context(), "kubernetes", p.name))
	_, err := v.Write(t.Context(), "auth/"+p.name+"/config", map[string]any{
		"kubernetes_host": k.URL(), "kubernetes_ca_cert": string(k.CACert()), "issuer": "https://another", "disable_iss_validation": false,
	})
	must(t, err)
	must(t, v.WriteKubernetesRole(t.Context(), p.name, p.name, lab.KubernetesRole{Namespaces: []string{"shop"}, ServiceAccounts: []string{"app"}}))
	d := doctor{t: t, kubernetes: k, vault: v, admin: true}
	found, _ := d.examine("", "--as-serviceaccount", "shop/app", "--auth-role", p.name, "--auth-mount", "auth/"+p.name)
	d.expect(found, "vault-issuer", "error", `insists on the issuer "https://another"; tokens of this cluster have "`+lab.Issuer+`"`)
}

// TestCheckVault breaks a Vault.
func TestCheckVault(t *testing.T) {
	t.Parallel()
	v := lab.UseVault(t, lab.VaultOptions{TLS: true})
	d := doctor{t: t, kubernetes: world.kubernetes, vault: v}
	found, code := d.examine("")
	d.expect(found, "vault-reachable", "error", "the CA of the server's certificate is not trusted here")
	if code != 2 {
		t.Errorf("exit code %d", code)
	}
	found, _ = d.examine("", "--ca-cert", v.CACert())
	d.expect(found, "vault-tls", "ok", "valid until")
	d.expect(found, "vault-unsealed", "ok", "")
	found, _ = d.examine("", "--ca-cert", v.CACert(), "--tls-server-name", "another")
	d.expect(found, "vault-reachable", "error", "made for another name")
	found, _ = d.examine("", "--tls-skip-verify")
	d.expect(found, "vault-tls", "warning", "not verified")
	must(t, v.Seal(t.Context()))
	found, _ = d.examine("", "--ca-cert", v.CACert())
	d.expect(found, "vault-unsealed", "error", "is sealed")
	v.Kill()
	found, _ = d.examine("", "--ca-cert", v.CACert())
	d.expect(found, "vault-reachable", "error", "nothing listens there")

	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	t.Cleanup(other.Close)
	found, _ = d.examine("", "--address", other.URL)
	d.expect(found, "vault-reachable", "error", "its answer is not Vault's")
}

// TestCheckInstallation plants faults of an installation in a cluster of its own.
// Its pods never start, because there are no nodes.
func TestCheckInstallation(t *testing.T) {
	t.Parallel()
	k := lab.UseKubernetes(t, lab.KubernetesOptions{})
	d := doctor{t: t, kubernetes: k, vault: world.vault}
	apply := func(path string, object map[string]any) {
		t.Helper()
		_, err := k.Apply(t.Context(), path, object)
		must(t, err)
	}

	found, code := d.examine("", "--pre")
	d.expect(found, "cluster-reachable", "ok", k.URL())
	d.expect(found, "cluster-version", "ok", "Kubernetes 1.")
	d.expect(found, "cluster-clock", "ok", "")
	d.expect(found, "rights", "ok", "you may do 12 of the things")
	d.expect(found, "old-tools", "ok", "")
	if code != 1 { // the Vault of the lab has no TLS
		t.Errorf("exit code %d", code)
	}
	d.waits()
	found, _ = d.examine("")
	d.expect(found, "nothing-installed", "error", "")

	must(t, k.CreateServiceAccount(t.Context(), "vault", "installed"))
	install := func(kind, name, image string, args ...string) {
		apply("/apis/apps/v1/namespaces/vault/"+strings.ToLower(kind)+"s/"+name, workloadManifest(kind, name, image, args))
	}
	install("Deployment", "injector", "vaultk8s/vaultk8s:1", "injector", "--tls-auto=cfg", "--use-leader-elector", "--report-missing")
	install("DaemonSet", "csi", "vaultk8s/vaultk8s:1", "csi-provider", "-endpoint=/provider/vault.sock")
	install("Deployment", "operator", "vaultk8s/vaultk8s:1", "operator")
	install("Deployment", "old-injector", "hashicorp/vault-k8s:1.7.6", "agent-inject", "2>&1")
	install("DaemonSet", "old-csi", "hashicorp/vault-csi-provider:1.7.4")
	found, code = d.examine("")
	d.expect(found, "injector-ready", "error", "Deployment vault/injector: none of 1 pods is ready")
	d.expect(found, "csi-provider-ready", "warning", "DaemonSet vault/csi has no pods")
	d.expect(found, "operator-ready", "error", "Deployment vault/operator")
	d.expect(found, "webhook-present", "error", "no webhook configuration leads to the injector")
	d.expect(found, "csi-driver", "error", "there is no CSIDriver")
	d.expect(found, "operator-definitions", "error", "does not serve CSISecrets, ClusterVaultSecret")
	d.expect(found, "rights", "error", `may not patch mutatingwebhookconfigurations.admissionregistration.k8s.io "cfg"`)
	d.expect(found, "rights", "error", "may not create leases.coordination.k8s.io in vault")
	d.expect(found, "rights", "warning", "may not watch pods")
	d.expect(found, "rights", "error", "may not create serviceaccounts/token")
	d.expect(found, "rights", "error", "may not watch vaultstaticsecrets.secrets.hashicorp.com")
	d.expect(found, "old-tools", "warning", "Deployment vault/old-injector runs the Vault Agent Injector beside")
	if code != 2 {
		t.Errorf("exit code %d", code)
	}

	// And mended, as far as that goes without nodes.
	must(t, k.BindClusterRole(t.Context(), "cluster-admin", "vault", "installed"))
	apply("/apis/storage.k8s.io/v1/csidrivers/secrets-store.csi.k8s.io", map[string]any{
		"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": map[string]any{"name": "secrets-store.csi.k8s.io"},
		"spec": map[string]any{"requiresRepublish": false, "podInfoOnMount": true},
	})
	for _, definition := range documents(t, "../../charts/vaultk8s/files/crds/*.yaml") {
		name := definitionsPath + textAt(definition, "metadata", "name")
		apply(name, definition)
	}
	await(t, func() error {
		found, _ = d.examine("")
		for _, f := range found {
			if f.Check == "operator-definitions" && f.Level != "ok" {
				return errors.New(f.Message)
			}
		}
		return nil
	})
	d.expect(found, "operator-versions", "ok", "v1beta1")
	d.expect(found, "rights", "ok", "service account vault/installed may do")
	d.expect(found, "csi-driver", "ok", "")
	d.expect(found, "csi-rotation", "warning", "rotation is off")
	d.expect(found, "csi-tokens", "warning", "passes no tokens")
	d.expect(found, "vault-reachable", "ok", "")

	// A webhook that an installation left behind.
	apply("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/left", map[string]any{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": map[string]any{"name": "left"},
		"webhooks": []any{map[string]any{
			"name": "vault.hashicorp.com", "sideEffects": "None", "admissionReviewVersions": []string{"v1"},
			"clientConfig": map[string]any{"service": map[string]any{"namespace": "vault", "name": "gone", "path": "/mutate"}},
		}},
	})
	found, _ = d.examine("")
	d.expect(found, "webhook-present", "error", "of left leads to service vault/gone, behind which there is no injector")
}

// workloadManifest is a Deployment or DaemonSet of one container.
func workloadManifest(kind, name, image string, args []string) map[string]any {
	labels := map[string]any{"app": name}
	return map[string]any{
		"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": "vault"},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{"serviceAccountName": "installed", "containers": []any{
					map[string]any{"name": "main", "image": image, "args": args},
				}},
			},
		},
	}
}

// waits repeats a check until the errors are gone.
func (d doctor) waits() {
	t := d.t
	t.Helper()
	v := lab.UseVault(t, lab.VaultOptions{})
	must(t, v.Seal(t.Context()))
	command := exec.CommandContext(t.Context(), world.program, "check", "--pre", "-o", "short", "--wait", "60s", "--kubeconfig", d.kubernetes.Kubeconfig())
	command.Env = []string{"HOME=" + t.TempDir(), "VAULT_ADDR=" + v.Address()}
	said, err := command.StderrPipe()
	must(t, err)
	must(t, command.Start())
	first := make([]byte, 64)
	n, err := said.Read(first)
	must(t, err)
	if !strings.HasPrefix(string(first[:n]), "waiting: checks: ") {
		t.Errorf("it says %q", first[:n])
	}
	must(t, v.Unseal(t.Context()))
	if exit, is := errors.AsType[*exec.ExitError](command.Wait()); !is || exit.ExitCode() != 1 {
		t.Errorf("ended with %v", exit)
	}
}
