package chart

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/defaults"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// cluster is a real API server with its controllers, and no node.
type cluster struct {
	*lab.Kubernetes
	client client.Client
}

func useCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{Kubernetes: lab.UseKubernetes(t, lab.KubernetesOptions{})}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	types, err := kinds()
	if err != nil {
		t.Fatal(err)
	}
	if c.client, err = client.New(config, client.Options{Scheme: types}); err != nil {
		t.Fatal(err)
	}
	return c
}

// helm runs helm with the cluster, and fails the test where that fails.
func (c *cluster) helm(t *testing.T, args ...string) string {
	t.Helper()
	out, problems, err := helm(t, append(args, "--kubeconfig", c.Kubeconfig())...)
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, problems)
	}
	return out
}

// await repeats a check until it succeeds.
func await(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	for err := check(); err != nil; err = check() {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// TestInstall installs, changes and removes releases in a real cluster: what
// values files of ours say, the commands of installation guides, and old values.
func TestInstall(t *testing.T) {
	t.Parallel()
	c := useCluster(t)
	// Nobody answers for the webhook, and kinds of others are not there.
	const unasked = "injector.webhook.namespaceSelector.matchLabels.webhook=answered"
	plain := []string{"--set", "monitoring.podMonitor.enabled=false,monitoring.rules.enabled=false,monitoring.serviceMonitor.enabled=false"}
	cases := map[string]struct {
		release, namespace string
		args               []string
	}{
		"all":       {release: strings.Repeat("b", 53), namespace: "all", args: append([]string{"-f", chartFolder + "/ci/all.yaml"}, plain...)},
		"available": {release: "vault", namespace: "available", args: []string{"-f", chartFolder + "/ci/available.yaml"}},
		"openshift": {release: "vault", namespace: "openshift", args: []string{"-f", chartFolder + "/ci/openshift.yaml"}},
		"guide: injector": {release: "vault", namespace: "vault", args: []string{
			"--set", "injector.enabled=true", "--set", "server.enabled=false",
			"--set", "injector.externalVaultAddr=https://vault.example.com:8200", "--set", "injector.authPath=auth/kubernetes", "--set", "injector.replicas=2",
			"--set", "injector.resources.requests.cpu=100m", "--set", "injector.resources.requests.memory=64Mi",
			"--set", "injector.resources.limits.cpu=250m", "--set", "injector.resources.limits.memory=128Mi",
		}},
		"guide: csi": {release: "vault", namespace: "vault-csi", args: []string{
			"--set", "server.enabled=false", "--set", "injector.enabled=false", "--set", "csi.enabled=true",
			"--set", "csi.resources.requests.cpu=50m", "--set", "csi.resources.requests.memory=64Mi",
		}},
		"guide: operator": {release: "vault-secrets-operator", namespace: "vault-secrets-operator-system", args: []string{
			"--set", "defaultVaultConnection.enabled=true", "--set", "defaultVaultConnection.address=https://vault.example.com:8200",
			"--set", "defaultAuthMethod.enabled=true", "--set", "defaultAuthMethod.method=kubernetes", "--set", "defaultAuthMethod.mount=kubernetes",
		}},
		"old injector": {release: "vault", namespace: "old-vault", args: []string{"-f", "testdata/old/vault-helm-defaults.yaml", "--set", "csi.enabled=true"}},
		"old operator": {release: "vso", namespace: "old-vso", args: append([]string{"-f", "testdata/old/vso-tuned.yaml", "--set", "telemetry.serviceMonitor.enabled=false", "--set", "controller.kubeRbacProxy.image.tag=v1"}, plain...)},
	}
	// One after the other: cluster-wide names are the same.
	names := make([]string, 0, len(cases))
	for name := range cases {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		tc := cases[name]
		t.Run(name, func(t *testing.T) {
			where := []string{"--namespace", tc.namespace}
			t.Cleanup(func() { // of what failed on the way
				_, _, _ = helmIn(context.Background(), t.TempDir(), "uninstall", tc.release, "--namespace", tc.namespace, "--kubeconfig", c.Kubeconfig())
			})
			told := c.helm(t, slices.Concat([]string{"install", tc.release, chartFolder, "--create-namespace", "--set", unasked}, where, tc.args)...)
			_, notes, _ := strings.Cut(told, "\nNOTES:\n")
			golden.Compare(t, []byte("NOTES:\n"+notes+"\n"), "testdata/notes/"+strings.ReplaceAll(strings.TrimPrefix(name, "guide: "), " ", "-")+".txt")
			// What cannot be changed must not depend on values.
			c.helm(t, slices.Concat([]string{"upgrade", tc.release, chartFolder, "--set", unasked}, where, tc.args,
				[]string{"--set", "injector.reportMissing=true,csi.watchPods=false,vault.namespace=other,image.tag=2,operator.replicas=3,injector.replicas=4"})...)
			c.helm(t, slices.Concat([]string{"uninstall", tc.release, "--wait"}, where)...)
			c.awaitNothing(t, tc.namespace)
		})
	}
}

// awaitNothing waits until a namespace holds no workload any more.
func (c *cluster) awaitNothing(t *testing.T, namespace string) {
	t.Helper()
	await(t, func() error {
		for _, path := range []string{
			"/apis/apps/v1/namespaces/%s/deployments", "/apis/apps/v1/namespaces/%s/daemonsets", "/api/v1/namespaces/%s/services",
			"/api/v1/namespaces/%s/secrets", "/apis/rbac.authorization.k8s.io/v1/namespaces/%s/roles",
		} {
			list, err := c.Do(t.Context(), http.MethodGet, fmt.Sprintf(path, namespace), nil)
			if err != nil {
				return err
			}
			if items, _ := list["items"].([]any); len(items) > 0 {
				return fmt.Errorf("left over: %v", at(items, 0, "metadata", "name"))
			}
		}
		return nil
	})
}

// TestDefaultObjects follows the connection and the login that values describe,
// from a cluster without their kinds over the end of the release to the next. The
// operator's part is done by its own code.
func TestDefaultObjects(t *testing.T) {
	t.Parallel()
	c := useCluster(t)
	args := []string{
		"--namespace", "vso", "--set", "defaultVaultConnection.enabled=true,defaultVaultConnection.address=https://vault:8200",
		"--set", "defaultAuthMethod.enabled=true,defaultAuthMethod.kubernetes.role=apps",
	}
	c.helm(t, append([]string{"install", "vso", chartFolder, "--create-namespace"}, args...)...)
	c.keep(t)
	connection := c.connection(t)
	if connection.Spec.Address != "https://vault:8200" {
		t.Errorf("address %q", connection.Spec.Address)
	}
	version := connection.ResourceVersion
	c.keep(t)
	if got := c.connection(t).ResourceVersion; got != version {
		t.Error("a start of the operator wrote what was right already")
	}

	c.helm(t, append([]string{"upgrade", "vso", chartFolder, "--set", "defaultVaultConnection.skipTLSVerify=true"}, args...)...)
	c.keep(t)
	if !c.connection(t).Spec.SkipTLSVerify {
		t.Error("an upgrade did not come through")
	}

	c.helm(t, "uninstall", "vso", "--namespace", "vso", "--wait")
	if c.connection(t).DeletionTimestamp != nil {
		t.Error("a resource goes with the release, and its finalizer stays because nobody is there to take it away")
	}
	c.helm(t, append([]string{"install", "vso", chartFolder, "--set", "defaultAuthMethod.enabled=false"}, args[:4]...)...)
	c.keep(t)
	var auths v1beta1.VaultAuthList
	if err := c.client.List(t.Context(), &auths); err != nil || len(auths.Items) > 0 {
		t.Errorf("%d logins are left that no value describes, %v", len(auths.Items), err)
	}
}

// keep does what the operator does with the file that the chart gives it.
func (c *cluster) keep(t *testing.T) {
	t.Helper()
	var shared corev1.ConfigMap
	if err := c.client.Get(t.Context(), client.ObjectKey{Namespace: "vso", Name: "vso-vault-config"}, &shared); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(shared.Data["config.yaml"], "defaults: /etc/vaultk8s/defaults.yaml") {
		t.Fatalf("the operator is not told of the file:\n%s", shared.Data["config.yaml"])
	}
	file := filepath.Join(t.TempDir(), "defaults.yaml")
	if err := os.WriteFile(file, []byte(shared.Data["defaults.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	k := defaults.New(defaults.Options{File: file, Namespace: "vso", Client: c.client, Log: slog.New(slog.NewTextHandler(&log, nil))})
	await(t, func() error { return k.Apply(t.Context()) })
}

func (c *cluster) connection(t *testing.T) *v1beta1.VaultConnection {
	t.Helper()
	var got v1beta1.VaultConnection
	if err := c.client.Get(t.Context(), client.ObjectKey{Namespace: "vso", Name: "default"}, &got); err != nil {
		t.Fatal(err)
	}
	return &got
}

// TestAdmittedRights asks the real API server what the accounts may do.
func TestAdmittedRights(t *testing.T) {
	t.Parallel()
	c := useCluster(t)
	c.helm(t, "install", "vault", chartFolder, "--namespace", "vault", "--create-namespace", "--set", "csi.enabled=true,injector.replicas=2,injector.reportMissing=true")
	cases := map[string]struct {
		account, namespace, group, verb, resource, name string
		want                                            bool
	}{
		"a bundle":                   {account: "vault-agent-injector", group: "admissionregistration.k8s.io", verb: "patch", resource: "mutatingwebhookconfigurations", name: "vault-agent-injector-cfg", want: true},
		"another bundle":             {account: "vault-agent-injector", group: "admissionregistration.k8s.io", verb: "patch", resource: "mutatingwebhookconfigurations", name: "other"},
		"authorities":                {account: "vault-agent-injector", namespace: "vault", verb: "update", resource: "secrets", name: "vault-agent-injector-certs", want: true},
		"another secret":             {account: "vault-agent-injector", namespace: "vault", verb: "get", resource: "secrets", name: "other"},
		"all secrets":                {account: "vault-agent-injector", namespace: "vault", verb: "list", resource: "secrets"},
		"a lease":                    {account: "vault-agent-injector", namespace: "vault", group: "coordination.k8s.io", verb: "update", resource: "leases", name: "vault-agent-injector", want: true},
		"pods":                       {account: "vault-agent-injector", verb: "watch", resource: "pods", want: true},
		"a pod, to change":           {account: "vault-agent-injector", namespace: "shop", verb: "update", resource: "pods", name: "a"},
		"a token of a workload":      {account: "vault-csi-provider", namespace: "shop", verb: "create", resource: "serviceaccounts/token", name: "web", want: true},
		"the key":                    {account: "vault-csi-provider", namespace: "vault", verb: "get", resource: "secrets", name: "vault-csi-provider-hmac-key", want: true},
		"another key":                {account: "vault-csi-provider", namespace: "vault", verb: "get", resource: "secrets", name: "vault-agent-injector-certs"},
		"secrets of others":          {account: "vault-csi-provider", namespace: "shop", verb: "get", resource: "secrets", name: "a"},
		"secrets of others, to make": {account: "vault-csi-provider", namespace: "shop", verb: "create", resource: "secrets"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			resource, part, _ := strings.Cut(tc.resource, "/")
			answer, err := c.Do(t.Context(), http.MethodPost, "/apis/authorization.k8s.io/v1/subjectaccessreviews", map[string]any{
				"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
				"spec": map[string]any{
					"user": "system:serviceaccount:vault:" + tc.account,
					"resourceAttributes": map[string]any{
						"namespace": tc.namespace, "verb": tc.verb, "group": tc.group, "resource": resource, "subresource": part, "name": tc.name,
					},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := at(answer, "status", "allowed") == true; got != tc.want {
				t.Errorf("allowed: %v, %v", got, at(answer, "status", "reason"))
			}
		})
	}
}
