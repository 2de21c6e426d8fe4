package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/csi"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// csiNode is a node with the real driver, whose classes are those of a file of a
// user, and a provider.
type csiNode struct {
	t      *testing.T
	driver *lab.CSIDriver
	target string
	token  string
}

// newCSINode makes a node on which each call of the kubelet reaches the provider.
func newCSINode(t *testing.T, classes string) *csiNode {
	t.Helper()
	return newCSINodeOf(t, lab.CSIDriverOptions{Classes: classes, Rotation: time.Millisecond})
}

// newCSINodeOf makes a node with a certain driver.
func newCSINodeOf(t *testing.T, o lab.CSIDriverOptions) *csiNode {
	t.Helper()
	n := &csiNode{t: t, driver: lab.UseCSIDriver(t, o)}
	n.target = filepath.Join(t.TempDir(), "mount")
	return n
}

// secretOf gives the service account a role for a secret of its own.
func (n *csiNode) secretOf(account, role, path string, data map[string]any) {
	n.t.Helper()
	ctx := n.t.Context()
	must(n.t, world.kubernetes.CreateServiceAccount(ctx, "shop", account))
	must(n.t, world.vault.Policy(ctx, role, `path "secret/data/`+path+`" { capabilities = ["read"] }`))
	must(n.t, world.vault.WriteKubernetesRole(ctx, "kubernetes", role, lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{account}, Audience: "vault", Policies: []string{role}, TTL: time.Hour,
	}))
	n.write(path, data)
	token, err := world.kubernetes.Token(ctx, "shop", account, "vault", time.Hour)
	must(n.t, err)
	n.token = token
}

func (n *csiNode) write(path string, data map[string]any) {
	n.t.Helper()
	_, err := world.vault.Write(n.t.Context(), "secret/data/"+path, map[string]any{"data": data})
	must(n.t, err)
}

// volume is what the kubelet says of a volume of that class.
func (n *csiNode) volume(class, account string) lab.CSIVolume {
	tokens, _ := json.Marshal(map[string]any{"vault": map[string]any{
		"token": n.token, "expirationTimestamp": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}})
	return lab.CSIVolume{Target: n.target, Attributes: map[string]string{
		"secretProviderClass": class, "csi.storage.k8s.io/ephemeral": "true",
		"csi.storage.k8s.io/pod.name": "pod", "csi.storage.k8s.io/pod.namespace": "shop", "csi.storage.k8s.io/pod.uid": "uid",
		"csi.storage.k8s.io/serviceAccount.name": account, "csi.storage.k8s.io/serviceAccount.tokens": string(tokens),
	}}
}

// files are those that the pod sees.
func (n *csiNode) files() map[string]string {
	files := map[string]string{}
	names, _ := filepath.Glob(filepath.Join(n.target, "*"))
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), "..") {
			continue // what the links lead to
		}
		content, err := os.ReadFile(name)
		must(n.t, err)
		files[filepath.Base(name)] = string(content)
	}
	return files
}

