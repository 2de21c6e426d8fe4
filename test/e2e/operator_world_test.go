package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/pkg/operator"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// realm is where an operator works: a namespace of its own, one with objects, and a
// gate before Vault. The operator's service account may what the operator's list of
// rights says, and no more.
//
// A story begins with newRealm, which shares the servers with others, or with
// newRealmIn; r.operator starts the program, r.apply makes objects.
type realm struct {
	*pod
	cluster *lab.Kubernetes
	client  client.WithWatch // of an administrator
	gate    *vaultGate
	system  string // namespace of the operator
	space   string // namespace of the objects
	whole   bool   // the operator works in all namespaces
}

// newRealm makes a realm in the cluster and the Vault that all share.
func newRealm(t *testing.T) *realm {
	t.Helper()
	installDefinitions(t)
	return makeRealm(t, world.kubernetes, newPod(t), false)
}

// newRealmIn makes a realm in a cluster of its own, whose operator works in all
// namespaces.
func newRealmIn(t *testing.T, k *lab.Kubernetes) *realm {
	t.Helper()
	installDefinitionsIn(t, k)
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true})
	must(t, world.furnish(t.Context(), v))
	p := newPodAt(t, v)
	// The Vault is to believe the tokens of this cluster.
	must(t, v.ConnectKubernetes(t.Context(), "own", k))
	return makeRealm(t, k, p, true)
}

func makeRealm(t *testing.T, k *lab.Kubernetes, p *pod, whole bool) *realm {
	t.Helper()
	r := &realm{pod: p, cluster: k, gate: newVaultGate(t, p.vault), system: p.name + "-system", space: p.name + "-shop", whole: whole}
	config, err := clientcmd.BuildConfigFromFlags("", k.Kubeconfig())
	must(t, err)
	config.QPS = -1
	r.client, err = client.NewWithWatch(config, client.Options{Scheme: operatorScheme(t)})
	must(t, err)
	must(t, k.CreateServiceAccount(t.Context(), r.system, "operator"))
	must(t, k.CreateServiceAccount(t.Context(), r.space, "app"))
	r.authorize()
	r.kubeconfig()
	r.role("app", r.space)
	r.apply(`
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultConnection
metadata: {name: default, namespace: SYSTEM}
spec: {address: "GATE"}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata: {name: vault, namespace: SPACE}
spec:
  method: kubernetes
  mount: MOUNT
  kubernetes: {role: NAME, serviceAccount: app, audiences: [vault]}
`)
	return r
}

// mount is the auth mount whose tokens the cluster makes.
func (r *realm) mount() string {
	if r.whole {
		return "own"
	}
	return "kubernetes"
}

// role lets a service account of some namespaces log in.
func (r *realm) role(account string, namespaces ...string) {
	r.t.Helper()
	must(r.t, r.vault.WriteKubernetesRole(r.t.Context(), r.mount(), r.name, lab.KubernetesRole{
		Namespaces: namespaces, ServiceAccounts: []string{account}, Audience: "vault", Policies: []string{r.name}, TTL: time.Hour,
	}))
}

// authorize gives the operator's service account its rights.
func (r *realm) authorize() {
	r.t.Helper()
	rights := operator.RightsOfOperator()
	if r.whole {
		r.grant("ClusterRole", "", append(rights.Objects, rights.Cluster...))
	} else {
		r.grant("Role", r.system, rights.Objects)
		r.grant("Role", r.space, rights.Objects)
	}
	r.grant("Role", r.system, rights.Own)
}

// grant makes a role and binds it.
func (r *realm) grant(kind, namespace string, rules []rbacv1.PolicyRule) {
	r.t.Helper()
	named := metav1.ObjectMeta{GenerateName: r.name + "-", Namespace: namespace}
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: r.system, Name: "operator"}}
	var role, binding client.Object
	role = &rbacv1.ClusterRole{ObjectMeta: named, Rules: rules}
	if kind == "Role" {
		role = &rbacv1.Role{ObjectMeta: named, Rules: rules}
	}
	must(r.t, r.client.Create(r.t.Context(), role))
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role.GetName()}
	binding = &rbacv1.ClusterRoleBinding{ObjectMeta: named, RoleRef: ref, Subjects: subjects}
	if kind == "Role" {
		binding = &rbacv1.RoleBinding{ObjectMeta: named, RoleRef: ref, Subjects: subjects}
	}
	must(r.t, r.client.Create(r.t.Context(), binding))
}

