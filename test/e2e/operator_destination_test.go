package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
)

// TestDestinationIsMade has every field of a Secret that is made, and of its changes.
func TestDestinationIsMade(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := v1beta1.Destination{
		Name: "made", Create: true,
		Labels: map[string]string{"team": "shop", "app.kubernetes.io/name": "loses"}, Annotations: map[string]string{"note": "1"},
	}
	s.puts(t, d, map[string]string{"a": "1", "b": "2"}, "POST")
	want := secretText{
		Type: "Opaque", Data: map[string]string{"a": "1", "b": "2"},
		Labels: s.labels(map[string]string{"team": "shop"}), Annotations: map[string]string{"note": "1"}, Owners: s.owners(),
	}
	if diff := cmp.Diff(want, textOf(s.read(t, "made"))); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	s.puts(t, d, map[string]string{"a": "1", "b": "2"})
	s.puts(t, d, map[string]string{"a": "1", "b": "3"}, "PATCH apply")
	s.puts(t, d, map[string]string{"b": "3"}, "PATCH apply", "PATCH merge")
	s.puts(t, d, map[string]string{"b": "3", "c": "", "d": "4"}, "PATCH apply")
	s.puts(t, d, map[string]string{"b": "4"}, "PATCH apply")

	d.Labels, d.Annotations = map[string]string{"tier": "web"}, nil
	s.puts(t, d, map[string]string{"b": "4"}, "PATCH apply", "PATCH merge")
	want.Data, want.Labels, want.Annotations = map[string]string{"b": "4"}, s.labels(map[string]string{"tier": "web"}), nil
	if diff := cmp.Diff(want, textOf(s.read(t, "made"))); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	s.puts(t, d, map[string]string{"b": "4"})
}

// TestDestinationOfOthers has what others do to a Secret that is the object's alone.
func TestDestinationOfOthers(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := v1beta1.Destination{Name: "alone", Create: true, Annotations: map[string]string{"note": "1"}}
	values := map[string]string{"a": "1"}
	s.puts(t, d, values, "POST")
	made := textOf(s.read(t, "alone"))

	s.change(t, "kubectl", "alone", func(secret *corev1.Secret) {
		secret.Labels["foreign"], secret.Annotations["foreign"] = "1", "1"
	})
	s.puts(t, d, values) // no war about what harms nobody
	s.change(t, "kubectl", "alone", func(secret *corev1.Secret) { secret.Data["foreign"] = []byte("1") })
	s.puts(t, d, values, "PATCH apply", "PATCH merge")
	if diff := cmp.Diff(made, textOf(s.read(t, "alone"))); diff != "" {
		t.Errorf("after additions (-want +got):\n%s", diff)
	}
	s.change(t, "kubectl", "alone", func(secret *corev1.Secret) {
		secret.Data["a"], secret.Annotations["note"] = []byte("2"), "2"
		delete(secret.Labels, "app.kubernetes.io/component")
		secret.Labels["app.kubernetes.io/component"] = "secret-sync"
	})
	s.puts(t, d, values, "PATCH apply")
	if diff := cmp.Diff(made, textOf(s.read(t, "alone"))); diff != "" {
		t.Errorf("after changes (-want +got):\n%s", diff)
	}
	must(t, s.client.Delete(t.Context(), s.read(t, "alone")))
	s.puts(t, d, values, "POST")
}

