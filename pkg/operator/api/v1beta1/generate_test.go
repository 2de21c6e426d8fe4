package v1beta1_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// TestGenerated makes the deep copies and the definitions anew, as `make generate`
// does, and compares them with those of the repository.
func TestGenerated(t *testing.T) {
	depend(t)
	dir := t.TempDir()
	generate := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../../../../tools/go.mod", "controller-gen",
		"object", "crd", "paths=.", "output:object:dir="+dir, "output:crd:dir="+filepath.Join(dir, "crds"))
	var stderr bytes.Buffer
	generate.Stderr = &stderr
	if err := generate.Run(); err != nil {
		t.Fatalf("run controller-gen: %v\n%s", err, &stderr)
	}
	fresh, stored := folder(t, filepath.Join(dir, "crds")), folder(t, definitionFolder)
	if diff := cmp.Diff(fresh, stored); diff != "" {
		t.Errorf("files of %s (-generated +stored):\n%s", definitionFolder, diff)
	}
	for _, name := range fresh {
		compare(t, filepath.Join(dir, "crds", name), filepath.Join(definitionFolder, name))
	}
	compare(t, filepath.Join(dir, "zz_generated.deepcopy.go"), "zz_generated.deepcopy.go")
}

// depend looks at each source file, so that the go command does not take a result
// from its cache when only comments have changed: they are in no object file.
func depend(t *testing.T) {
	t.Helper()
	for _, name := range append(folder(t, "."), "../../../../tools/go.mod") {
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
}

func folder(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files in %s, %v", len(files), dir, err)
	}
	for i, name := range files {
		files[i] = filepath.Base(name)
	}
	slices.Sort(files)
	return files
}

func compare(t *testing.T, fresh, stored string) {
	t.Helper()
	text, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, text, stored)
}
