package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const (
	// startTimeout bounds all that comes before the first story. From warm caches it
	// takes half a minute on two idle processors.
	startTimeout = 15 * time.Minute
	// release is the name of the chart's release, and of its namespace.
	release = "vaultk8s"
	chart   = "../../charts/vaultk8s"
)

// estate is what the stories share.
type estate struct {
	dir       string
	cluster   *lab.Cluster
	vault     *lab.Vault // at port 8200 of the node
	fragile   *lab.Vault // at port 8201; stories about outages end it
	postgres  *lab.Postgres
	installed time.Duration // what helm install took, until all pods were ready
}

// world is set before the first story.
var world estate

func tell(m *testing.M) int {
	// More than there are processors, because stories mostly wait.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	code := 1
	err := world.start(ctx)
	if err == nil {
		code = m.Run()
	}
	err = errors.Join(err, world.stop())
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func (e *estate) start(ctx context.Context) (err error) {
	if e.dir, err = os.MkdirTemp("", "vaultk8s-stories-"); err != nil {
		return err
	}
	if err := e.launch(ctx); err != nil {
		return err
	}
	tasks, both := errgroup.WithContext(ctx)
	tasks.Go(func() error { return e.furnish(both, e.vault) })
	tasks.Go(func() error { return e.furnish(both, e.fragile) })
	tasks.Go(func() error { return e.vault.ConnectPostgres(both, "database", e.postgres) })
	tasks.Go(func() error { return e.vault.PKIRoot(both, "pki_int", 24*time.Hour) })
	tasks.Go(func() error { return e.vault.MountKV(both, "kv", "1") })
	tasks.Go(func() error { return e.cluster.InstallSecretsStore(both) })
	tasks.Go(func() error { return e.loadImages(both) })
	if err := tasks.Wait(); err != nil {
		return err
	}
	begin := time.Now()
	err = e.helm(ctx, "install", release, chart, "--create-namespace", "-f", "values.yaml", "--wait", "--timeout=5m")
	e.installed = time.Since(begin)
	return err
}

// launch does at the same time what takes long.
func (e *estate) launch(ctx context.Context) error {
	tasks, all := errgroup.WithContext(ctx)
	tasks.Go(func() error { return e.build(all, "vaultk8s", "../../cmd/vaultk8s") })
	tasks.Go(func() error { return e.build(all, "app", "./app") })
	tasks.Go(func() (err error) {
		e.vault, err = lab.StartVault(all, lab.VaultOptions{InMemory: true})
		return err
	})
	tasks.Go(func() (err error) {
		e.fragile, err = lab.StartVault(all, lab.VaultOptions{})
		return err
	})
	tasks.Go(func() (err error) {
		e.cluster, err = lab.StartCluster(all)
		return err
	})
	tasks.Go(func() (err error) {
		e.postgres, err = lab.StartPostgres(all)
		return err
	})
	if err := tasks.Wait(); err != nil {
		return err
	}
	return errors.Join(
		e.cluster.Expose(ctx, 8200, hostPort(e.vault)),
		e.cluster.Expose(ctx, 8201, hostPort(e.fragile)),
	)
}

func hostPort(v *lab.Vault) string { return strings.TrimPrefix(v.Address(), "http://") }

func (e *estate) build(ctx context.Context, name, source string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=1.2.3-e2e", "-o", e.file(name), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return nil
}

func (e *estate) file(name string) string { return filepath.Join(e.dir, name) }

// loadImages puts our image into the node, and those of applications: one with a shell,
// and one with nothing but the program.
func (e *estate) loadImages(ctx context.Context) error {
	shell, err := lab.Busybox(ctx, "lab.local/app:dev")
	if err != nil {
		return err
	}
	shell.Files["/bin/app"] = e.file("app")
	shell.Links["/bin/nginx"] = "app" // under the name that a user's document signals
	images := []lab.Image{shell, {
		Name: "lab.local/webapp:1", Entrypoint: []string{"/app"}, User: "webapp", Files: map[string]string{"/app": e.file("app")},
	}, lab.OurImage("vaultk8s/vaultk8s:e2e", e.file("vaultk8s"))}
	for _, i := range images {
		if err := e.cluster.LoadImage(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// furnish makes a Vault know the cluster and the application's service account.
func (e *estate) furnish(ctx context.Context, v *lab.Vault) error {
	const rules = `path "secret/data/*" { capabilities = ["read"] }
path "kv/*" { capabilities = ["read"] }
path "database/creds/*" { capabilities = ["read"] }
path "pki_int/issue/*" { capabilities = ["create", "update"] }`
	return errors.Join(
		v.ConnectKubernetes(ctx, "kubernetes", e.cluster.Kubernetes),
		v.Policy(ctx, "orders", rules),
		v.WriteKubernetesRole(ctx, "kubernetes", "orders", lab.KubernetesRole{
			Namespaces: []string{"*"}, ServiceAccounts: []string{"orders-sa"}, Policies: []string{"orders"}, TTL: time.Hour,
		}),
	)
}

// helm runs it in the release's namespace.
func (e *estate) helm(ctx context.Context, args ...string) error {
	_, err := e.cluster.Command(ctx, lab.TargetHelm, append(args, "--namespace", release)...)
	return err
}

// stop ends what was started, also after a start that failed halfway.
func (e *estate) stop() error {
	var problems []error
	if e.cluster != nil {
		problems = append(problems, e.cluster.Stop())
	}
	for _, v := range []*lab.Vault{e.vault, e.fragile} {
		if v != nil {
			problems = append(problems, v.Stop())
		}
	}
	if e.postgres != nil {
		problems = append(problems, e.postgres.Stop())
	}
	return errors.Join(append(problems, os.RemoveAll(e.dir))...)
}