// TestDestinationIsAdopted takes over from the operator before without a write, and
// removes what that one has written as if it were ours.
func TestDestinationIsAdopted(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	values := map[string]string{"a": "1", "b": "2"}
	own := v1beta1.Destination{Name: "own", Create: true, Labels: map[string]string{"team": "shop"}, Annotations: map[string]string{"note": "1"}}
	s.former(t, "own", values)
	s.puts(t, own, values)
	s.puts(t, own, map[string]string{"a": "2"}, "PATCH apply", "PATCH merge")
	want := secretText{
		Type: "Opaque", Data: map[string]string{"a": "2"}, Labels: s.labels(own.Labels), Annotations: own.Annotations, Owners: s.owners(),
	}
	if diff := cmp.Diff(want, textOf(s.read(t, "own"))); diff != "" {
		t.Errorf("created by the operator (-want +got):\n%s", diff)
	}

	filled := v1beta1.Destination{Name: "filled"}
	s.make(t, "kubectl", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "filled", Labels: map[string]string{"mine": "1"}}})
	s.change(t, formerOperator, "filled", func(secret *corev1.Secret) { secret.Data = byteValues(values) })
	s.puts(t, filled, values)
	s.change(t, "kubectl", "filled", func(secret *corev1.Secret) { secret.Data["c"] = []byte("mine") })
	s.puts(t, filled, values)
	s.puts(t, filled, map[string]string{"a": "2"}, "PATCH apply", "PATCH merge")
	want = secretText{Type: "Opaque", Data: map[string]string{"a": "2", "c": "mine"}, Labels: map[string]string{"mine": "1"}}
	if diff := cmp.Diff(want, textOf(s.read(t, "filled"))); diff != "" {
		t.Errorf("filled by the operator (-want +got):\n%s", diff)
	}
}

// TestDestinationIsForeign has whose Secrets are left alone.
func TestDestinationIsForeign(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	other := s.object(t, "other")
	refs := []metav1.OwnerReference{{APIVersion: "secrets.hashicorp.com/v1beta1", Kind: "VaultStaticSecret", Name: "other", UID: other.UID}}
	theirs := s.labels(map[string]string{"secrets.hashicorp.com/vso-ownerRefUID": string(other.UID)})
	who := s.namespace + "/%s exists, and VaultStaticSecret " + s.namespace + "/orders is not its owner: "
	s.make(t, "kubectl", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "plain", Labels: map[string]string{"mine": "1"}}, Data: byteValues(map[string]string{"old": "1"})})
	s.make(t, "kubectl", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "theirs", Labels: theirs, OwnerReferences: refs}})
	s.make(t, "kubectl", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "left", Labels: theirs}})
	cases := map[string]struct {
		overwrite bool
		err       string // "": it is taken over
	}{
		"plain":  {err: fmt.Sprintf("secret "+who, "plain") + "set destination.overwrite to take it over"},
		"theirs": {overwrite: true, err: fmt.Sprintf("secret "+who, "theirs") + "VaultStaticSecret other (UID " + string(other.UID) + ") is"},
		"left": {overwrite: true, err: fmt.Sprintf("secret "+who, "left") +
			"its label secrets.hashicorp.com/vso-ownerRefUID is that of another object; remove the label if that object is gone, and set destination.overwrite"},
	}
	for name, tc := range cases {
		before := s.read(t, name)
		_, requests, err := s.put(t.Context(), v1beta1.Destination{Name: name, Create: true, Overwrite: tc.overwrite}, map[string]string{"a": "1"})
		if !errors.Is(err, destination.ErrForeign) || err.Error() != tc.err || len(requests) > 0 {
			t.Errorf("%s: error %v, want %s; requests %v", name, err, tc.err, requests)
		}
		if after := s.read(t, name); after.ResourceVersion != before.ResourceVersion {
			t.Errorf("%s was written", name)
		}
	}
	s.puts(t, v1beta1.Destination{Name: "plain", Create: true, Overwrite: true}, map[string]string{"a": "1"}, "PATCH apply", "PATCH merge")
	want := secretText{Type: "Opaque", Data: map[string]string{"a": "1"}, Labels: s.labels(nil), Owners: s.owners()}
	if diff := cmp.Diff(want, textOf(s.read(t, "plain"))); diff != "" {
		t.Errorf("taken over (-want +got):\n%s", diff)
	}
}

