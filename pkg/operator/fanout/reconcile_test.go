package fanout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
)

// world is the reconciler over a cluster in memory, with the ClusterVaultSecret
// registry for the namespaces a and b.
type world struct {
	t          *testing.T
	cluster    client.Client
	reconciler reconcile.Reconciler
	tally      *tally.Tally
	refuse     map[string]error // of writes, by namespace
	events     []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1beta1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, tally: tally.New(nil), refuse: map[string]error{}}
	c := registry()
	c.Generation, c.Spec.NamespaceGlobs = 1, []string{"?"}
	objects := []client.Object{c}
	for _, name := range []string{"a", "b", "kube-system"} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	w.cluster = fake.NewClientBuilder().WithScheme(scheme).WithReturnManagedFields().WithObjects(objects...).
		WithStatusSubresource(c, &v1beta1.VaultStaticSecret{}).WithInterceptorFuncs(interceptor.Funcs{Patch: w.patch}).Build()
	w.reconciler = kind(Options{Events: w, Tally: w.tally}, w.cluster, w.cluster)
	return w
}

// patch refuses what it is told to.
func (w *world) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
	if err := w.refuse[o.GetNamespace()]; err != nil {
		return err
	}
	return c.Patch(ctx, o, p, options...)
}

// Event implements visit.Recorder.
func (w *world) Event(_ runtime.Object, kind, reason, message string) {
	w.events = append(w.events, kind+" "+reason+": "+message)
}

// visit looks at the ClusterVaultSecret once.
func (w *world) visit() time.Duration {
	w.t.Helper()
	result, err := w.reconciler.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Name: "registry"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return result.RequeueAfter
}

// settled plays the operator for the objects of some namespaces.
func (w *world) settled(is metav1.ConditionStatus, namespaces ...string) {
	w.t.Helper()
	for _, namespace := range namespaces {
		var o v1beta1.VaultStaticSecret
		if err := w.cluster.Get(w.t.Context(), types.NamespacedName{Namespace: namespace, Name: "registry"}, &o); err != nil {
			w.t.Fatal(err)
		}
		as(is, "Because", o.Generation)(&o)
		if err := w.cluster.Status().Update(w.t.Context(), &o); err != nil {
			w.t.Fatal(err)
		}
	}
}

// want compares the numbers: writes, failures, since when all was in order last.
func (w *world) want(numbers string, events ...string) {
	w.t.Helper()
	got, all := "", w.tally.Objects()
	for _, o := range all {
		age := "never"
		if !o.Synced.IsZero() {
			age = time.Since(o.Synced).String()
		}
		got = fmt.Sprintf("%d %d %s", o.Syncs, o.Failures, age)
		if o.Kind != "ClusterVaultSecret" || o.Controller != "clustervaultsecret" || o.Namespace != "" || o.Name != "registry" || o.Healthy != (age == "0s") {
			w.t.Errorf("numbers of %+v", o)
		}
	}
	if got != numbers || len(all) > 1 {
		w.t.Errorf("numbers %q of %d objects, want %q", got, len(all), numbers)
	}
	if diff := cmp.Diff(events, w.events); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
	w.events = nil
}

// TestNumbers follows a ClusterVaultSecret from its first look to its end.
func TestNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if again := w.visit(); again != 0 {
			t.Errorf("again after %s", again)
		}
		const first = "Warning DistributionError: 2 of 2 namespaces are not ready: a (Pending), b (Pending)"
		w.want("2 0 never", first) // nobody has looked at the objects yet, which is no failure
		w.settled(metav1.ConditionTrue, "a")
		w.visit()
		w.want("2 0 never")
		w.settled(metav1.ConditionTrue, "b")
		w.visit()
		w.want("2 0 0s", "Normal Distributed: 2 namespaces have their object")

		<-time.After(time.Minute)
		w.settled(metav1.ConditionFalse, "b")
		w.visit()
		w.want("2 1 1m0s", "Warning DistributionError: 1 of 2 namespaces are not ready: b (Because)")
		w.settled(metav1.ConditionTrue, "b")
		w.visit()
		w.want("2 1 0s", "Normal Distributed: 2 namespaces have their object")

		w.repair()
		w.end()
	})
}

// repair has an object that somebody changes, and an API server that refuses.
func (w *world) repair() {
	w.t.Helper()
	var o v1beta1.VaultStaticSecret
	at := types.NamespacedName{Namespace: "a", Name: "registry"}
	if err := w.cluster.Get(w.t.Context(), at, &o); err != nil {
		w.t.Fatal(err)
	}
	o.Spec.Path = "elsewhere"
	if err := w.cluster.Update(w.t.Context(), &o); err != nil {
		w.t.Fatal(err)
	}
	w.refuse["a"] = errors.New("quota")
	<-time.After(time.Minute)
	if again := w.visit(); again <= 0 || again > retry {
		w.t.Errorf("tried again after %s", again)
	}
	w.want("2 2 1m0s", "Warning DistributionError: 1 of 2 namespaces are not ready: a (K8sClientError)")
	delete(w.refuse, "a")
	w.visit()
	w.want("3 2 0s", "Normal Distributed: 2 namespaces have their object")
	w.visit()
	w.want("3 2 0s")
}

// end deletes the ClusterVaultSecret.
func (w *world) end() {
	w.t.Helper()
	c := registry()
	if err := w.cluster.Delete(w.t.Context(), c); err != nil {
		w.t.Fatal(err)
	}
	w.visit()
	w.want("")
	var left v1beta1.VaultStaticSecretList
	if err := w.cluster.List(w.t.Context(), &left); err != nil || len(left.Items) > 0 {
		w.t.Errorf("%v, objects %v", err, left.Items)
	}
	if err := w.cluster.Get(w.t.Context(), client.ObjectKeyFromObject(c), c); client.IgnoreNotFound(err) != nil || err == nil {
		w.t.Errorf("it is still there: %v", err)
	}
	w.visit()
	w.want("")
}

// TestInvalid: what cannot be distributed is one failure at each look.
func TestInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var c v1beta1.ClusterVaultSecret
		if err := w.cluster.Get(t.Context(), types.NamespacedName{Name: "registry"}, &c); err != nil {
			t.Fatal(err)
		}
		c.Spec.Static = nil
		if err := w.cluster.Update(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		const event = "Warning InvalidConfiguration: one of spec.static, spec.dynamic and spec.pki is required"
		w.visit()
		w.want("0 1 never", event)
		w.visit()
		w.want("0 2 never")
	})
}
