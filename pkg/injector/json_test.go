package injector

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// written is the JSON of a pod as patches have it.
func written(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	var w jsonWriter
	w.value(podShape(), reflect.ValueOf(pod).Elem())
	if w.err != nil {
		t.Fatal(w.err)
	}
	return string(w.out)
}

func standard(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(pod); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(out.Bytes()))
}

func TestPodsAreWrittenAsByTheStandardLibrary(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			out, _ := Inject(s.pod, s.o)
			for _, pod := range []*corev1.Pod{s.pod, out} {
				if diff := cmp.Diff(standard(t, pod), written(t, pod)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			}
		})
	}
}

func TestLettersAreWrittenAsByTheStandardLibrary(t *testing.T) {
	for name, text := range map[string]string{
		"quotes": `a"b\`, "lines": "a\nb\r\t", "control": "\x00\x1f\x7f", "angle brackets": "<&>", "beyond ASCII": "äöü €", "no UTF-8": "a\xffb",
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{}
			pod.Annotations = map[string]string{text: text}
			var want, got any
			if err := json.Unmarshal([]byte(standard(t, pod)), &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(written(t, pod)), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAppendPatch(t *testing.T) {
	for name, tc := range map[string]struct {
		after *corev1.Pod
		want  string
	}{
		"equal":  {podWith(nil), `x`},
		"differ": {podWith(map[string]string{"a": "b"}), `x[{"op":"add","path":"/metadata/annotations/a","value":"b"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := AppendPatch([]byte("x"), podWith(nil), tc.after)
			if err != nil || string(got) != tc.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tc.want)
			}
		})
	}
}
