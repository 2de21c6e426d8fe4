package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
)

// world is a cluster with workloads, which counts what is asked of it.
type world struct {
	t       *testing.T
	client  client.WithWatch
	gets    int
	patches int
	fail    map[string]error // by verb and name
	meddle  func(*world)     // before the next patch
}

func newWorld(t *testing.T, manifests ...string) *world {
	t.Helper()
	w := &world{t: t, fail: map[string]error{}}
	scheme := runtime.NewScheme()
	if err := errors.Join(appsv1.AddToScheme(scheme), batchv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	for _, gvk := range []schema.GroupVersionKind{
		{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"},
		{Group: "kafka.example.com", Version: "v1", Kind: "Connect"},
	} {
		scheme.AddKnownTypeWithName(gvk, &unstructured.Unstructured{})
		scheme.AddKnownTypeWithName(gvk.GroupVersion().WithKind(gvk.Kind+"List"), &unstructured.UnstructuredList{})
	}
	build := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{Get: w.get, Patch: w.patch, Create: w.create})
	for _, text := range manifests {
		build = build.WithObjects(parse(t, text))
	}
	w.client = build.Build()
	return w
}

func (w *world) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	w.gets++
	if err := w.fail["get "+key.Name]; err != nil {
		return err
	}
	return c.Get(ctx, key, o, opts...)
}

func (w *world) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	w.patches++
	if err := w.fail["patch "+o.GetName()]; err != nil {
		return err
	}
	if meddle := w.meddle; meddle != nil {
		w.meddle = nil
		meddle(w)
	}
	return c.Patch(ctx, o, p, opts...)
}

func (w *world) create(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
	if err := w.fail["create"]; err != nil {
		return err
	}
	return c.Create(ctx, o, opts...)
}

func (w *world) restarter() *rollout.Restarter {
	return rollout.New(rollout.Options{Live: w.client, Cluster: w.client, Random: func() float64 { return 0 }})
}

// restart asks for a restart and returns what became of it in one text.
func (w *world) restart(q rollout.Request) string {
	w.t.Helper()
	q.Namespace = "shop"
	out, err := w.restarter().Restart(w.t.Context(), q)
	var parts []string
	if len(out.Restarted) > 0 {
		parts = append(parts, "restarted "+strings.Join(out.Restarted, ", "))
	}
	if out.Pending != "" {
		parts = append(parts, "pending: "+out.Pending)
	}
	if err != nil {
		parts = append(parts, "error: "+err.Error())
	}
	if out.After > 0 {
		parts = append(parts, "after "+out.After.String())
	}
	return strings.Join(parts, "; ")
}

func (w *world) rolled(q rollout.Request) string {
	w.t.Helper()
	q.Namespace = "shop"
	ok, err := w.restarter().Rolled(w.t.Context(), q)
	if err != nil {
		return "error: " + err.Error()
	}
	return fmt.Sprint(ok)
}

// at returns the text at a place of an object; "" if there is none.
func (w *world) at(kind, version, name string, path ...string) string {
	w.t.Helper()
	text, _, _ := unstructured.NestedString(w.object(kind, version, name).Object, path...)
	return text
}

func (w *world) object(kind, version, name string) *unstructured.Unstructured {
	w.t.Helper()
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(version)
	o.SetKind(kind)
	if err := w.client.Get(context.Background(), client.ObjectKey{Namespace: "shop", Name: name}, o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	encoded, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.UnmarshalJSON(encoded); err != nil { // numbers as the API server's are read
		t.Fatal(err)
	}
	return o
}

func manifest(version, kind, name, more string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: shop, uid: uid-%s, generation: 2, labels: {app: %s}}\n%s", version, kind, name, name, name, more)
}

func deployment(name, more string) string { return manifest("apps/v1", "Deployment", name, more) }

func targets(pairs ...string) []v1beta1.RolloutRestartTarget {
	var out []v1beta1.RolloutRestartTarget
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, v1beta1.RolloutRestartTarget{Kind: pairs[i], Name: pairs[i+1]})
	}
	return out
}

var errBroken = errors.New("the server is broken")

// change is a moment within a second, now.
func change() time.Time { return time.Now() }

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }
