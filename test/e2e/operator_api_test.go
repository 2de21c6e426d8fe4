package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const (
	definitionsPath  = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
	operatorAPI      = "/apis/secrets.hashicorp.com/v1beta1"
	operatorExamples = "../../pkg/operator/api/v1beta1/testdata/examples/*.yaml"
)

// definitionsInstalled installs the definitions once for all stories.
var definitionsInstalled sync.Once

// installDefinitions applies the definitions of the chart to the cluster that all
// share, waits until it serves them, and makes the namespace of the manifests.
func installDefinitions(t *testing.T) {
	t.Helper()
	definitionsInstalled.Do(func() {
		installDefinitionsIn(t, world.kubernetes)
		must(t, world.kubernetes.CreateNamespace(t.Context(), "platform"))
	})
}

func installDefinitionsIn(t *testing.T, k *lab.Kubernetes) {
	t.Helper()
	for _, d := range documents(t, "../../charts/vaultk8s/files/crds/*.yaml") {
		name := definitionsPath + textAt(d, "metadata", "name")
		_, err := k.Apply(t.Context(), name, d)
		must(t, err)
		awaitEstablished(t, k, name)
	}
}

func awaitEstablished(t *testing.T, k *lab.Kubernetes, path string) {
	t.Helper()
	await(t, func() error {
		d, err := k.Do(t.Context(), http.MethodGet, path, nil)
		if err != nil {
			return err
		}
		conditions, _ := fieldAt(d, "status", "conditions").([]any)
		for _, c := range conditions {
			if c, ok := c.(map[string]any); ok && c["type"] == "Established" && c["status"] == "True" {
				return nil
			}
		}
		return fmt.Errorf("%s is not served: %v", path, conditions)
	})
}

// documents reads the YAML documents of files.
func documents(t *testing.T, pattern string) []map[string]any {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files at %s, %v", len(files), pattern, err)
	}
	var all []map[string]any
	for _, name := range files {
		content, err := os.ReadFile(name)
		must(t, err)
		for part := range bytes.SplitSeq(bytes.TrimPrefix(content, []byte("---\n")), []byte("\n---\n")) {
			var d map[string]any
			must(t, yaml.Unmarshal(part, &d))
			all = append(all, d)
		}
	}
	return all
}

// field returns what is at a path of keys; nil if there is nothing.
func fieldAt(object map[string]any, path ...string) any {
	var at any = object
	for _, key := range path {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[key]
	}
	return at
}

func textAt(object map[string]any, path ...string) string {
	s, _ := fieldAt(object, path...).(string)
	return s
}

// resource is the path of an object's collection; the plurals of our kinds are
// regular but for one.
func operatorCollection(object map[string]any) string {
	plural := strings.TrimSuffix(strings.ToLower(textAt(object, "kind")), "s") + "s"
	if namespace := textAt(object, "metadata", "namespace"); namespace != "" {
		return operatorAPI + "/namespaces/" + namespace + "/" + plural
	}
	return operatorAPI + "/" + plural
}

// create makes an object and refuses fields that the server does not know.
func createObject(t *testing.T, object map[string]any, query string) (map[string]any, error) {
	t.Helper()
	return world.kubernetes.Do(t.Context(), http.MethodPost, operatorCollection(object)+"?fieldValidation=Strict"+query, object)
}

