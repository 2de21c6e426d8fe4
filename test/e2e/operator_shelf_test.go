package e2e_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// formerOperator is the field manager of the operator that was there before.
const formerOperator = "vault-secrets-operator"

// shelf is a namespace with an object whose destination is written.
type shelf struct {
	namespace string
	client    client.Client
	writer    *destination.Writer
	owner     *v1beta1.VaultStaticSecret
	writes    *writeLog
}

// writeLog notes the requests that may change something.
type writeLog struct {
	http.RoundTripper
	mu   sync.Mutex
	seen []string
}

func (l *writeLog) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		note := r.Method
		if kind, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/"); ok && r.Method == http.MethodPatch {
			kind, _, _ = strings.Cut(kind, "-patch")
			note += " " + kind
		}
		l.mu.Lock()
		l.seen = append(l.seen, note)
		l.mu.Unlock()
	}
	return l.RoundTripper.RoundTrip(r)
}

// take returns what was noted, and forgets it.
func (l *writeLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	l.seen = nil
	return seen
}

// operatorScheme knows the kinds of Kubernetes and of the operator.
func operatorScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1beta1.AddToScheme(scheme))
	return scheme
}

// newShelf makes a namespace and an object in it that nobody reconciles.
func newShelf(t *testing.T) *shelf {
	t.Helper()
	installDefinitions(t)
	s := &shelf{namespace: namespaceFor(t), writes: &writeLog{}}
	must(t, world.kubernetes.CreateNamespace(t.Context(), s.namespace))
	config := clusterConfig(t, world.kubernetes)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		s.writes.RoundTripper = next
		return s.writes
	})
	s.client = clusterClient(t, config)
	s.writer = destination.New(s.client, s.client)
	s.owner = s.object(t, "orders")
	return s
}

// clusterConfig is an administrator's, without a limit of requests.
func clusterConfig(t *testing.T, k *lab.Kubernetes) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", k.Kubeconfig())
	must(t, err)
	config.QPS = -1
	return config
}

func clusterClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{Scheme: operatorScheme(t)})
	must(t, err)
	return c
}

// namespaceFor is the name of a test as a namespace.
func namespaceFor(t *testing.T) string {
	return strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
}

func (s *shelf) object(t *testing.T, name string) *v1beta1.VaultStaticSecret {
	t.Helper()
	object := &v1beta1.VaultStaticSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec: v1beta1.VaultStaticSecretSpec{
			Mount: "secret", Path: "a", Type: "kv-v2", Destination: v1beta1.Destination{Name: "nobody-writes-it"},
		},
	}
	must(t, s.client.Create(t.Context(), object))
	s.writes.take()
	return object
}

// make creates a Secret as a manager.
func (s *shelf) make(t *testing.T, manager string, secret *corev1.Secret) *corev1.Secret {
	t.Helper()
	secret.Namespace = s.namespace
	must(t, s.client.Create(t.Context(), secret, client.FieldOwner(manager)))
	s.writes.take()
	return secret
}

// change edits a Secret as a manager.
func (s *shelf) change(t *testing.T, manager, name string, edit func(*corev1.Secret)) {
	t.Helper()
	secret := s.read(t, name)
	edit(secret)
	must(t, s.client.Update(t.Context(), secret, client.FieldOwner(manager)))
	s.writes.take()
}

func (s *shelf) read(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	must(t, s.client.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, secret))
	return secret
}

func (s *shelf) gone(t *testing.T, name string) bool {
	t.Helper()
	err := s.client.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, &corev1.Secret{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err != nil
}

// put looks and applies, and returns the requests that were needed.
func (s *shelf) put(ctx context.Context, d v1beta1.Destination, values map[string]string) (destination.Written, []string, error) {
	s.writes.take()
	found, err := s.writer.Look(ctx, s.owner, d)
	if err != nil {
		return destination.Written{}, s.writes.take(), err
	}
	written, err := s.writer.Apply(ctx, found, destination.Data{Values: byteValues(values)})
	return written, s.writes.take(), err
}

// puts is put that has to succeed with some requests.
func (s *shelf) puts(t *testing.T, d v1beta1.Destination, values map[string]string, requests ...string) {
	t.Helper()
	written, got, err := s.put(t.Context(), d, values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(requests, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if written.Changed != (len(requests) > 0) {
		t.Errorf("changed is %t after %v", written.Changed, requests)
	}
}

func byteValues(values map[string]string) map[string][]byte {
	out := map[string][]byte{}
	for key, value := range values {
		out[key] = []byte(value)
	}
	return out
}

// secretText is what tests compare of a Secret.
type secretText struct {
	Type                      string
	Data, Labels, Annotations map[string]string
	Owners                    []metav1.OwnerReference
	Immutable                 bool
}

func textOf(secret *corev1.Secret) secretText {
	out := secretText{
		Type: string(secret.Type), Data: map[string]string{}, Labels: secret.Labels, Annotations: secret.Annotations,
		Owners: secret.OwnerReferences, Immutable: secret.Immutable != nil && *secret.Immutable,
	}
	for key, value := range secret.Data {
		out.Data[key] = string(value)
	}
	return out
}

// labels are those of a Secret of the object, with some of its own.
func (s *shelf) labels(more map[string]string) map[string]string {
	all := map[string]string{
		"app.kubernetes.io/name": "vault-secrets-operator", "app.kubernetes.io/managed-by": "hashicorp-vso",
		"app.kubernetes.io/component": "secret-sync", "secrets.hashicorp.com/vso-ownerRefUID": string(s.owner.UID),
	}
	maps.Copy(all, more)
	return all
}

func (s *shelf) owners() []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: "secrets.hashicorp.com/v1beta1", Kind: "VaultStaticSecret", Name: "orders", UID: s.owner.UID}}
}

// former is a Secret as the operator before has laid it out.
func (s *shelf) former(t *testing.T, name string, values map[string]string) *corev1.Secret {
	t.Helper()
	return s.make(t, formerOperator, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: s.labels(map[string]string{"team": "shop"}), Annotations: map[string]string{"note": "1"}, OwnerReferences: s.owners(),
		},
		Type: corev1.SecretTypeOpaque, Data: byteValues(values),
	})
}

// watch starts a watch as the controller of the objects does, and returns its queue.
func (s *shelf) watch(t *testing.T) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	t.Helper()
	secrets, err := cache.New(clusterConfig(t, world.kubernetes), cache.Options{
		Scheme: operatorScheme(t), DefaultNamespaces: map[string]cache.Config{s.namespace: {}},
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {Label: labels.SelectorFromSet(labels.Set{v1beta1.LabelManagedBy: v1beta1.ValueManagedBy})}},
	})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	woken := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	var running sync.WaitGroup
	running.Go(func() {
		if err := secrets.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); woken.ShutDown(); running.Wait() })
	metadata := &metav1.PartialObjectMetadata{}
	metadata.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	watch := source.Kind[client.Object](secrets, metadata, s.writer.Drift("VaultStaticSecret"))
	must(t, watch.Start(ctx, woken))
	must(t, watch.WaitForSync(ctx))
	return woken
}
