package injector

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// sample is one file of testdata/pods: a pod, and options that differ from those
// of testOptions.
type sample struct {
	name string
	pod  *corev1.Pod
	o    Options
}

func testOptions() Options {
	o := DefaultOptions()
	o.Image = "registry.example.com/vaultk8s/vaultk8s:1.0"
	o.VaultAddress = "http://vault.vault.svc:8200"
	o.CheckTemplate = checkActions
	return o
}

// checkActions stands in for the parser of the template language, which this
// package may not know. It knows one mistake.
func checkActions(text, left, right string) error {
	for i, line := range strings.Split(text, "\n") {
		if at := strings.Index(line, left+" with "+right); at >= 0 {
			return fmt.Errorf("line %d, column %d: missing value for with", i+1, at+1)
		}
	}
	return nil
}

// samples reads all of testdata/pods.
func samples(t testing.TB) []sample {
	t.Helper()
	files, err := filepath.Glob("testdata/pods/*.in.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	all := make([]sample, len(files))
	for i, file := range files {
		all[i] = readSample(t, file)
	}
	return all
}

func readSample(t testing.TB, file string) sample {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := sample{name: strings.TrimSuffix(filepath.Base(file), ".in.yaml"), pod: &corev1.Pod{}, o: testOptions()}
	pod, options, _ := bytes.Cut(text, []byte("\n---\n"))
	if err := errors.Join(yaml.UnmarshalStrict(pod, s.pod), yaml.UnmarshalStrict(options, &s.o)); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

// TestGolden shows what becomes of each sample: the report, the documents of the
// agents in clear, and the pod.
func TestGolden(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			out, report := Inject(s.pod, s.o)
			golden.Compare(t, show(t, out, report), "testdata/pods/"+s.name+".out.yaml")
			if bad := strings.HasPrefix(s.name, "bad-"); bad != report.Denied() {
				t.Errorf("the name of the sample says otherwise: %v", report.Err)
			}
		})
	}
}

func show(t testing.TB, pod *corev1.Pod, r Report) []byte {
	t.Helper()
	head := map[string]any{"reason": r.Reason, "warnings": r.Warnings, "injection": r.Injection}
	if r.Err != nil {
		head["error"] = r.Err.Error()
	}
	parts := [][]byte{toYAML(t, head)}
	if r.Reason == Injected {
		shown := pod.DeepCopy()
		parts = append(parts, toYAML(t, inClear(t, shown)), toYAML(t, shown))
	}
	return bytes.Join(parts, []byte("---\n"))
}

// inClear takes the documents out of the pod and decodes them.
func inClear(t testing.TB, pod *corev1.Pod) map[string]any {
	t.Helper()
	documents := map[string]any{}
	eachDocument(t, pod, func(c *corev1.Container, v *corev1.EnvVar, text []byte) {
		var document any
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		documents[c.Name], v.Value = document, "(as above)"
	})
	return documents
}

func eachDocument(t testing.TB, pod *corev1.Pod, f func(c *corev1.Container, v *corev1.EnvVar, text []byte)) {
	t.Helper()
	for _, all := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range all {
			for j := range all[i].Env {
				v := &all[i].Env[j]
				if v.Name != documentVariable {
					continue
				}
				text, err := base64.StdEncoding.DecodeString(v.Value)
				if err != nil {
					t.Fatalf("container %s: %v", all[i].Name, err)
				}
				f(&all[i], v, text)
			}
		}
	}
}

func toYAML(t testing.TB, v any) []byte {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
