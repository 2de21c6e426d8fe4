package webhook

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	apply "github.com/evanphx/json-patch/v5"
	fast "github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	amount "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// fill gives every field a value, and every list and map an element.
func fill(v reflect.Value) {
	if own := special(v.Type()); own != nil {
		v.Set(reflect.ValueOf(own))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(`a "text" with <signs> & ä`)
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(7)
	}
}

// special returns values of the types that make their own JSON.
func special(t reflect.Type) any {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Local()
	for _, own := range []any{
		metav1.NewTime(at), amount.MustParse("100m"), intstr.FromString("http"), *metav1.NewFieldsV1(`{"f:spec":{}}`),
	} {
		if reflect.TypeOf(own) == t {
			return own
		}
	}
	return nil
}

func full(t *testing.T) (*corev1.Pod, []byte) {
	t.Helper()
	pod := &corev1.Pod{}
	fill(reflect.ValueOf(pod).Elem())
	text, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	return pod, text
}

func TestDecodeReadsEveryField(t *testing.T) {
	want, text := full(t)
	if err := fast.Unmarshal(text, &corev1.Pod{}); err != nil {
		t.Errorf("a pod is left to encoding/json, which takes longer: %v", err)
	}
	got, err := decode[corev1.Pod](text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestPatchHasEveryField(t *testing.T) {
	want, text := full(t)
	empty := &corev1.Pod{}
	from, err := json.Marshal(empty)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := injector.Patch(empty, want)
	if err != nil {
		t.Fatal(err)
	}
	operations, err := apply.DecodePatch(patch)
	if err != nil {
		t.Fatal(err)
	}
	got, err := operations.Apply(from)
	if err != nil {
		t.Fatal(err)
	}
	if !apply.Equal(text, got) {
		t.Errorf("got  %s\nwant %s", got, text)
	}
}

// What is odd is read as encoding/json reads it, besides the case of names, which
// counts as it does for the API server.
func TestDecodeOddities(t *testing.T) {
	cases := map[string]struct{ text, want, err string }{
		"unknown field":       {text: `{"tomorrow":1,"metadata":{"name":"a"}}`, want: "a"},
		"twice":               {text: `{"metadata":{"name":"a"},"metadata":{"name":"b"}}`, want: "b"},
		"twice, in two parts": {text: `{"metadata":{"name":"a"},"metadata":{"uid":"b"}}`, want: "a"},
		"another case":        {text: `{"Metadata":{"name":"a"}}`},
		"null":                {text: `{"metadata":{"name":null}}`},
		"no UTF-8":            {text: "{\"metadata\":{\"name\":\"a\xff\"}}", want: "a\ufffd"},
		"half a pair":         {text: `{"metadata":{"name":"\ud800"}}`, want: "\ufffd"},
		"something behind":    {text: `{} x`, err: `invalid character 'x' after top-level value`},
		"wrong type":          {text: `{"metadata":{"name":1}}`, err: `json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string`},
		"no number":           {text: `{"spec":{"priority":1.5}}`, err: `json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32`},
		"no quantity":         {text: `{"spec":{"overhead":{"cpu":"x"}}}`, err: `quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod, err := decode[corev1.Pod]([]byte(tc.text))
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Errorf("got  %v\nwant %s", err, tc.err)
				}
				return
			}
			if err != nil || pod.Name != tc.want {
				t.Errorf("got %q, %v, want %q", pod.Name, err, tc.want)
			}
		})
	}
}

// FuzzDecode checks that no more is taken than encoding/json takes.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"metadata":{"annotations":{"a":"b"},"annotations":null}}`, `{"spec":{"containers":[{"ports":[{}]},null]}}`, `{"spec":{"priority":1e2}}`, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := decode[corev1.Pod](text)
		want := json.Unmarshal(text, &corev1.Pod{})
		if err != nil && (want == nil || want.Error() != err.Error()) {
			t.Errorf("got %v, want %v", err, want)
		}
		if err == nil && !json.Valid(text) {
			t.Error("what is no JSON is taken")
		}
	})
}