// TestDestinationIsFilled has Secrets that the operator does not make.
func TestDestinationIsFilled(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := v1beta1.Destination{Name: "filled", Labels: map[string]string{"ignored": "1"}, Type: "ignored"}
	_, _, err := s.put(t.Context(), d, nil)
	if want := "secret " + s.namespace + "/filled does not exist, and destination.create is false"; !errors.Is(err, destination.ErrMissing) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	s.make(t, "kubectl", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "filled", Labels: map[string]string{"mine": "1"}}, Data: byteValues(map[string]string{"mine": "1", "a": "0"})})
	s.puts(t, d, map[string]string{"a": "1", "b": "2"}, "PATCH apply")
	s.puts(t, d, map[string]string{"a": "1"}, "PATCH apply")
	want := secretText{Type: "Opaque", Data: map[string]string{"a": "1", "mine": "1"}, Labels: map[string]string{"mine": "1"}}
	if diff := cmp.Diff(want, textOf(s.read(t, "filled"))); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	d.MergePolicy = v1beta1.DestinationReplace
	s.puts(t, d, map[string]string{"a": "1"}, "PATCH apply", "PATCH merge")
	want.Data = map[string]string{"a": "1"}
	if diff := cmp.Diff(want, textOf(s.read(t, "filled"))); diff != "" {
		t.Errorf("replaced (-want +got):\n%s", diff)
	}
	s.puts(t, d, nil, "PATCH apply") // as certificates are cleared
	want.Data = map[string]string{}
	if diff := cmp.Diff(want, textOf(s.read(t, "filled"))); diff != "" {
		t.Errorf("cleared (-want +got):\n%s", diff)
	}
	must(t, s.writer.Release(t.Context(), s.owner, d))
	if s.gone(t, "filled") || len(s.writes.take()) > 0 {
		t.Error("a Secret that the object has not made was touched at its end")
	}
}

