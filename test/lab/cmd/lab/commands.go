package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

func printUsage(w io.Writer) { fmt.Fprintf(w, usage, lab.AllTargets()) }

func build(ctx context.Context, w io.Writer, words []string) error {
	targets, err := lab.ParseTargets(words)
	if err != nil {
		return err
	}
	return lab.Build(ctx, w, targets...)
}

func status(ctx context.Context, w io.Writer) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range lab.AllTargets() {
		path, err := lab.Binary(ctx, t)
		var missing *lab.NotBuiltError
		switch {
		case errors.As(err, &missing):
			fmt.Fprintf(tab, "%s\tmissing\n", t)
			continue
		case err != nil:
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(tab, "%s\t%.1f MiB\t%s\n", t, float64(info.Size())/(1<<20), path)
	}
	return tab.Flush()
}

// servers is what `up` runs. A field is nil when its server did not start.
type servers struct {
	vault      *lab.Vault
	kubernetes *lab.Kubernetes
	postgres   *lab.Postgres
}

func up(ctx context.Context, w io.Writer) error {
	fmt.Fprintln(w, "starting Vault, Kubernetes and PostgreSQL")
	begin := time.Now()
	s, err := startAll(ctx)
	if err == nil {
		fmt.Fprintf(w, "ready after %.1f s; interrupt to stop\n\n", time.Since(begin).Seconds())
		s.print(w)
		<-ctx.Done()
		fmt.Fprintln(w, "\nstopping")
	}
	return errors.Join(err, s.stop())
}

func startAll(ctx context.Context) (servers, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var s servers
	errs := make([]error, 3)
	var wg sync.WaitGroup
	wg.Go(func() { s.vault, errs[0] = lab.StartVault(ctx, lab.VaultOptions{}) })
	wg.Go(func() { s.kubernetes, errs[1] = lab.StartKubernetes(ctx, lab.KubernetesOptions{Scheduler: true}) })
	wg.Go(func() { s.postgres, errs[2] = lab.StartPostgres(ctx) })
	wg.Wait()
	return s, errors.Join(errs...)
}

// print writes shell assignments, to be pasted into another terminal.
func (s servers) print(w io.Writer) {
	for _, e := range s.vault.Env() {
		fmt.Fprintf(w, "export %s\n", e)
	}
	fmt.Fprintf(w, "export KUBECONFIG=%s\n", s.kubernetes.Kubeconfig())
	fmt.Fprintf(w, "export PGHOST=127.0.0.1 PGPORT=%s PGUSER=%s PGPASSWORD=%s PGDATABASE=postgres\n",
		s.postgres.Port(), s.postgres.User(), s.postgres.Password())
}

func (s servers) stop() error {
	var errs []error
	if s.vault != nil {
		errs = append(errs, s.vault.Stop())
	}
	if s.kubernetes != nil {
		errs = append(errs, s.kubernetes.Stop())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	return errors.Join(errs...)
}
