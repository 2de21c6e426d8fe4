package destination_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
)

// TestExpect: the API server is asked for a Secret that nobody has heard of only when
// it refuses to make it, and then all is as after a look.
func TestExpect(t *testing.T) {
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "target"}, Data: map[string][]byte{"theirs": []byte("x")}}
	overwrite := v1beta1.Destination{Name: "target", Create: true, Overwrite: true}
	cases := map[string]struct {
		known, there bool
		want         v1beta1.Destination
		reads        int
		err          error
	}{
		"Missing":    {want: overwrite, reads: 0},
		"Known":      {known: true, there: true, want: overwrite, reads: 1},
		"Gone":       {known: true, want: overwrite, reads: 1},
		"Unknown":    {there: true, want: overwrite, reads: 1},
		"Foreign":    {there: true, want: v1beta1.Destination{Name: "target", Create: true}, reads: 1, err: destination.ErrForeign},
		"NotCreated": {there: true, want: v1beta1.Destination{Name: "target"}, reads: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			reads := 0
			counting := interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, name client.ObjectKey, o client.Object, options ...client.GetOption) error {
				if _, whole := o.(*corev1.Secret); whole {
					reads++
					return c.Get(ctx, name, o, options...)
				}
				if tc.known {
					return nil
				}
				return c.Get(ctx, client.ObjectKey{Namespace: "none", Name: "none"}, o, options...)
			}}
			var objects []client.Object
			if tc.there {
				objects = append(objects, theirs.DeepCopy())
			}
			c := cluster(t, counting, objects...)
			w := destination.New(c, c)
			f, err := w.Expect(t.Context(), object(), tc.want)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Apply(t.Context(), f, destination.Data{Values: map[string][]byte{"ours": []byte("y")}})
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if reads != tc.reads {
				t.Errorf("%d reads, want %d", reads, tc.reads)
			}
			var got corev1.Secret
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(theirs), &got); err != nil {
				t.Fatal(err)
			}
			if wrote := string(got.Data["ours"]) == "y"; wrote != (tc.err == nil) {
				t.Errorf("written: %t", wrote)
			}
		})
	}
}
