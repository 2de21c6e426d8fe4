package chart

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/internal/chart"
)

// TestValuesAreUsed looks for every documented key in the templates.
func TestValuesAreUsed(t *testing.T) {
	var templates strings.Builder
	err := filepath.WalkDir(chartFolder+"/templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		templates.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	for _, word := range regexp.MustCompile(`[.$"](\w+)`).FindAllStringSubmatch(templates.String(), -1) {
		used[word[1]] = true
	}
	v := values(t)
	for _, k := range v.All() {
		if whole(k.Path) {
			continue
		}
		name := k.Path[strings.LastIndex(k.Path, ".")+1:]
		if !used[name] {
			t.Errorf("no template uses %s", k.Path)
		}
	}
}

// whole says of a key that it is used with what stands beside it.
func whole(path string) bool {
	for _, part := range []string{"Probe.", ".mergeStrategy.", "storageEncryption.jwt.", "defaultAuthMethod.", ".appRole", ".aws", ".gcp", ".issuerRef"} {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

func values(t *testing.T) *chart.Values {
	t.Helper()
	var content [2][]byte
	for i, name := range []string{"values.yaml", "files/compat.yaml"} {
		var err error
		if content[i], err = os.ReadFile(filepath.Join(chartFolder, name)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := chart.Read(content[0], content[1])
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestLint is what chart repositories run.
func TestLint(t *testing.T) {
	for name, file := range stories(t, ciFiles) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if out, problems, err := helm(t, "lint", chartFolder, "--strict", "-f", file); err != nil {
				t.Errorf("%v\n%s%s", err, out, problems)
			}
		})
	}
}
