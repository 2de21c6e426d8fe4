package arch

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// sources is a made-up repository: file name to content.
type sources map[string]string

func (s sources) tree(t *testing.T) *tree {
	t.Helper()
	parsed, err := load(s.files())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func (s sources) files() fs.FS {
	root := fstest.MapFS{}
	for name, text := range s {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

// pkg is a file that imports packages; ours are written as folders.
func pkg(name string, imports ...string) string {
	text := "package " + name + "\n"
	for _, p := range imports {
		text += "import \"" + p + "\"\n"
	}
	return text
}

// own makes an import path of a folder.
func own(dir string) string { return module + "/" + dir }

func diffViolations(t *testing.T, want, got []violation) {
	t.Helper()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}
