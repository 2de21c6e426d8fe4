package injector

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/internal/pages"
)

// TestAnnotationsOfPages: annotations on pages are followed, without a warning.
func TestAnnotationsOfPages(t *testing.T) {
	all, err := pages.Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range all {
		for _, text := range p.Fenced("yaml") {
			if !strings.Contains(text, Prefix) && !strings.Contains(text, OwnPrefix) {
				continue
			}
			seen++
			annotations, err := annotationsOf(text)
			if err != nil {
				t.Errorf("%s: %v\n%s", p.Name, err, text)
				continue
			}
			if _, report := Inject(podWith(annotations), testOptions()); report.Reason != Injected || report.Err != nil || len(report.Warnings) > 0 {
				t.Errorf("%s: %+v\n%s", p.Name, report, text)
			}
		}
	}
	if seen < 3 {
		t.Errorf("%d examples on all pages", seen)
	}
}

// annotationsOf reads those of a pod, or nothing but annotations.
func annotationsOf(text string) (map[string]string, error) {
	pod := struct {
		Metadata struct{ Annotations map[string]string }
	}{}
	if err := yaml.Unmarshal([]byte(text), &pod); err != nil || pod.Metadata.Annotations != nil {
		return pod.Metadata.Annotations, err
	}
	all := map[string]string{}
	return all, yaml.Unmarshal([]byte(text), &all)
}
