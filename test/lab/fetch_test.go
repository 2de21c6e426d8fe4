package lab

import (
	"archive/zip"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSlotFetch downloads the module of a program from a folder that serves modules,
// and compiles nothing.
func TestSlotFetch(t *testing.T) {
	s := tinySlot(t, "package main\n\nimport _ \"example.com/far\"\n\nfunc main() {}\n")
	writeTree(t, s.dir, map[string]string{"go.mod": "module tiny\n\ngo 1.26\n\nrequire example.com/far v1.0.0\n"})
	served, cache := t.TempDir(), t.TempDir()
	serveModule(t, served)
	s.env = []string{"GOPROXY=file://" + served, "GONOSUMDB=*", "GOFLAGS=-mod=mod -modcacherw", "GOMODCACHE=" + cache, "GOCACHE=" + t.TempDir()}
	if err := s.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cache, "example.com", "far@v1.0.0", "far.go")); err != nil {
		t.Error(err)
	}
	expectEmpty(t, s.root)
}

// serveModule writes what the module proxy protocol says of one module.
func serveModule(t *testing.T, dir string) {
	t.Helper()
	const gomod = "module example.com/far\n\ngo 1.26\n"
	home := filepath.Join("example.com", "far", "@v")
	writeTree(t, dir, map[string]string{
		filepath.Join(home, "list"): "v1.0.0\n", filepath.Join(home, "v1.0.0.mod"): gomod,
		filepath.Join(home, "v1.0.0.info"): `{"Version":"v1.0.0"}`,
	})
	f, err := os.Create(filepath.Join(dir, home, "v1.0.0.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for name, text := range map[string]string{"go.mod": gomod, "far.go": "package far\n"} {
		w, err := z.Create("example.com/far@v1.0.0/" + name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// family are the programs that use the libraries of Kubernetes and are free to choose
// their versions. As they choose alike, the packages are compiled once for all of them.
var family = []string{"cert-manager", "containerd", "coredns", "helm", "secrets-store"}

func TestFamilyAgrees(t *testing.T) {
	required := regexp.MustCompile(`(?m)^(?:require)?\s+([^\s/]+\.[^\s]+) (v\S+)`)
	versions := map[string]map[string][]string{} // by module, by version: who requires it
	for _, one := range family {
		text, err := fs.ReadFile(os.DirFS("mod"), one+"/go.mod")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range required.FindAllStringSubmatch(string(text), -1) {
			module, version := m[1], m[2]
			if versions[module] == nil {
				versions[module] = map[string][]string{}
			}
			versions[module][version] = append(versions[module][version], one)
		}
	}
	if len(versions) < 100 || len(versions["k8s.io/client-go"]) == 0 {
		t.Fatalf("only %d modules were found", len(versions))
	}
	for _, module := range slices.Sorted(maps.Keys(versions)) {
		if len(versions[module]) > 1 {
			t.Errorf("%s has several versions: %v", module, versions[module])
		}
	}
	if t.Failed() {
		t.Log("to mend it, in the folder mod: go work init " + strings.Join(family, " ") + " && go work sync; then remove the go.work")
	}
}
