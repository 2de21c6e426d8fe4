package lab

import (
	"context"
	"testing"
	"time"
)

// startTimeout bounds one start. The slowest takes about four seconds; fifteen times
// that allows for a machine that builds something else.
const startTimeout = time.Minute

// UseVault starts a Vault for a test and stops it when the test ends. The test
// fails at once when the server's binary is missing or it does not start; when it
// fails later, it shows the end of the server's log.
func UseVault(t testing.TB, o VaultOptions) *Vault {
	t.Helper()
	return use(t, func(ctx context.Context) (*Vault, error) { return StartVault(ctx, o) })
}

// UseKubernetes is UseVault for a control plane.
func UseKubernetes(t testing.TB, o KubernetesOptions) *Kubernetes {
	t.Helper()
	return use(t, func(ctx context.Context) (*Kubernetes, error) { return StartKubernetes(ctx, o) })
}

// UsePostgres is UseVault for a PostgreSQL.
func UsePostgres(t testing.TB) *Postgres {
	t.Helper()
	return use(t, StartPostgres)
}

// UseLDAP is UseVault for an OpenLDAP.
func UseLDAP(t testing.TB) *LDAP {
	t.Helper()
	return use(t, StartLDAP)
}

// UseCSIDriver is UseVault for the node server of the Secrets Store CSI Driver.
func UseCSIDriver(t testing.TB, o CSIDriverOptions) *CSIDriver {
	t.Helper()
	return use(t, func(ctx context.Context) (*CSIDriver, error) { return StartCSIDriver(ctx, o) })
}

// server is what use needs to know about one.
type server interface {
	Stop() error
	running() []*process
}

func use[S server](t testing.TB, start func(context.Context) (S, error)) S {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, p := range s.running() {
				t.Logf("the end of the log of %s:\n%s", p.name, p.logTail())
			}
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}
