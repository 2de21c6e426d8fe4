package v1beta1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// TestNames compares what a cluster sees of each kind with what users know.
func TestNames(t *testing.T) {
	type names struct{ Plural, Singular, List, Scope, Short, Columns, Wide string }
	const condition = "Healthy, Ready, "
	want := map[string]names{
		"VaultConnection":      {"vaultconnections", "vaultconnection", "VaultConnectionList", "Namespaced", "vc", condition + "Age", "Address, Version, Reason"},
		"VaultAuth":            {"vaultauths", "vaultauth", "VaultAuthList", "Namespaced", "va", condition + "Age", "Method, Mount, Connection, Reason"},
		"VaultAuthGlobal":      {"vaultauthglobals", "vaultauthglobal", "VaultAuthGlobalList", "Namespaced", "vag", "Age", "Method, Mount, Connection"},
		"VaultStaticSecret":    {"vaultstaticsecrets", "vaultstaticsecret", "VaultStaticSecretList", "Namespaced", "vss", "Synced, " + condition + "Age", "Secret, Mount, Path, Version, Changed, Reason"},
		"VaultDynamicSecret":   {"vaultdynamicsecrets", "vaultdynamicsecret", "VaultDynamicSecretList", "Namespaced", "vds", "Synced, " + condition + "Age", "Secret, Mount, Path, Expires, Changed, Reason"},
		"VaultPKISecret":       {"vaultpkisecrets", "vaultpkisecret", "VaultPKISecretList", "Namespaced", "vpki", "Synced, " + condition + "Age", "Secret, Mount, Role, Expires, Changed, Reason"},
		"SecretTransformation": {"secrettransformations", "secrettransformation", "SecretTransformationList", "Namespaced", "vst", condition + "Age", "Reason"},
		"CSISecrets":           {"csisecrets", "csisecrets", "CSISecretsList", "Namespaced", "vcsi", "Age", "VaultAuth, Ready"},
		"ClusterVaultSecret":   {"clustervaultsecrets", "clustervaultsecret", "ClusterVaultSecretList", "Cluster", "cvs", "Namespaces, Synced, Ready, Age", "Reason"},
		"VaultPushSecret":      {"vaultpushsecrets", "vaultpushsecret", "VaultPushSecretList", "Namespaced", "vpush", "Pushed, Ready, Age", "Secret, Mount, Path, Version, Changed, Reason"},
	}
	got := map[string]names{}
	for _, d := range definitions(t) {
		n := d.Spec.Names
		got[d.kind()] = names{
			n.Plural, n.Singular, n.ListKind, d.Spec.Scope, strings.Join(n.ShortNames, ", "),
			columnNames(d, false), columnNames(d, true),
		}
		version := d.Spec.Versions[0]
		if d.Spec.Group != v1beta1.Group || version.Name != v1beta1.Version || !version.Served || !version.Storage ||
			version.Subresources.Status == nil || !slices.Equal(n.Categories, []string{"vault"}) ||
			d.Metadata.Name != v1beta1.Resource(n.Plural).String() {
			t.Errorf("%s is defined as %+v", d.kind(), d.Spec)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func columnNames(d *definition, wide bool) string {
	var names []string
	for _, c := range d.columns() {
		if (c.Priority > 0) == wide {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// TestColumnPaths wants each column to show the field that its name promises.
func TestColumnPaths(t *testing.T) {
	want := map[string]string{
		"Age":     ".metadata.creationTimestamp",
		"Synced":  `.status.conditions[?(@.type == "SecretSynced")].status`,
		"Healthy": `.status.conditions[?(@.type == "Healthy")].status`,
		"Ready":   `.status.conditions[?(@.type == "Ready")].status`,
		"Pushed":  `.status.conditions[?(@.type == "Pushed")].status`,
		"Reason":  `.status.conditions[?(@.type == "Ready")].reason`,
	}
	for _, d := range definitions(t) {
		paths := map[string]bool{}
		d.walk(func(path string, _ *property, _ bool) { paths["."+path] = true })
		for _, c := range d.columns() {
			if c.Description == "" {
				t.Errorf("column %s of %s has no description", c.Name, d.kind())
			}
			if path, known := want[c.Name]; known && path == c.JSONPath || paths[c.JSONPath] {
				continue
			}
			t.Errorf("column %s of %s shows %s", c.Name, d.kind(), c.JSONPath)
		}
	}
}

// TestContract compares the constants that a cluster sees with their texts.
func TestContract(t *testing.T) {
	cases := map[string]string{
		v1beta1.FinalizerVaultConnection:    "vaultconnection.secrets.hashicorp.com/finalizer",
		v1beta1.FinalizerVaultAuth:          "vaultauth.secrets.hashicorp.com/finalizer",
		v1beta1.FinalizerVaultStaticSecret:  "vaultstaticsecret.secrets.hashicorp.com/finalizer",
		v1beta1.FinalizerVaultDynamicSecret: "vaultdynamicsecret.secrets.hashicorp.com/finalizer",
		v1beta1.FinalizerVaultPKISecret:     "vaultpkisecrets.secrets.hashicorp.com/finalizer",
		v1beta1.FinalizerHCPVaultSecretsApp: "hcpvaultsecretsapp.secrets.hashicorp.com/finalizer",
		v1beta1.LabelName:                   "app.kubernetes.io/name",
		v1beta1.ValueName:                   "vault-secrets-operator",
		v1beta1.LabelManagedBy:              "app.kubernetes.io/managed-by",
		v1beta1.ValueManagedBy:              "hashicorp-vso",
		v1beta1.LabelComponent:              "app.kubernetes.io/component",
		v1beta1.ValueComponent:              "secret-sync",
		v1beta1.LabelOwnerUID:               "secrets.hashicorp.com/vso-ownerRefUID",
		v1beta1.AnnotationRestartedAt:       "vso.secrets.hashicorp.com/restartedAt",
	}
	for got, want := range cases {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestReasons wants each condition type and reason to be spelled as its constant
// is, and none of the older operator's to be missing.
func TestReasons(t *testing.T) {
	spelled := map[string]bool{}
	for name, value := range constants(t, "names.go") {
		word := strings.TrimPrefix(strings.TrimPrefix(name, "Reason"), "Condition")
		if word == name {
			continue // a finalizer, a label, an annotation
		}
		if spelled[value] = true; value != word {
			t.Errorf("%s is %q", name, value)
		}
	}
	const known = `Accepted InvalidConfiguration InvalidResourceRef K8sClientError RolloutRestartFailed RolloutRestartTriggered
		RolloutRestartTriggeredFailed RolloutRestartUnsupported SecretLeaseRenewal SecretLeaseRevoke SecretLeaseRenewalError
		SecretRotated SecretSync SecretSyncError SecretSynced StatusUpdateError Unrecoverable VaultClientConfigError
		VaultClientError VaultStaticSecretError SecretDataDrift InexistentDestination ResourceUpdated InitialSync
		InRenewalWindow HMACDataError CertificateRevocationError TransformationError SecretDataBuilderError ForceSync
		VaultTokenRotated VaultClientConfigChanged EventWatcherError EventWatcherStarted Healthy Unhealthy Ready
		VaultPing VaultClient ResourceValidation Available LeaseRenewal RolloutRestart Synced VaultAuthGlobalRef`
	for word := range strings.FieldsSeq(known) {
		if !spelled[word] {
			t.Errorf("no constant is %q", word)
		}
	}
}

// constants are the names and texts of the constants in a file of the package.
func constants(t *testing.T, file string) map[string]string {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(syntax, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0])
		}
		if found[spec.Names[0].Name], err = strconv.Unquote(literal.Value); err != nil {
			t.Fatal(err)
		}
		return true
	})
	return found
}