// kubeconfig writes the file that the operator finds its API server with.
func (r *realm) kubeconfig() {
	r.t.Helper()
	token, err := r.cluster.Token(r.t.Context(), r.system, "operator", "", accountLife)
	must(r.t, err)
	r.secretly(token)
	r.file("kubeconfig", fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u, namespace: %s}}]
clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: u, user: {token: %s}}]
`, r.system, r.cluster.URL(), base64.StdEncoding.EncodeToString(r.cluster.CACert()), token))
}

// running is an operator that runs.
type running struct {
	*agent
	realm   *realm
	metrics string // address
	health  string // address
}

// operator starts the program, and returns when it listens.
func (r *realm) operator(args ...string) *running {
	r.t.Helper()
	args = append([]string{
		"operator", "--kubeconfig=" + r.path("kubeconfig"), "--operator-namespace=" + r.system,
		"--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0", "--log-format=json",
	}, args...)
	if !r.whole {
		args = append(args, "--watch-namespaces="+r.space)
	}
	o := &running{agent: r.execute(world.program, args, nil, attributes()), realm: r}
	line := o.awaitLog(1, "operator listens")
	o.metrics, _ = line["metrics"].(string)
	o.health, _ = line["health"].(string)
	return o
}

// get asks one of the operator's ports.
func (o *running) get(address, path string) (int, string) {
	request, err := http.NewRequestWithContext(o.realm.t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	must(o.realm.t, err)
	answer, err := o.realm.gate.Client().Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

// awaitHeld waits until the operator works.
func (o *running) awaitHeld() {
	o.realm.t.Helper()
	o.awaitLog(1, "operator works on a shard")
}

// filled fills in what differs between realms.
func (r *realm) filled(text string) string {
	return strings.NewReplacer("SYSTEM", r.system, "SPACE", r.space, "NAME", r.name, "GATE", r.gate.URL, "MOUNT", r.mount(), "CANARY", canary).Replace(text)
}

// apply makes or changes the objects of YAML documents, as kubectl apply does.
func (r *realm) apply(text string) {
	r.t.Helper()
	for part := range strings.SplitSeq(r.filled(text), "\n---\n") {
		var o unstructured.Unstructured
		must(r.t, yaml.Unmarshal([]byte(part), &o.Object))
		must(r.t, r.client.Apply(r.t.Context(), client.ApplyConfigurationFromUnstructured(&o), client.FieldOwner("kubectl"), client.ForceOwnership))
	}
}

// object reads an object of the operator's API in the realm's space.
func (r *realm) object(kind, name string) *unstructured.Unstructured {
	r.t.Helper()
	o, err := r.find(r.space, kind, name)
	must(r.t, err)
	return o
}

func (r *realm) find(namespace, kind, name string) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(v1beta1.Kind(kind))
	return o, r.client.Get(r.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o)
}

// conditions are those of an object.
func conditions(o *unstructured.Unstructured) []metav1.Condition {
	var s struct {
		Status struct{ Conditions []metav1.Condition }
	}
	text, err := json.Marshal(o.Object)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		panic(err) // an object came as JSON
	}
	return s.Status.Conditions
}

// awaitCondition waits until a condition of an object, of its newest spec, has a
// status, and returns it.
func (r *realm) awaitCondition(kind, name, condition string, want metav1.ConditionStatus) metav1.Condition {
	r.t.Helper()
	return r.awaitConditionIn(r.space, kind, name, condition, want)
}

func (r *realm) awaitConditionIn(namespace, kind, name, condition string, want metav1.ConditionStatus) metav1.Condition {
	r.t.Helper()
	var got metav1.Condition
	await(r.t, func() error {
		o, err := r.find(namespace, kind, name)
		if err != nil {
			return err
		}
		c := meta.FindStatusCondition(conditions(o), condition)
		if c == nil || c.Status != want || c.ObservedGeneration != o.GetGeneration() {
			return fmt.Errorf("%s %s: %s is %v, want %s", kind, name, condition, conditions(o), want)
		}
		got = *c
		return nil
	})
	return got
}

// awaitReady waits until an object is ready.
func (r *realm) awaitReady(kind, name string) {
	r.t.Helper()
	r.awaitCondition(kind, name, v1beta1.ConditionReady, metav1.ConditionTrue)
}

// secret returns the data of a Secret of the space as texts; nil where there is
// none.
func (r *realm) secret(name string) map[string]string {
	r.t.Helper()
	var s corev1.Secret
	err := r.client.Get(r.t.Context(), client.ObjectKey{Namespace: r.space, Name: name}, &s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	must(r.t, err)
	out := map[string]string{}
	for k, v := range s.Data {
		out[k] = string(v)
	}
	return out
}

// awaitSecret waits until a key of a Secret holds a value.
func (r *realm) awaitSecret(name, key, want string) {
	r.t.Helper()
	await(r.t, func() error {
		if got := r.secret(name)[key]; got != want {
			return fmt.Errorf("key %q of Secret %q holds %q, want %q", key, name, got, want)
		}
		return nil
	})
}

// events are those of an object of the space, as "Type Reason: message", with how
// often each came.
func (r *realm) events(kind, name string) map[string]int32 {
	r.t.Helper()
	var list corev1.EventList
	must(r.t, r.client.List(r.t.Context(), &list, client.InNamespace(r.space)))
	out := map[string]int32{}
	for i := range list.Items {
		e := &list.Items[i]
		if e.InvolvedObject.Kind == kind && e.InvolvedObject.Name == name {
			out[e.Type+" "+e.Reason+": "+e.Message] += max(e.Count, 1)
		}
	}
	return out
}

// versions are the resource versions of all objects that the operator may write in
// the realm, but for Leases and events.
func (r *realm) versions() map[string]string {
	r.t.Helper()
	kinds := []schema.GroupVersionKind{{Version: "v1", Kind: "Secret"}}
	for _, kind := range []string{
		"VaultConnection", "VaultAuth", "VaultAuthGlobal", "SecretTransformation", "VaultStaticSecret", "VaultDynamicSecret",
		"VaultPKISecret", "VaultPushSecret", "CSISecrets",
	} {
		kinds = append(kinds, v1beta1.Kind(kind))
	}
	out := map[string]string{}
	for _, namespace := range []string{r.system, r.space} {
		for _, kind := range kinds {
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
			must(r.t, r.client.List(r.t.Context(), list, client.InNamespace(namespace)))
			for i := range list.Items {
				out[kind.Kind+" "+namespace+"/"+list.Items[i].Name] = list.Items[i].ResourceVersion
			}
		}
	}
	return out
}

// vaultGate stands before a Vault, counts what is asked, and can be shut.
type vaultGate struct {
	*httptest.Server
	shut atomic.Bool // no request comes through

	mu   sync.Mutex
	seen map[string]int // by method and path
}

func newVaultGate(t *testing.T, v *lab.Vault) *vaultGate {
	t.Helper()
	to, err := url.Parse(v.Address())
	must(t, err)
	g := &vaultGate{seen: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.seen[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v1/")]++
		g.mu.Unlock()
		if g.shut.Load() {
			panic(http.ErrAbortHandler) // as a Vault that is gone
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
	return g
}

// take returns what was asked, and forgets it.
func (g *vaultGate) take() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := g.seen
	g.seen = map[string]int{}
	return seen
}

// asked counts the requests whose method and path begin with a text.
func (g *vaultGate) asked(prefix string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for what, count := range g.seen {
		if strings.HasPrefix(what, prefix) {
			n += count
		}
	}
	return n
}

// awaitGone waits until an object is not there any more.
func (r *realm) awaitGone(o client.Object) {
	r.t.Helper()
	await(r.t, func() error {
		err := r.client.Get(r.t.Context(), client.ObjectKeyFromObject(o), o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("%s is still there", o.GetName()))
	})
}
