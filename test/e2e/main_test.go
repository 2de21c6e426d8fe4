package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// roleVariable makes the test binary play another program instead of running tests.
const roleVariable = "VAULTK8S_E2E_ROLE"

const (
	// startTimeout bounds the start of all servers and the build; from warm
	// caches both take about five seconds, and from cold ones the build takes minutes.
	startTimeout = 15 * time.Minute
	// storiesAtOnce is more than there are processors, because stories mostly wait
	// for leases to end.
	storiesAtOnce = "16"
)

// estate is what the stories share: one set of servers and one binary.
type estate struct {
	dir        string
	program    string
	vault      *lab.Vault
	kubernetes *lab.Kubernetes
	postgres   *lab.Postgres
	jwt        string // of service account shop/app, for the audience vault
}

// world is set before the first story.
var world estate

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	os.Exit(tell(m))
}

func play(role string) int {
	switch role {
	case "application":
		return playApplication()
	case "mounter":
		return playMounter()
	case "container":
		return playContainer()
	case "service":
		return playService()
	}
	fmt.Fprintf(os.Stderr, "there is no role %q\n", role)
	return 2
}

// tell runs all stories between the start and the end of the servers.
func tell(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", storiesAtOnce); err != nil {
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
		// A watch that ends while its last news are on the way leaves this one behind.
		err = goleak.Find(goleak.IgnoreAnyFunction("k8s.io/apimachinery/pkg/watch.(*filteredWatch).loop"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func (e *estate) start(ctx context.Context) (err error) {
	if e.dir, err = os.MkdirTemp("", "vaultk8s-e2e-"); err != nil {
		return err
	}
	if err := e.launch(ctx); err != nil {
		return err
	}
	if err := e.populate(ctx); err != nil {
		return err
	}
	return e.furnish(ctx, e.vault)
}

// launch does at the same time what takes long.
func (e *estate) launch(ctx context.Context) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return e.build(ctx) })
	tasks.Go(func() (err error) {
		e.vault, err = lab.StartVault(ctx, lab.VaultOptions{InMemory: true})
		return err
	})
	tasks.Go(func() (err error) {
		e.kubernetes, err = lab.StartKubernetes(ctx, lab.KubernetesOptions{})
		return err
	})
	tasks.Go(func() (err error) {
		e.postgres, err = lab.StartPostgres(ctx)
		return err
	})
	return tasks.Wait()
}

// build makes the binary as it is released, but with the version of a test.
func (e *estate) build(ctx context.Context) error {
	e.program = filepath.Join(e.dir, "vaultk8s")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=1.2.3-e2e", "-o", e.program, "../../cmd/vaultk8s")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build vaultk8s: %w\n%s", err, out)
	}
	return nil
}

// populate makes the service account that every pod runs as.
func (e *estate) populate(ctx context.Context) (err error) {
	if err := e.kubernetes.CreateServiceAccount(ctx, "shop", "app"); err != nil {
		return err
	}
	e.jwt, err = e.kubernetes.Token(ctx, "shop", "app", "vault", time.Hour)
	return err
}

// furnish mounts in a Vault what stories use: all ways to log in, kv/ in version
// 1 (secret/ in version 2 is there already), the PostgreSQL and a certificate
// authority.
func (e *estate) furnish(ctx context.Context, v *lab.Vault) error {
	return errors.Join(
		v.ConnectKubernetes(ctx, "kubernetes", e.kubernetes),
		e.connectJWT(ctx, v),
		v.EnableAuth(ctx, "approle", "approle"),
		v.MountKV(ctx, "kv", "1"),
		v.ConnectPostgres(ctx, "database", e.postgres),
		v.PKIRoot(ctx, "pki", 24*time.Hour),
	)
}

// connectJWT lets Vault verify service account tokens by itself, without a review.
func (e *estate) connectJWT(ctx context.Context, v *lab.Vault) error {
	if err := v.EnableAuth(ctx, "jwt", "jwt"); err != nil {
		return err
	}
	_, err := v.Write(ctx, "auth/jwt/config", map[string]any{
		"jwt_validation_pubkeys": []string{string(e.kubernetes.ServiceAccountKey())}, "bound_issuer": lab.Issuer,
	})
	return err
}

// stop ends what was started, also after a start that failed halfway.
func (e *estate) stop() error {
	var problems []error
	if e.vault != nil {
		problems = append(problems, e.vault.Stop())
	}
	if e.kubernetes != nil {
		problems = append(problems, e.kubernetes.Stop())
	}
	if e.postgres != nil {
		problems = append(problems, e.postgres.Stop())
	}
	return errors.Join(append(problems, os.RemoveAll(e.dir))...)
}
