package injector

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// FuzzAnnotation gives one annotation any value: no panic, and what is refused
// or ignored names it.
func FuzzAnnotation(f *testing.F) {
	for _, a := range Annotations() {
		for _, value := range []string{"", "true", "x"} {
			f.Add(strings.TrimSuffix(a.Name, "X"), value)
		}
	}
	for _, value := range []string{"-1", "1e9", "10m", "secret/data/a#b", "HUP:nginx", "[]", `[{"op":"remove","path":""}]`, "/a/../b", "\x00"} {
		for _, name := range []string{"agent-limits-cpu", "agent-json-patch", "secret-volume-path", "agent-inject-file-NAME"} {
			f.Add(Prefix+name, value)
		}
		f.Add(OwnPrefix+"agent-env-A", value)
		f.Add(OwnPrefix+"agent-signal-NAME", value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		pod := podWith(map[string]string{Prefix + "agent-inject-secret-NAME": "secret/data/a"})
		if key == StatusKey || key == injectKey || !utf8.ValidString(key+value) {
			return // JSON holds nothing else
		}
		pod.Annotations[key] = value
		o := testOptions()
		o.NativeSidecars = len(value)%2 == 0
		_, report := keepsTheRules(t, pod, o)
		if report.Err != nil && !strings.Contains(report.Err.Error(), "/") {
			t.Errorf("no annotation is named: %v", report.Err)
		}
	})
}

// FuzzInject gives any pod: JSON as the API server sends it.
func FuzzInject(f *testing.F) {
	for _, s := range samples(f) {
		text, err := json.Marshal(s.pod)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var pod corev1.Pod
		if err := json.Unmarshal(text, &pod); err != nil || !utf8.Valid(text) {
			return
		}
		// Quantities of a pod are equal to what is decoded again only after one round.
		again, err := json.Marshal(&pod)
		if err != nil {
			return
		}
		var settled corev1.Pod
		if json.Unmarshal(again, &settled) != nil || !equality.Semantic.DeepEqual(&pod, &settled) {
			return
		}
		keepsTheRules(t, &settled, testOptions())
	})
}