// elsewhere leads requests for one Vault to that of the tests.
type elsewhere struct {
	to      *url.URL
	network *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "vault.example.com:8200" {
		return nil, fmt.Errorf("asked for %s", r.URL.Host)
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = e.to.Scheme, e.to.Host, e.to.Host
	return e.network.RoundTrip(r)
}

// serveInProcess runs a provider whose Vault is reached under another name, as the
// class of the user demands.
func (n *csiNode) serveInProcess(change ...func(*csi.Options)) *csi.Provider {
	n.t.Helper()
	settings, err := config.Load(config.LoadOptions{LookupEnv: func(string) (string, bool) { return "", false }})
	must(n.t, err)
	address, err := url.Parse(world.vault.Address())
	must(n.t, err)
	settings.CSI.Endpoints = []string{filepath.Join(n.driver.Providers(), "vault.sock")}
	settings.CSI.HealthAddress, settings.CSI.RefreshInterval = "", 300*time.Millisecond
	network := &http.Transport{}
	o := csi.Options{
		CSI: settings.CSI, Vault: settings.Vault, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: telemetry.NewMetrics(),
		Version: "1.2.3", Transport: elsewhere{address, network},
	}
	for _, f := range change {
		f(&o)
	}
	provider := csi.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- provider.Run(ctx) }()
	n.t.Cleanup(func() {
		cancel()
		must(n.t, <-done)
		network.CloseIdleConnections()
	})
	await(n.t, func() error { // as the driver's pods do before there is a pod to serve
		conn, err := net.Dial("unix", settings.CSI.Endpoints[0])
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	return provider
}

// TestCSIClassOfAUser publishes a class as users have it, unchanged, through the
// driver's own node server.
func TestCSIClassOfAUser(t *testing.T) {
	t.Parallel()
	n := newCSINode(t, "testdata/csi/classes.yaml")
	n.secretOf("orders-sa", "orders", "orders/production", map[string]any{"db_pass": canary + "-db", "payment_api_key": canary + "-key"})
	n.serveInProcess()
	v := n.volume("vault-orders", "orders-sa")
	must(t, n.driver.Publish(t.Context(), v))
	if diff := cmp.Diff(map[string]string{"db-password": canary + "-db", "api-key": canary + "-key"}, n.files()); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(filepath.Join(n.target, "api-key"))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info, err)
	}
	versions, err := n.driver.Versions(t.Context())
	if err != nil || len(versions["pod-shop-vault-orders"]) != 2 {
		t.Errorf("%v %v", versions, err)
	}
	n.write("orders/production", map[string]any{"db_pass": canary + "-new", "payment_api_key": canary + "-key"})
	await(t, func() error {
		if err := n.driver.Publish(t.Context(), v); err != nil {
			return err
		}
		if n.files()["db-password"] != canary+"-new" {
			return errors.New("the pod still sees the old password")
		}
		return nil
	})
	must(t, n.driver.Unpublish(t.Context(), v))
}

// TestCSIRefusedPodHasNoVolume shows that a pod which Vault refuses does not start
// with an empty volume, and what its user reads.
func TestCSIRefusedPodHasNoVolume(t *testing.T) {
	t.Parallel()
	n := newCSINode(t, "testdata/csi/classes.yaml")
	must(t, world.kubernetes.CreateServiceAccount(t.Context(), "shop", "stranger"))
	token, err := world.kubernetes.Token(t.Context(), "shop", "stranger", "vault", time.Hour)
	must(t, err)
	n.token = token
	must(t, world.vault.WriteKubernetesRole(t.Context(), "kubernetes", "orders", lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"orders-sa"}, Audience: "vault", Policies: []string{"orders"}, TTL: time.Hour,
	}))
	n.serveInProcess()
	err = n.driver.Publish(t.Context(), n.volume("vault-orders", "stranger"))
	if err == nil {
		t.Fatal("published")
	}
	for _, want := range []string{
		"failed to mount secrets store objects for pod shop/pod", "code = PermissionDenied", "error making mount request: failed to login: ", "service account name not authorized",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if got := n.files(); len(got) != 0 {
		t.Errorf("files %v", got)
	}
}

// TestCSIProviderAsAProcess runs the program with the flags of the old provider.
func TestCSIProviderAsAProcess(t *testing.T) {
	t.Parallel()
	class := filepath.Join(t.TempDir(), "classes.yaml")
	must(t, os.WriteFile(class, []byte(`apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: plain, namespace: shop}
spec:
  provider: vault
  parameters:
    roleName: csi-plain
    objects: |
      - {objectName: password, secretPath: secret/data/csi-plain, secretKey: password}
`), 0o600))
	n := newCSINode(t, class)
	n.secretOf("csi-plain", "csi-plain", "csi-plain", map[string]any{"password": canary + "-plain"})
	provider, log := n.program()
	v := n.volume("plain", "csi-plain")
	await(t, func() error { return n.driver.Publish(t.Context(), v) })
	if got := n.files()["password"]; got != canary+"-plain" {
		t.Errorf("%q", got)
	}
	must(t, provider.Process.Signal(os.Interrupt))
	must(t, provider.Wait())
	if !strings.Contains(log.String(), "secrets delivered") {
		t.Errorf("no line of the delivery:\n%s", log)
	}
}
