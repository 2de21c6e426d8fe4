package destination_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
)

// object is one with a destination.
func object() *v1beta1.VaultStaticSecret {
	return &v1beta1.VaultStaticSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders", UID: "uid-1"}}
}

func cluster(t *testing.T, f interceptor.Funcs, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1beta1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(f).Build()
}

// TestContention has how often and how long a write is tried again.
func TestContention(t *testing.T) {
	busy := apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "target", errors.New("modified"))
	cases := map[string]struct {
		failures int
		tries    int
		err      string
	}{
		"Never": {failures: 0, tries: 1},
		"Once":  {failures: 1, tries: 2},
		"Often": {failures: 4, tries: 5},
		"Always": {
			failures: 99, tries: 5,
			err: `create secret shop/target: Operation cannot be fulfilled on secrets "target": modified`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				c := cluster(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
					if tries++; tries <= tc.failures {
						return busy
					}
					return c.Create(ctx, o, options...)
				}})
				w, start := destination.New(c, c), time.Now()
				f, err := w.Look(t.Context(), object(), v1beta1.Destination{Name: "target", Create: true})
				if err != nil {
					t.Fatal(err)
				}
				_, err = w.Apply(t.Context(), f, destination.Data{Values: map[string][]byte{"a": nil}})
				if text := textOf(err); text != tc.err || tries != tc.tries {
					t.Errorf("%d tries, want %d; error %q, want %q", tries, tc.tries, text, tc.err)
				}
				// 30+60+120+240 ms at most.
				if took := time.Since(start); took > 450*time.Millisecond {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestContentionEnds has that a write gives up with its context, and that a Secret
// that has become somebody else's meanwhile is left alone.
func TestContentionEnds(t *testing.T) {
	taken := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "target"}}
	c := cluster(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
		if err := c.Create(ctx, taken.DeepCopy()); err != nil {
			return err
		}
		return c.Create(ctx, o, options...)
	}})
	w := destination.New(c, c)
	look := func() *destination.Found {
		f, err := w.Look(t.Context(), object(), v1beta1.Destination{Name: "target", Create: true})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	f := look()
	if _, err := w.Apply(ctx, f, destination.Data{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := w.Apply(t.Context(), f, destination.Data{}); !errors.Is(err, destination.ErrForeign) {
		t.Errorf("error %v", err)
	}
}

// TestLookFails has the errors of a look.
func TestLookFails(t *testing.T) {
	down := interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errors.New("connection refused")
	}}
	cases := map[string]struct {
		cluster client.Client
		object  client.Object
		want    v1beta1.Destination
		err     string
	}{
		"Down":      {cluster: cluster(t, down), object: object(), want: v1beta1.Destination{Name: "a"}, err: "read secret shop/a: connection refused"},
		"Immutable": {cluster: cluster(t, down), object: object(), want: v1beta1.Destination{Name: "a", Create: true, Immutable: true, MergePolicy: v1beta1.DestinationMerge}, err: "destination: immutable cannot be combined with mergePolicy merge"},
		"Kind":      {cluster: cluster(t, down), object: &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, err: "tell the kind of /a: Object 'Kind' is missing in 'unstructured object has no kind'"},
	}
	for name, tc := range cases {
		w := destination.New(tc.cluster, tc.cluster)
		if _, err := w.Look(t.Context(), tc.object, tc.want); name != "Kind" && textOf(err) != tc.err || err == nil {
			t.Errorf("%s: error %v, want %s", name, err, tc.err)
		}
	}
}