// TestDestinationIsMerged has Secrets that others write to as well.
func TestDestinationIsMerged(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := v1beta1.Destination{Name: "merged", Create: true, MergePolicy: v1beta1.DestinationMerge, Labels: map[string]string{"team": "shop"}}
	s.puts(t, d, map[string]string{"a": "1", "b": "2"}, "POST")
	s.change(t, "kubectl", "merged", func(secret *corev1.Secret) {
		secret.Data["mine"], secret.Labels["mine"] = []byte("1"), "1"
	})
	s.puts(t, d, map[string]string{"a": "1", "b": "2"})
	s.puts(t, d, map[string]string{"a": "2"}, "PATCH apply", "PATCH merge")
	want := secretText{Type: "Opaque", Data: map[string]string{"a": "2", "mine": "1"}, Labels: s.labels(map[string]string{"team": "shop", "mine": "1"})}
	if diff := cmp.Diff(want, textOf(s.read(t, "merged"))); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	must(t, s.writer.Release(t.Context(), s.owner, d))
	want = secretText{Type: "Opaque", Data: map[string]string{"mine": "1"}, Labels: map[string]string{"mine": "1"}}
	if diff := cmp.Diff(want, textOf(s.read(t, "merged"))); diff != "" {
		t.Errorf("left at the end of the object (-want +got):\n%s", diff)
	}

	d.Name = "only-ours"
	s.puts(t, d, map[string]string{"a": "1"}, "POST")
	must(t, s.writer.Release(t.Context(), s.owner, d))
	if !s.gone(t, "only-ours") {
		t.Error("a Secret that nobody else has written to was left")
	}

	d.Name, d.Type = "merged", "example.com/other"
	_, _, err := s.put(t.Context(), v1beta1.Destination{Name: "merged", Create: true, Overwrite: true, MergePolicy: v1beta1.DestinationMerge, Type: "example.com/other"}, nil)
	if want := "secret " + s.namespace + "/merged is of type \"Opaque\" instead of \"example.com/other\", and with mergePolicy merge it is not made anew"; !errors.Is(err, destination.ErrInvalid) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestDestinationIsMadeAnew has what cannot be changed in place.
func TestDestinationIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := v1beta1.Destination{Name: "anew", Create: true}
	s.puts(t, d, map[string]string{"a": "1"}, "POST")
	d.Type = "example.com/other"
	s.puts(t, d, map[string]string{"a": "1"}, "DELETE", "POST")
	s.puts(t, d, map[string]string{"a": "1"})

	d.Immutable = true
	s.puts(t, d, map[string]string{"a": "1"}, "PATCH apply")
	d.Labels = map[string]string{"team": "shop"}
	s.puts(t, d, map[string]string{"a": "1"}, "PATCH apply")
	s.puts(t, d, map[string]string{"a": "2"}, "DELETE", "POST")
	want := secretText{Type: "example.com/other", Data: map[string]string{"a": "2"}, Labels: s.labels(d.Labels), Owners: s.owners(), Immutable: true}
	if diff := cmp.Diff(want, textOf(s.read(t, "anew"))); diff != "" {
		t.Errorf("immutable (-want +got):\n%s", diff)
	}
	d.Immutable, d.Annotations = false, map[string]string{"note": "1"}
	s.puts(t, d, map[string]string{"a": "2"}, "PATCH apply") // an immutable Secret stays so until its data changes
	s.puts(t, d, map[string]string{"a": "3"}, "DELETE", "POST")

	d.Type = "kubernetes.io/dockerconfigjson"
	_, requests, err := s.put(t.Context(), d, map[string]string{".dockerconfigjson": "CANARY-4711"})
	if text := "create secret " + s.namespace + "/anew: data[.dockerconfigjson]: FieldValueInvalid"; !errors.Is(err, destination.ErrInvalid) || err.Error() != text {
		t.Errorf("error %v, want %s", err, text)
	}
	if diff := cmp.Diff([]string{"DELETE", "POST", "POST"}, requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	want.Data, want.Annotations, want.Immutable = map[string]string{"a": "3"}, d.Annotations, false
	if diff := cmp.Diff(want, textOf(s.read(t, "anew"))); diff != "" {
		t.Errorf("the Secret whose successor was refused (-want +got):\n%s", diff)
	}

	s.make(t, "kubectl", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "fixed"}, Immutable: new(true)})
	_, _, err = s.put(t.Context(), v1beta1.Destination{Name: "fixed"}, map[string]string{"a": "1"})
	if text := "secret " + s.namespace + "/fixed is immutable, and destination.create is false"; !errors.Is(err, destination.ErrInvalid) || err.Error() != text {
		t.Errorf("error %v, want %s", err, text)
	}
}

// TestDestinationIsLeft has what becomes of Secrets that are not an object's
// destination any more.
func TestDestinationIsLeft(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	values := map[string]string{"a": "1"}
	s.puts(t, v1beta1.Destination{Name: "first", Create: true}, values, "POST")
	s.make(t, "kubectl", &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "copy", Labels: map[string]string{"secrets.hashicorp.com/vso-ownerRefUID": string(s.owner.UID)}}})
	second := v1beta1.Destination{Name: "second", Create: true}
	s.puts(t, second, values, "POST")
	must(t, s.writer.Prune(t.Context(), s.owner, second))
	if !s.gone(t, "first") || s.gone(t, "second") || s.gone(t, "copy") {
		t.Error("not the old Secret alone was deleted")
	}

	kept := v1beta1.Destination{Name: "kept", Create: true, DeletionPolicy: v1beta1.DeletionRetain, Labels: map[string]string{"team": "shop"}}
	s.puts(t, kept, values, "POST")
	kept.DeletionPolicy = v1beta1.DeletionDelete
	s.puts(t, kept, values, "PATCH apply")
	if diff := cmp.Diff(s.owners(), s.read(t, "kept").OwnerReferences); diff != "" {
		t.Errorf("owners without retain (-want +got):\n%s", diff)
	}
	kept.DeletionPolicy = v1beta1.DeletionRetain
	s.puts(t, kept, values, "PATCH apply", "PATCH merge")
	must(t, s.writer.Release(t.Context(), s.owner, kept))
	want := secretText{Type: "Opaque", Data: values, Labels: map[string]string{"team": "shop"}}
	if diff := cmp.Diff(want, textOf(s.read(t, "kept"))); diff != "" {
		t.Errorf("retained (-want +got):\n%s", diff)
	}

	must(t, s.writer.Release(t.Context(), s.owner, second))
	must(t, s.client.Delete(t.Context(), s.owner))
	await(t, func() error {
		if !s.gone(t, "second") {
			return errors.New("the garbage collector has not deleted the Secret")
		}
		return nil
	})
	if s.gone(t, "kept") {
		t.Error("the Secret was not retained")
	}
}

