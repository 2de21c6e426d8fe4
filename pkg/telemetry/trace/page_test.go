package trace

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPage compares the variables that docs/traces.md lists with those that are
// looked up.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/traces.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `OTEL_.*?\\|").FindAllString(string(page), -1) {
		listed = append(listed, regexp.MustCompile(`OTEL_\w+`).FindAllString(row, -1)...)
	}
	read := map[string]bool{}
	lookup := func(list ...string) {
		given := variables(list...)
		_, end, err := Start(Options{Lookup: func(name string) (string, bool) {
			read[regexp.MustCompile("OTLP_TRACES_").ReplaceAllString(name, "OTLP_")] = true
			return given(name)
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := end(t.Context()); err != nil {
			t.Error(err)
		}
	}
	lookup("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318")
	lookup("OTEL_EXPORTER_OTLP_ENDPOINT=127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
	var got []string
	for name := range read {
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(listed)
	if diff := cmp.Diff(listed, got); diff != "" {
		t.Errorf("variables (-on the page +looked up):\n%s", diff)
	}
}
