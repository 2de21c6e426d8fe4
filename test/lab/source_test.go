package lab

import (
	"path/filepath"
	"testing"
)

func TestSourceDirAbove(t *testing.T) {
	root := t.TempDir()
	writeTree(t, root, map[string]string{
		"go.mod":                    "module " + projectModule + "\n\ngo 1.26\n",
		"pkg/deep/down/x.go":        "package down\n",
		"test/lab/mod/vault/go.mod": "module vaultk8s.test/lab/vault\n",
		"test/lab/mod/vault/x.go":   "package main\n",
	})
	want := filepath.Join(root, "test", "lab", "mod")
	for name, dir := range map[string]string{
		"The root itself":        ".",
		"A package":              "pkg/deep/down",
		"Inside a nested module": "test/lab/mod/vault",
		"A folder that is gone":  "pkg/gone",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sourceDirAbove(filepath.Join(root, dir))
			if err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestSourceDirOutside(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"go.mod": "module example.test/other\n"})
	_, err := sourceDirAbove(dir)
	want := `"` + dir + `" is not inside a checkout of github.com/vaultk8s/vaultk8s`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSourceDir(t *testing.T) {
	got, err := sourceDir()
	if err != nil {
		t.Fatal(err)
	}
	want, err := filepath.Abs("mod")
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
