package image_test

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDockerfileHasAllSources compares the folders that the Dockerfile copies with those
// that the program is built from; no container engine is at hand to try.
func TestDockerfileHasAllSources(t *testing.T) {
	const module = "github.com/vaultk8s/vaultk8s/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../cmd/vaultk8s").Output()
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string]bool{}
	for path := range strings.FieldsSeq(string(out)) {
		if path, ours := strings.CutPrefix(path, module); ours {
			folder, _, _ := strings.Cut(path, "/")
			needed[folder] = true
		}
	}
	want := slices.Sorted(maps.Keys(needed))
	var copied, allowed []string
	for _, line := range lines(t, "../../Dockerfile") {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == "COPY" && words[1] == words[2] {
			copied = append(copied, words[1])
		}
	}
	for _, line := range lines(t, "../../.dockerignore") {
		if name, ok := strings.CutPrefix(line, "!"); ok && !strings.HasPrefix(name, "go.") {
			allowed = append(allowed, name)
		}
	}
	slices.Sort(copied)
	slices.Sort(allowed)
	if diff := cmp.Diff(want, copied); diff != "" {
		t.Errorf("Dockerfile: %s", diff)
	}
	if diff := cmp.Diff(want, allowed); diff != "" {
		t.Errorf(".dockerignore: %s", diff)
	}
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}