// TestOperatorAccepts creates the manifests of a tutorial of the older operator and
// one example of each kind, unchanged.
func TestOperatorAccepts(t *testing.T) {
	t.Parallel()
	installDefinitions(t)
	for _, object := range append(documents(t, "testdata/operator.yaml"), documents(t, operatorExamples)...) {
		name := textAt(object, "kind") + "/" + textAt(object, "metadata", "name")
		_, err := createObject(t, object, "&dryRun=All")
		if err != nil {
			t.Errorf("%s in a dry run: %v", name, err)
			continue
		}
		stored, err := createObject(t, object, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(withDefaults(t, object), stored["spec"]); diff != "" {
			t.Errorf("spec of %s (-manifest with defaults +stored):\n%s", name, diff)
		}
	}
}

// withDefaults returns the spec of a manifest with what the documented defaults add.
func withDefaults(t *testing.T, object map[string]any) any {
	t.Helper()
	spec, ok := fieldAt(object, "spec").(map[string]any)
	if !ok {
		t.Fatalf("no spec in %v", object)
	}
	add := func(value any, path ...string) {
		at, key := fieldAt(spec, path[:len(path)-1]...), path[len(path)-1]
		if m, ok := at.(map[string]any); ok && m[key] == nil {
			m[key] = value
		}
	}
	kind := textAt(object, "kind")
	prefix := []string{}
	if kind == "ClusterVaultSecret" {
		add("delete", "deletionPolicy")
		prefix, kind = []string{"static"}, "VaultStaticSecret"
	}
	for _, d := range operatorDefaults()[kind] {
		add(d.value, append(slices.Clone(prefix), d.path...)...)
	}
	sources, _ := spec["sources"].([]any)
	for _, s := range sources {
		if list, ok := fieldAt(s.(map[string]any), "list").(map[string]any); ok {
			list["maxItems"] = 100.0
		}
	}
	return spec
}

type operatorDefault struct {
	value any
	path  []string
}

func operatorDefaults() map[string][]operatorDefault {
	destination := []operatorDefault{{false, []string{"destination", "create"}}, {false, []string{"destination", "overwrite"}}}
	return map[string][]operatorDefault{
		"VaultConnection":    {{false, []string{"skipTLSVerify"}}},
		"VaultAuth":          {{600.0, []string{"kubernetes", "tokenExpirationSeconds"}}},
		"VaultAuthGlobal":    {{600.0, []string{"kubernetes", "tokenExpirationSeconds"}}},
		"VaultStaticSecret":  append([]operatorDefault{{true, []string{"hmacSecretData"}}}, destination...),
		"VaultDynamicSecret": append([]operatorDefault{{67.0, []string{"renewalPercent"}}, {"10m", []string{"rotation", "rolloutTimeout"}}}, destination...),
		"VaultPKISecret": append([]operatorDefault{
			{"certificate", []string{"keystores", "pkcs12", "alias"}}, {"password", []string{"keystores", "pkcs12", "passwordSecretRef", "key"}},
		}, destination...),
		"CSISecrets": {{"all", []string{"accessControl", "matchPolicy"}}},
		"VaultPushSecret": {
			{false, []string{"overwrite"}}, {"error", []string{"conflictPolicy"}}, {"retain", []string{"deletionPolicy"}},
		},
	}
}

// TestOperatorRefuses sends each kind of bad value; the server must name the field.
func TestOperatorRefuses(t *testing.T) {
	t.Parallel()
	installDefinitions(t)
	cases := map[string]struct {
		kind, change string // a JSON object that is merged into the spec of the kind's example
		want         string
	}{
		"AddressMissing":      {"VaultConnection", `{"address":null}`, `spec.address: Required value`},
		"TimeoutTwoUnits":     {"VaultConnection", `{"timeout":"1h30m"}`, `spec.timeout: Invalid value: "1h30m": spec.timeout in body should match`},
		"TimeoutDays":         {"VaultConnection", `{"timeout":"1d"}`, `spec.timeout: Invalid value: "1d"`},
		"TimeoutNumber":       {"VaultConnection", `{"timeout":30}`, `spec.timeout: Invalid value: "integer"`},
		"Proxy":               {"VaultConnection", `{"proxy":{"url":"proxy:3128"}}`, `spec.proxy.url: Invalid value: "proxy:3128"`},
		"RateLimitZero":       {"VaultConnection", `{"rateLimit":{"qps":0}}`, `spec.rateLimit.qps: Invalid value: 0`},
		"Method":              {"VaultAuth", `{"method":"oidc"}`, `spec.method: Unsupported value: "oidc"`},
		"TokenExpiration":     {"VaultAuth", `{"kubernetes":{"tokenExpirationSeconds":599}}`, `spec.kubernetes.tokenExpirationSeconds: Invalid value: 599`},
		"GlobalName":          {"VaultAuth", `{"vaultAuthGlobalRef":{"name":"A_b"}}`, `spec.vaultAuthGlobalRef.name: Invalid value: "A_b"`},
		"GlobalNamespace":     {"VaultAuth", `{"vaultAuthGlobalRef":{"namespace":"a.b"}}`, `spec.vaultAuthGlobalRef.namespace: Invalid value: "a.b"`},
		"MergeStrategy":       {"VaultAuth", `{"vaultAuthGlobalRef":{"mergeStrategy":{"headers":"both"}}}`, `mergeStrategy.headers: Unsupported value: "both"`},
		"StorageEncryption":   {"VaultAuth", `{"storageEncryption":{"mount":"transit"}}`, `spec.storageEncryption.keyName: Required value`},
		"GlobalMethod":        {"VaultAuthGlobal", `{"defaultAuthMethod":"k8s"}`, `spec.defaultAuthMethod: Unsupported value: "k8s"`},
		"KVType":              {"VaultStaticSecret", `{"type":"kv"}`, `spec.type: Unsupported value: "kv"`},
		"Version":             {"VaultStaticSecret", `{"version":-1}`, `spec.version: Invalid value: -1`},
		"RefreshAfter":        {"VaultStaticSecret", `{"refreshAfter":"30"}`, `spec.refreshAfter: Invalid value: "30"`},
		"DestinationName":     {"VaultStaticSecret", `{"destination":{"name":null}}`, `spec.destination.name: Required value`},
		"Destination":         {"VaultStaticSecret", `{"destination":null}`, `spec.destination: Required value`},
		"TemplateText":        {"VaultStaticSecret", `{"destination":{"transformation":{"templates":{"a":{"name":"b"}}}}}`, `templates.a.text: Required value`},
		"DeletionPolicy":      {"VaultStaticSecret", `{"destination":{"deletionPolicy":"orphan"}}`, `spec.destination.deletionPolicy: Unsupported value: "orphan"`},
		"MergePolicy":         {"VaultStaticSecret", `{"destination":{"mergePolicy":"own"}}`, `spec.destination.mergePolicy: Unsupported value: "own"`},
		"OnMissing":           {"VaultStaticSecret", `{"onMissing":"fail"}`, `spec.onMissing: Unsupported value: "fail"`},
		"ConflictPolicy":      {"VaultStaticSecret", `{"conflictPolicy":"merge"}`, `spec.conflictPolicy: Unsupported value: "merge"`},
		"ListTooLong":         {"VaultStaticSecret", `{"list":{"maxItems":10001}}`, `spec.list.maxItems: Invalid value: 10001`},
		"SourcePath":          {"VaultStaticSecret", `{"sources":[{"mount":"kv"}]}`, `spec.sources[0].path: Required value`},
		"TargetKind":          {"VaultStaticSecret", `{"rolloutRestartTargets":[{"kind":"Pod","name":"a"}]}`, `kind must be Deployment, DaemonSet, StatefulSet, CronJob or argo.Rollout`},
		"TargetKindMissing":   {"VaultStaticSecret", `{"rolloutRestartTargets":[{"name":"a"}]}`, `spec.rolloutRestartTargets[0].kind: Required value`},
		"TargetName":          {"VaultStaticSecret", `{"rolloutRestartTargets":[{"kind":"Deployment"}]}`, `name or selector is required`},
		"Debounce":            {"VaultStaticSecret", `{"rolloutRestartPolicy":{"debounce":"soon"}}`, `spec.rolloutRestartPolicy.debounce: Invalid value: "soon"`},
		"HTTPMethod":          {"VaultDynamicSecret", `{"requestHTTPMethod":"LIST"}`, `spec.requestHTTPMethod: Unsupported value: "LIST"`},
		"RenewalPercent":      {"VaultDynamicSecret", `{"renewalPercent":91}`, `spec.renewalPercent: Invalid value: 91`},
		"RenewalPercentMinus": {"VaultDynamicSecret", `{"renewalPercent":-1}`, `spec.renewalPercent: Invalid value: -1`},
		"Previous":            {"VaultDynamicSecret", `{"rotation":{"previous":"revoke"}}`, `spec.rotation.previous: Unsupported value: "revoke"`},
		"TTLWeeks":            {"VaultPKISecret", `{"ttl":"1w"}`, `spec.ttl: Invalid value: "1w"`},
		"OffsetDays":          {"VaultPKISecret", `{"expiryOffset":"1d"}`, `spec.expiryOffset: Invalid value: "1d"`},
		"RoleMissing":         {"VaultPKISecret", `{"role":null}`, `spec.role: Required value`},
		"KeySize":             {"VaultPKISecret", `{"privateKey":{"algorithm":"rsa","size":384}}`, `the size of an rsa key must be 2048, 3072 or 4096`},
		"KeystorePassword":    {"VaultPKISecret", `{"keystores":{"jks":{}}}`, `spec.keystores.jks.passwordSecretRef: Required value`},
		"SourceTemplate":      {"SecretTransformation", `{"sourceTemplates":[{"name":"a"}]}`, `spec.sourceTemplates[0].text: Required value`},
		"MatchPolicy":         {"CSISecrets", `{"accessControl":{"matchPolicy":"none"}}`, `spec.accessControl.matchPolicy: Unsupported value: "none"`},
		"WrapTTL":             {"CSISecrets", `{"secrets":{"vaultAppRoleSecretIDs":[{"mount":"approle","role":"a","wrapTTL":"5"}]}}`, `wrapTTL: Invalid value: "5"`},
		"TwoObjects":          {"ClusterVaultSecret", `{"pki":{"mount":"pki","role":"web","destination":{"name":"a"}}}`, `exactly one of static, dynamic and pki is required`},
		"NoNamespaces":        {"ClusterVaultSecret", `{"namespaceSelector":null}`, `namespaces, namespaceGlobs or namespaceSelector is required`},
		"PushConflict":        {"VaultPushSecret", `{"conflictPolicy":"last"}`, `spec.conflictPolicy: Unsupported value: "last"`},
		"UnknownField":        {"VaultStaticSecret", `{"refreshafter":"30s"}`, `unknown field "spec.refreshafter"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := createObject(t, changedExample(t, tc.kind, tc.change), "&dryRun=All")
			if lab.StatusCode(err)/100 != 4 || !strings.Contains(fmt.Sprint(err), tc.want) {
				t.Errorf("error %v\nwant %s", err, tc.want)
			}
		})
	}
}

// changed is the example of a kind under another name with a changed spec.
func changedExample(t *testing.T, kind, change string) map[string]any {
	t.Helper()
	object := documents(t, strings.Replace(operatorExamples, "*", strings.ToLower(kind), 1))[0]
	var patch map[string]any
	must(t, json.Unmarshal([]byte(change), &patch))
	mergePatch(object, map[string]any{"spec": patch, "metadata": map[string]any{"name": "bad"}})
	return object
}

// merge applies a JSON merge patch.
func mergePatch(into, patch map[string]any) {
	for key, value := range patch {
		inner, isMap := into[key].(map[string]any)
		change, both := value.(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap && both:
			mergePatch(inner, change)
		default:
			into[key] = value
		}
	}
}

// TestOperatorRulesAcceptOlderTargets sends restart targets that the older schema
// took; the rules of ours must not refuse any.
func TestOperatorRulesAcceptOlderTargets(t *testing.T) {
	t.Parallel()
	installDefinitions(t)
	for _, kind := range []string{"Deployment", "DaemonSet", "StatefulSet", "argo.Rollout"} {
		for _, name := range []string{"app", ""} {
			target := fmt.Sprintf(`{"rolloutRestartTargets":[{"kind":%q,"name":%q}]}`, kind, name)
			if _, err := createObject(t, changedExample(t, "VaultDynamicSecret", target), "&dryRun=All"); err != nil {
				t.Errorf("%s: %v", target, err)
			}
		}
	}
}

// TestOperatorExplains walks the schemas that the server publishes, which are what
// `kubectl explain` shows.
func TestOperatorExplains(t *testing.T) {
	t.Parallel()
	installDefinitions(t)
	var kinds map[string]any
	await(t, func() error {
		published, err := world.kubernetes.Do(t.Context(), http.MethodGet, "/openapi/v3"+operatorAPI, nil)
		if err != nil {
			return err
		}
		schemas, _ := fieldAt(published, "components", "schemas").(map[string]any)
		if kinds = ofKinds(schemas); len(kinds) != 10 {
			return fmt.Errorf("schemas of %v are published", slices.Sorted(maps.Keys(kinds)))
		}
		return nil
	})
	for name, schema := range kinds {
		explained(t, name, schema)
	}
}

// ofKinds leaves out lists and the schemas of Kubernetes.
func ofKinds(schemas map[string]any) map[string]any {
	ours := regexp.MustCompile(`^com\.hashicorp\.secrets\.v1beta1\.(\w+)$`)
	kinds := map[string]any{}
	for name, schema := range schemas {
		if m := ours.FindStringSubmatch(name); m != nil && !strings.HasSuffix(name, "List") {
			kinds[m[1]] = schema
		}
	}
	return kinds
}

func explained(t *testing.T, path string, schema any) {
	t.Helper()
	s, ok := schema.(map[string]any)
	if !ok {
		t.Errorf("%s is no schema: %v", path, schema)
		return
	}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		child, ok := properties[name].(map[string]any)
		if ok && textAt(child, "description") == "" {
			t.Errorf("%s.%s has no description", path, name)
		}
		if name != "metadata" {
			explained(t, path+"."+name, child)
		}
	}
	for _, element := range []string{"items", "additionalProperties"} {
		if inner, ok := s[element]; ok {
			explained(t, path, inner)
		}
	}
}

// TestOperatorColumns asks for a table, as kubectl get does.
func TestOperatorColumns(t *testing.T) {
	t.Parallel()
	installDefinitions(t)
	want := map[string]string{
		"vaultconnections": "Name, Healthy, Ready, Age", "vaultauths": "Name, Healthy, Ready, Age", "vaultauthglobals": "Name, Age",
		"vaultstaticsecrets": "Name, Synced, Healthy, Ready, Age", "vaultdynamicsecrets": "Name, Synced, Healthy, Ready, Age",
		"vaultpkisecrets": "Name, Synced, Healthy, Ready, Age", "secrettransformations": "Name, Healthy, Ready, Age", "csisecrets": "Name, Age",
		"clustervaultsecrets": "Name, Namespaces, Synced, Ready, Age", "vaultpushsecrets": "Name, Pushed, Ready, Age",
	}
	get := tableReader(t)
	for plural, columns := range want {
		await(t, func() error {
			got, err := get(operatorAPI + "/" + plural)
			if err == nil && got != columns {
				err = fmt.Errorf("kubectl get %s shows %s, want %s", plural, got, columns)
			}
			return err
		})
	}
}

// tableReader returns what reads the headings of a listing without -o wide. It
// asks as a service account that may list everything: that of an administrator
// asks for objects only.
func tableReader(t *testing.T) func(path string) (string, error) {
	t.Helper()
	token := listerToken(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(world.kubernetes.CACert())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return func(path string) (string, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, world.kubernetes.URL()+path, http.NoBody)
		if err != nil {
			return "", err
		}
		request.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := transport.RoundTrip(request)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		return headings(answer)
	}
}

func headings(answer *http.Response) (string, error) {
	var table struct {
		Message           string
		ColumnDefinitions []struct {
			Name     string
			Priority int
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&table); err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", errors.New(table.Message)
	}
	var names []string
	for _, c := range table.ColumnDefinitions {
		if c.Priority == 0 {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", "), nil
}

// listerToken is of a service account that may list everything.
func listerToken(t *testing.T) string {
	t.Helper()
	k := world.kubernetes
	must(t, k.CreateServiceAccount(t.Context(), "platform", "lister"))
	must(t, k.BindClusterRole(t.Context(), "cluster-admin", "platform", "lister"))
	token, err := k.Token(t.Context(), "platform", "lister", "", time.Hour)
	must(t, err)
	return token
}
