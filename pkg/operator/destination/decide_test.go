package destination

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

const canary = "CANARY-4711"

// orders is the object whose destination the cases have.
func orders() owner {
	return owner{
		ref:  metav1.OwnerReference{APIVersion: "secrets.hashicorp.com/v1beta1", Kind: "VaultStaticSecret", Name: "orders", UID: "uid-1"},
		name: types.NamespacedName{Namespace: "shop", Name: "orders"},
	}
}

// wrote is what a manager has written, as "data:KEY", "labels:KEY", "annotations:KEY".
func wrote(manager string, operation metav1.ManagedFieldsOperationType, keys ...string) metav1.ManagedFieldsEntry {
	groups := map[string][]string{}
	for _, key := range keys {
		group, name, _ := strings.Cut(key, ":")
		groups[group] = append(groups[group], fmt.Sprintf(`"f:%s":{}`, name))
	}
	list := func(group string) string {
		return "{" + strings.Join(append([]string{`".":{}`}, groups[group]...), ",") + "}"
	}
	raw := fmt.Sprintf(`{"f:data":%s,"f:metadata":{"f:labels":%s,"f:annotations":%s}}`, list("data"), list("labels"), list("annotations"))
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(raw)}
}

// edit changes the Secret that is there before a case.
type edit func(*corev1.Secret)

// found is a destination with the Secret that its object has made of the data a=1,
// after some edits.
func found(d v1beta1.Destination, edits ...edit) *Found {
	d.Name = "target"
	f := &Found{want: d, owner: orders()}
	f.live = f.wanted(Data{Values: map[string][]byte{"a": []byte("1")}})
	f.live.Type, f.live.ResourceVersion = typeOf(d), "7"
	for _, e := range edits {
		e(f.live)
	}
	f.fields = parseFields(f.live.ManagedFields)
	return f
}

func managed(entries ...metav1.ManagedFieldsEntry) edit {
	return func(s *corev1.Secret) { s.ManagedFields = entries }
}

