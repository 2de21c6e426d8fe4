package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/pages"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// pageTime bounds the commands of one page.
const pageTime = 3 * time.Minute

// reader is somebody who types what a page says, with the tools of the field and an
// own Vault and cluster.
type reader struct {
	t   *testing.T
	dir string
	env []string
}

func newReader(t *testing.T, v *lab.Vault, k *lab.Kubernetes) *reader {
	t.Helper()
	r := &reader{t: t, dir: t.TempDir()}
	tools := filepath.Join(r.dir, "tools")
	must(t, os.Mkdir(tools, 0o700))
	r.tool(filepath.Join(tools, "vault"), r.built(lab.TargetVaultAgent))
	r.tool(filepath.Join(tools, "kubectl"), r.built(lab.TargetKubectl))
	r.tool(filepath.Join(tools, "vaultk8s"), world.program)
	r.env = append(v.Env(), "HOME="+r.dir, "PATH="+tools+":"+os.Getenv("PATH"), "KUBECONFIG="+k.Kubeconfig())
	return r
}

func (r *reader) built(t lab.Target) string {
	r.t.Helper()
	program, err := lab.Binary(r.t.Context(), t)
	must(r.t, err)
	return program
}

func (r *reader) tool(name, program string) {
	r.t.Helper()
	must(r.t, os.Symlink(program, name))
}

// types runs a block of commands, and returns what it printed.
func (r *reader) types(block string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), pageTime)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", block)
	c.Dir, c.Env = r.dir, r.env
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v\n%s\nprinted:\n%s", err, block, out)
	}
	return string(out)
}

// TestKubernetesAuthPage does what docs/kubernetes-auth.md says, as its reader would.
func TestKubernetesAuthPage(t *testing.T) {
	t.Parallel()
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true})
	k := lab.UseKubernetes(t, lab.KubernetesOptions{})
	r := newReader(t, v, k)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "kubernetes-auth.md"))
	must(t, err)
	all := pages.Page{Text: string(text)}.Fenced("sh")
	if len(all) != 5 {
		t.Fatalf("%d blocks of commands, want 5", len(all))
	}
	var read int
	for _, block := range all {
		out := r.types(block)
		if strings.Contains(block, "kv get") {
			read++
			if !strings.HasSuffix(strings.TrimSpace(out), "first") {
				t.Errorf("the workload does not read its secret:\n%s", out)
			}
		}
	}
	if read != 2 {
		t.Errorf("a secret is read %d times, want 2", read)
	}
}
