package arch

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// modulesHeader explains the file to its reader.
const modulesHeader = `# The modules that are linked into the vaultk8s binary for Linux, as reviewed.
# After a change of go.mod: go test ./internal/arch -run TestModules -update
`

// TestModules compares what the binary links with the reviewed list, so that no
// library grows into it unseen.
func TestModules(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", "./cmd/vaultk8s")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list the modules of the binary: %v\n%s", err, &stderr)
	}
	golden.Compare(t, modules(string(out)), "../../docs/dependencies.txt")
}

// modules makes the file from one line for each package: "MODULE VERSION", or
// nothing for the standard library. Our own module has no version.
func modules(packages string) []byte {
	lines := slices.DeleteFunc(strings.Split(packages, "\n"), func(line string) bool {
		return strings.TrimSpace(line) == "" || strings.TrimSpace(line) == module
	})
	slices.Sort(lines)
	return []byte(modulesHeader + strings.Join(slices.Compact(lines), "\n") + "\n")
}

func TestModulesList(t *testing.T) {
	in := "\n\nexample.com/b v1.0.0\n" + module + " \n\nexample.com/a v0.1.0\nexample.com/b v1.0.0\n" + module + " \n"
	want := modulesHeader + "example.com/a v0.1.0\nexample.com/b v1.0.0\n"
	if diff := cmp.Diff(want, string(modules(in))); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}