func TestDecide(t *testing.T) {
	create := v1beta1.Destination{Create: true}
	merge := v1beta1.Destination{Create: true, MergePolicy: v1beta1.DestinationMerge}
	replace := v1beta1.Destination{MergePolicy: v1beta1.DestinationReplace}
	fill := v1beta1.Destination{}
	const apply, update = metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	put := func(key, value string) edit { return func(s *corev1.Secret) { s.Data[key] = []byte(value) } }
	label := func(key string) edit { return func(s *corev1.Secret) { s.Labels[key] = "1" } }
	note := func(key string) edit { return func(s *corev1.Secret) { s.Annotations[key] = "1" } }
	fixed := func(s *corev1.Secret) { s.Immutable = new(true) }
	other := func(s *corev1.Secret) {
		s.OwnerReferences = append(s.OwnerReferences, metav1.OwnerReference{Kind: "Other", UID: "2"})
	}
	unowned := func(s *corev1.Secret) { s.OwnerReferences = nil }
	cases := map[string]struct {
		found  *Found
		want   map[string]string // data
		step   step
		strip  map[string]any
		err    string
		reason string
	}{
		"Same":          {found: found(create), want: map[string]string{"a": "1"}, step: stepNone},
		"Value":         {found: found(create), want: map[string]string{"a": "2"}, step: stepApply},
		"Key":           {found: found(create), want: map[string]string{"a": "1", "b": ""}, step: stepApply},
		"None":          {found: &Found{want: v1beta1.Destination{Name: "target", Create: true}, owner: orders()}, step: stepCreate},
		"NoneToFill":    {found: &Found{want: v1beta1.Destination{Name: "target"}, owner: orders()}, err: "secret shop/target does not exist, and destination.create is false"},
		"ForeignLabel":  {found: found(create, label("x"), note("x")), want: map[string]string{"a": "1"}, step: stepNone, reason: "it causes no write"},
		"ForeignAtEdge": {found: found(create, label("x")), want: map[string]string{"a": "2"}, step: stepApply, strip: map[string]any{"metadata": map[string]any{"labels": map[string]any{"x": nil}}}, reason: "it goes at the next write"},
		"ForeignKey": {
			found: found(create, put("b", "1"), managed(wrote("kubectl", update, "data:b"))), want: map[string]string{"a": "1"},
			step: stepApply, strip: map[string]any{"data": map[string]any{"b": nil}},
		},
		"OldKey": {
			found: found(create, put("b", "1"), managed(wrote(Manager, apply, "data:a", "data:b"))), want: map[string]string{"a": "1"},
			step: stepApply, reason: "server-side apply removes it",
		},
		"OldKeyCreated": {
			found: found(create, put("b", "1"), managed(wrote(Manager, update, "data:a", "data:b"))), want: map[string]string{"a": "1"},
			step: stepApply, strip: map[string]any{"data": map[string]any{"b": nil}},
		},
		"OldAnnotationOfFormer": {
			found: found(create, note("b"), managed(wrote(formerManager, update, "annotations:b"))), want: map[string]string{"a": "1"},
			step: stepApply, strip: map[string]any{"metadata": map[string]any{"annotations": map[string]any{"b": nil}}},
		},
		"Owner": {
			found: found(create, unowned), want: map[string]string{"a": "1"}, step: stepApply,
		},
		"OwnerOfRetained": {
			found: found(v1beta1.Destination{Create: true, DeletionPolicy: v1beta1.DeletionRetain}, func(s *corev1.Secret) { s.OwnerReferences = []metav1.OwnerReference{orders().ref} }),
			want:  map[string]string{"a": "1"}, step: stepApply,
			strip: map[string]any{"metadata": map[string]any{"ownerReferences": []metav1.OwnerReference{}, "resourceVersion": "7"}},
		},
		"OtherOwner": {
			found: found(create, other), want: map[string]string{"a": "1"}, step: stepApply,
			strip: map[string]any{"metadata": map[string]any{"ownerReferences": []metav1.OwnerReference{orders().ref}, "resourceVersion": "7"}},
		},
		"Type":          {found: found(create, func(s *corev1.Secret) { s.Type = "x" }), want: map[string]string{"a": "1"}, step: stepRecreate},
		"TypeMerged":    {found: found(merge, func(s *corev1.Secret) { s.Type = "x" }), err: `secret shop/target is of type "x" instead of "Opaque", and with mergePolicy merge it is not made anew`},
		"Immutable":     {found: found(create, fixed), want: map[string]string{"a": "2"}, step: stepRecreate},
		"ImmutableSame": {found: found(create, fixed), want: map[string]string{"a": "1"}, step: stepNone},
		"ImmutableFill": {found: found(fill, fixed), want: map[string]string{"a": "2"}, err: "secret shop/target is immutable, and destination.create is false"},
		"Freeze":        {found: found(v1beta1.Destination{Create: true, Immutable: true}, func(s *corev1.Secret) { s.Immutable = nil }), want: map[string]string{"a": "1"}, step: stepApply},
		"FillSame":      {found: found(fill), want: map[string]string{"a": "1"}, step: stepNone},
		"FillForeign":   {found: found(fill, put("b", "1")), want: map[string]string{"a": "1"}, step: stepNone},
		"FillReplace": {
			found: found(replace, put("b", "1")), want: map[string]string{"a": "1"}, step: stepApply, strip: map[string]any{"data": map[string]any{"b": nil}},
		},
		"FillOnceMade": {
			found: found(fill, func(s *corev1.Secret) {
				s.Labels, s.OwnerReferences = found(create).live.Labels, []metav1.OwnerReference{orders().ref}
				s.ManagedFields = []metav1.ManagedFieldsEntry{wrote(Manager, update, "labels:"+v1beta1.LabelManagedBy)}
			}),
			want: map[string]string{"a": "1"}, step: stepApply,
			strip: map[string]any{"metadata": map[string]any{
				"labels": map[string]any{v1beta1.LabelManagedBy: nil}, "ownerReferences": []metav1.OwnerReference{}, "resourceVersion": "7",
			}},
			reason: "the object has made it once, and its end must not delete it",
		},
		"MergeForeign": {found: found(merge, put("b", "1"), label("x"), note("x")), want: map[string]string{"a": "1"}, step: stepNone},
		"MergeOldKey": {
			found: found(merge, put("b", "1"), managed(wrote(formerManager, update, "data:b"))), want: map[string]string{"a": "1"},
			step: stepApply, strip: map[string]any{"data": map[string]any{"b": nil}},
		},
		"MergeSharedKey": {
			found: found(merge, put("b", "1"), managed(wrote(Manager, update, "data:b"), wrote("kubectl", update, "data:b"))), want: map[string]string{"a": "2"},
			step: stepApply, reason: "somebody else has written it as well",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			values := map[string][]byte{}
			for key, value := range tc.want {
				values[key] = []byte(value)
			}
			got, err := tc.found.decide(tc.found.wanted(Data{Values: values}))
			if errText(err) != tc.err {
				t.Fatalf("error %q, want %q", errText(err), tc.err)
			}
			if len(tc.strip) == 0 && len(got.strip) == 0 {
				got.strip = tc.strip
			}
			if diff := cmp.Diff(decision{step: tc.step, strip: tc.strip}, got, cmp.AllowUnexported(decision{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestDecideKeepsImmutable has that a Secret stays immutable as long as its data may.
func TestDecideKeepsImmutable(t *testing.T) {
	f := found(v1beta1.Destination{Create: true, Labels: map[string]string{"x": "1"}}, func(s *corev1.Secret) { s.Immutable = new(true); delete(s.Labels, "x") })
	want := f.wanted(Data{Values: map[string][]byte{"a": []byte("1")}})
	d, err := f.decide(want)
	if err != nil || d.step != stepApply || want.Immutable == nil || !*want.Immutable {
		t.Errorf("step %v with immutable %v, error %v", d.step, want.Immutable, err)
	}
}

func TestFoundData(t *testing.T) {
	all := func(s *corev1.Secret) {
		s.Data = map[string][]byte{"a": []byte("1"), "ours": nil, "foreign": nil}
		s.ManagedFields = []metav1.ManagedFieldsEntry{wrote(Manager, metav1.ManagedFieldsOperationApply, "data:ours")}
	}
	fresh := map[string][]byte{"a": nil, "new": nil}
	cases := map[string]struct {
		found *Found
		want  []string
	}{
		"Replace": {found(v1beta1.Destination{Create: true}, all), []string{"a", "foreign", "ours"}},
		"Merge":   {found(v1beta1.Destination{Create: true, MergePolicy: v1beta1.DestinationMerge}, all), []string{"a", "ours"}},
		"Fill":    {found(v1beta1.Destination{}, all), []string{"a", "ours"}},
		"Empty":   {found(v1beta1.Destination{Create: true}, func(s *corev1.Secret) { s.Data = nil }), nil},
	}
	for name, tc := range cases {
		got := tc.found.Data(fresh)
		if keys := partData.keys(&corev1.Secret{Data: got}); !cmp.Equal(tc.want, keys) || got == nil {
			t.Errorf("%s: %v, want %v", name, keys, tc.want)
		}
	}
	none := &Found{}
	if none.Data(fresh) != nil || none.Exists() || none.Version() != "" {
		t.Error("there is a Secret where none is")
	}
}

func TestCheck(t *testing.T) {
	const tls = "kubernetes.io/tls"
	cases := map[string]struct {
		want v1beta1.Destination
		data Data
		err  string
	}{
		"Fine":  {want: v1beta1.Destination{Create: true}, data: Data{Values: map[string][]byte{"a.b-c_d": nil}}},
		"Full":  {data: Data{Values: map[string][]byte{"a": make([]byte, 1<<20)}}},
		"Large": {data: Data{Values: map[string][]byte{"a": make([]byte, 1<<20), "b": {1}}}, err: "secret shop/target: its data has 1048577 bytes, and a Secret can hold 1048576"},
		"Key":   {data: Data{Values: map[string][]byte{"a/b": []byte(canary)}}, err: `secret shop/target: "a/b" cannot be a key: only letters, digits, '-', '_' and '.' can`},
		"All": {
			want: v1beta1.Destination{Create: true, Type: tls, Labels: map[string]string{"a b": "c d"}, Annotations: map[string]string{"": "1"}},
			data: Data{Values: map[string][]byte{"tls.key": nil}, Labels: map[string]string{"x": "-"}},
			err: `secret shop/target: "a b" cannot be a label; "c d" cannot be the value of label "a b"; "-" cannot be the value of label "x"; ` +
				`"" cannot be an annotation; type kubernetes.io/tls needs the key "tls.crt"`,
		},
		"MergedType": {want: v1beta1.Destination{Create: true, Type: tls, MergePolicy: v1beta1.DestinationMerge}},
		"Token":      {want: v1beta1.Destination{Create: true, Type: "kubernetes.io/service-account-token"}, err: "secret shop/target: type kubernetes.io/service-account-token is for tokens that Kubernetes makes"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := found(tc.want)
			err := f.check(f.wanted(tc.data))
			if errText(err) != tc.err || (err != nil && !errors.Is(err, ErrInvalid)) {
				t.Errorf("error %q, want %q", errText(err), tc.err)
			}
		})
	}
	f := found(v1beta1.Destination{})
	f.want.Name = "Not A Name"
	if err := f.check(f.wanted(Data{})); errText(err) != `secret shop/Not A Name: "Not A Name" cannot be the name of a Secret` {
		t.Error(err)
	}
}

// TestRefused has that no text of the API server about data is passed on.
func TestRefused(t *testing.T) {
	secrets := schema.GroupKind{Kind: "Secret"}
	cases := map[string]struct {
		err     error
		want    string
		invalid bool
	}{
		"Data": {
			err:  apierrors.NewInvalid(secrets, "x", field.ErrorList{field.Invalid(field.NewPath("data").Key("a"), canary, canary), field.Required(field.NewPath("data").Key("b"), canary)}),
			want: "write: data[a]: FieldValueInvalid; data[b]: FieldValueRequired", invalid: true,
		},
		"Metadata": {
			err:  apierrors.NewInvalid(secrets, "x", field.ErrorList{field.Invalid(field.NewPath("metadata", "labels"), "v", "bad")}),
			want: `write: metadata.labels: Invalid value: "v": bad`, invalid: true,
		},
		"NoCause": {err: apierrors.NewRequestEntityTooLargeError(canary), want: "write: the API server does not accept it", invalid: true},
		"Other":   {err: errors.New("connection refused"), want: "write: connection refused"},
	}
	for name, tc := range cases {
		err := refused("write", tc.err)
		if err.Error() != tc.want || errors.Is(err, ErrInvalid) != tc.invalid {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
}

func TestNothingPrints(t *testing.T) {
	f := found(v1beta1.Destination{Create: true}, func(s *corev1.Secret) { s.Data["a"] = []byte(canary) })
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb+verb, f, Data{Values: f.live.Data}); text != "[redacted][redacted]" {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}