// TestDestinationIsContended writes while others write the same Secret all the time.
func TestDestinationIsContended(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	d := v1beta1.Destination{Name: "contended", Create: true}
	s.puts(t, d, map[string]string{"a": "0"}, "POST")
	quiet := clusterClient(t, clusterConfig(t, world.kubernetes))
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for n := range 2 {
		others.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				patch := fmt.Sprintf(`{"metadata":{"annotations":{"storm-%d":"%d"}}}`, n, i)
				secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "contended"}}
				_ = quiet.Patch(ctx, secret, client.RawPatch("application/merge-patch+json", []byte(patch)))
			}
		})
	}
	for i := range 20 {
		_, requests, err := s.put(ctx, d, map[string]string{"a": fmt.Sprint(i + 1)})
		if len(requests) > 10 {
			t.Errorf("%d requests for one write", len(requests))
		}
		if err != nil {
			t.Error(err)
		}
	}
	stop()
	others.Wait()
	if _, _, err := s.put(t.Context(), d, map[string]string{"a": "end"}); err != nil {
		t.Error(err)
	}
	if got := string(s.read(t, "contended").Data["a"]); got != "end" {
		t.Errorf("the Secret holds %q", got)
	}
}

// TestDestinationDrift watches the metadata of Secrets, and wakes their objects only
// for what others do.
func TestDestinationDrift(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	woken := s.watch(t)
	own := v1beta1.Destination{Name: "own", Create: true}
	other := v1beta1.Destination{Name: "touched", Create: true}
	kept := v1beta1.Destination{Name: "kept", Create: true, DeletionPolicy: v1beta1.DeletionRetain}
	s.puts(t, own, map[string]string{"a": "1", "b": "1"}, "POST")
	s.puts(t, own, map[string]string{"a": "2"}, "PATCH apply", "PATCH merge")
	own.Type = "example.com/other"
	s.puts(t, own, map[string]string{"a": "2"}, "DELETE", "POST")
	s.puts(t, own, map[string]string{"a": "3"}, "PATCH apply")

	barrier := s.object(t, "barrier")
	cases := map[string]func(name string){
		"Data": func(name string) {
			s.change(t, "kubectl", name, func(secret *corev1.Secret) { secret.Data["a"] = nil })
		},
		"Metadata": func(name string) {
			s.change(t, "kubectl", name, func(secret *corev1.Secret) { secret.Labels["x"] = "1" })
		},
		"Unlabeled": func(name string) {
			s.change(t, "kubectl", name, func(secret *corev1.Secret) { delete(secret.Labels, v1beta1.LabelManagedBy) })
		},
		"Deleted": func(name string) { must(t, s.client.Delete(t.Context(), s.read(t, name))) },
	}
	s.owner = barrier
	for name, act := range cases {
		for _, d := range []v1beta1.Destination{other, kept} {
			d.Name += strings.ToLower(name)
			s.puts(t, d, map[string]string{"a": "1"}, "POST")
			act(d.Name)
			got, _ := woken.Get()
			woken.Done(got)
			// Own writes to the first Secret came before, and would have woken its object.
			if want := client.ObjectKeyFromObject(barrier); got.NamespacedName != want {
				t.Errorf("%s: %s was woken instead of %s", name, got, want)
			}
			if _, err := s.writer.Look(t.Context(), s.owner, d); err != nil && name != "Unlabeled" {
				t.Error(err)
			}
		}
	}
}
