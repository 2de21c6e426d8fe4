package sync

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// TestStaticFinalizer: an object lets its Secret go as its destination says.
func TestStaticFinalizer(t *testing.T) {
	ours := []string{v1beta1.FinalizerVaultStaticSecret}
	cases := map[string]struct {
		destination v1beta1.Destination
		secret      bool // after the deletion; nobody collects garbage here
	}{
		"Collected": {v1beta1.Destination{Create: true}, true},
		"Retained":  {v1beta1.Destination{Create: true, DeletionPolicy: v1beta1.DeletionRetain}, true},
		"Merged":    {v1beta1.Destination{Create: true, MergePolicy: v1beta1.DestinationMerge}, false},
		"Theirs":    {v1beta1.Destination{}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
				s := staticSecret("db", func(s *vss) { c.destination.Name = "db"; s.Spec.Destination = c.destination })
				w.create(s)
				w.get(s)
				if diff := cmp.Diff(ours, s.Finalizers); diff != "" {
					t.Error(diff)
				}
				if err := w.cluster.Delete(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				w.wake(s)
				if err := w.cluster.Get(t.Context(), client.ObjectKeyFromObject(s), s); !apierrors.IsNotFound(err) {
					t.Errorf("the object is still there: %v", err)
				}
				if there := w.secret("db") != nil; there != c.secret {
					t.Errorf("the Secret is there: %t", there)
				}
			})
		})
	}
}

// TestStaticRemade: an object that takes the place of a deleted one of the same name
// is a new one, also if nobody was told of the end of the first.
func TestStaticRemade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.PutKV("secret", "app/db", map[string]any{"password": "a"})
		first := staticSecret("db")
		w.create(first)
		w.get(first)
		first.Finalizers = nil // as who uninstalls does
		if err := w.cluster.Update(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		w.forgetWrites()
		w.events = nil
		for _, o := range []client.Object{first, w.secret("db")} {
			if err := w.cluster.Delete(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		second := staticSecret("db")
		second.Generation, second.UID = 1, "another"
		if err := w.cluster.Create(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		w.forgetWrites()
		w.wake(second)
		w.wantWrites(map[string]int{"create Secret": 1, "patch VaultStaticSecret": 1, "status VaultStaticSecret": 1})
		w.wantEvents(`db | Normal | SecretSynced | synced Secret "db"`)
		if got := w.secret("db").OwnerReferences[0].UID; got != "another" {
			t.Errorf("the Secret belongs to %q", got)
		}
	})
}
