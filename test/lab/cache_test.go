package lab

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCacheKey(t *testing.T) {
	const toolchain = "go version go1.26.8 linux/amd64"
	base := map[string]string{"go.mod": "module x\n", "go.sum": "", "main.go": "package main\n", "sub/a.go": "package sub\n"}
	cases := map[string]struct {
		change func(files map[string]string, r *recipe, toolchain *string)
		same   bool
	}{
		"Nothing":           {change: func(map[string]string, *recipe, *string) {}, same: true},
		"Another toolchain": {change: func(_ map[string]string, _ *recipe, v *string) { *v += "x" }},
		"Another flag":      {change: func(_ map[string]string, r *recipe, _ *string) { r.flags = append(r.flags, "-tags=x") }},
		"Joined flags":      {change: func(_ map[string]string, r *recipe, _ *string) { r.flags = []string{"-a-b"} }},
		"Another package":   {change: func(_ map[string]string, r *recipe, _ *string) { r.pkg = "./sub" }},
		"go.mod":            {change: func(f map[string]string, _ *recipe, _ *string) { f["go.mod"] += "\n" }},
		"go.sum":            {change: func(f map[string]string, _ *recipe, _ *string) { f["go.sum"] += "\n" }},
		"A source":          {change: func(f map[string]string, _ *recipe, _ *string) { f["sub/a.go"] += "\n" }},
		"A new source":      {change: func(f map[string]string, _ *recipe, _ *string) { f["b.go"] = "" }},
		"A renamed source":  {change: func(f map[string]string, _ *recipe, _ *string) { f["sub/b.go"] = f["sub/a.go"]; delete(f, "sub/a.go") }},
		"A text beside":     {change: func(f map[string]string, _ *recipe, _ *string) { f["README.md"] = "x" }, same: true},
	}
	key := func(t *testing.T, files map[string]string, r recipe, toolchain string) string {
		t.Helper()
		r.dir = t.TempDir()
		writeTree(t, r.dir, files)
		k, err := cacheKey(r, toolchain)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before := recipe{target: "x", pkg: ".", flags: []string{"-a", "-b"}}
	want := key(t, base, before, toolchain)
	if len(want) != 16 {
		t.Errorf("key %q is not 16 characters long", want)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			files, r, v := maps.Clone(base), before, toolchain
			r.flags = slices.Clone(r.flags)
			tc.change(files, &r, &v)
			if got := key(t, files, r, v); (got == want) != tc.same {
				t.Errorf("key %q, was %q; want the same: %v", got, want, tc.same)
			}
		})
	}
}

func TestCacheKeyWithoutModule(t *testing.T) {
	_, err := cacheKey(recipe{target: "vault", dir: "/nonexistent"}, "")
	const want = "compute the cache key of vault: lstat /nonexistent: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestInstall(t *testing.T) {
	root := t.TempDir()
	writeTree(t, root, map[string]string{
		"0ld/vault": "old", "building-1/vault": "new", "building-0/vault": "interrupted",
	})
	s := slot{recipe: recipe{target: TargetVault}, root: root, key: "n3w"}
	if s.filled() {
		t.Fatal("filled before it was installed")
	}
	if err := s.install(filepath.Join(root, "building-1")); err != nil {
		t.Fatal(err)
	}
	if !s.filled() {
		t.Error("not filled after it was installed")
	}
	got, err := os.ReadFile(s.binary())
	if err != nil || string(got) != "new" {
		t.Errorf("binary %q, %v", got, err)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the cache: %v, %v", entries, err)
	}
}

func TestCacheDir(t *testing.T) {
	cases := map[string]struct{ lab, xdg, want string }{
		"Default":  {xdg: "/x/cache", want: "/x/cache/vaultk8s-lab"},
		"Chosen":   {lab: "/y/lab", xdg: "/x/cache", want: "/y/lab"},
		"Unclean":  {lab: "/y/../z/", want: "/z"},
		"No cache": {xdg: "not-absolute", want: ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("VAULTK8S_LAB_DIR", tc.lab)
			t.Setenv("XDG_CACHE_HOME", tc.xdg)
			got, err := CacheDir()
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

// TestMissingBinaries is what a developer sees who has not built the servers.
func TestMissingBinaries(t *testing.T) {
	t.Setenv("VAULTK8S_LAB_DIR", t.TempDir())
	got := map[string]string{}
	_, err := StartVault(t.Context(), VaultOptions{})
	got["vault"] = err.Error()
	_, err = StartKubernetes(t.Context(), KubernetesOptions{})
	got["kubernetes"] = err.Error()
	want := map[string]string{
		"vault":      "vault is not built: run `make lab`",
		"kubernetes": "etcd is not built: run `make lab`",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
