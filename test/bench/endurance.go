package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

const (
	// enduranceLogins database logins are delivered, one to each file, and one more
	// through the listener. A lease of 20 s that ends after a minute is renewed
	// three times in its life, and replaced.
	enduranceLogins = 10
	enduranceTTL    = 20 * time.Second
	enduranceMax    = time.Minute
	// endurancePaths secrets change each second and are read as often.
	endurancePaths    = 4
	enduranceInterval = time.Second
	// enduranceLook is between two looks at all that was delivered.
	enduranceLook = 5 * time.Second
	// enduranceSample is between two readings of the memory.
	enduranceSample = 10 * time.Second
	// enduranceRead is between two requests to the listener: 200 in a second.
	enduranceRead = 5 * time.Millisecond
)

// endurance is a sidecar at work, with everything that it is asked for and what
// was found out.
type endurance struct {
	scene    *scene
	postgres *lab.Postgres
	proxy    *proxy // before Vault, to count
	job      job

	mu        sync.Mutex
	written   []time.Time   // when the secrets got the value of each round
	shared    databaseLogin // the newest that the listener gave
	asked     int           // requests to the listener
	fromCache int
	worked    int // logins that were tried and worked
	invalid   []error
	behind    time.Duration // the longest that a file showed what Vault had replaced
	samples   []sample
}

// runEndurance lets our sidecar keep short leases for minutes, follow secrets and
// serve an application, and looks all the time whether what it delivered is good.
func runEndurance(ctx context.Context, s *scene) (*table, error) {
	ctx, cancel := context.WithTimeout(ctx, s.duration+3*time.Minute)
	defer cancel()
	e, err := newEndurance(ctx, s)
	if err != nil {
		return nil, err
	}
	t, err := e.run(ctx)
	return t, errors.Join(err, e.close())
}

func newEndurance(ctx context.Context, s *scene) (*endurance, error) {
	e := &endurance{scene: s, job: s.job(endurancePaths, endurancePaths)}
	s.progress("starting PostgreSQL")
	postgres, err := lab.StartPostgres(ctx)
	if err != nil {
		return nil, err
	}
	e.postgres = postgres
	if err := e.prepare(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// prepare makes the roles, the login of the agent and what it is asked for.
func (e *endurance) prepare(ctx context.Context) error {
	v := e.scene.vault
	if err := v.ConnectPostgres(ctx, "database", e.postgres); err != nil {
		return err
	}
	for i := range enduranceLogins + 1 {
		if err := v.DynamicRole(ctx, "database", databaseRole(i), enduranceTTL, enduranceMax); err != nil {
			return err
		}
	}
	rules := `path "secret/*" { capabilities = ["read"] } path "database/creds/*" { capabilities = ["read"] }`
	if err := v.Policy(ctx, "endurance", rules); err != nil {
		return err
	}
	roleID, secretID, err := v.AppRole(ctx, "approle", "endurance", time.Hour, "endurance")
	if err != nil {
		return err
	}
	e.job.role, e.job.secret = filepath.Join(e.scene.dir, "endurance-role-id"), filepath.Join(e.scene.dir, "endurance-secret-id")
	if err := writeCredentials(e.job.role, roleID, e.job.secret, secretID); err != nil {
		return err
	}
	if e.proxy, err = startProxy(ctx, e.scene.address); err != nil {
		return err
	}
	e.job.address, e.job.interval, e.job.more = e.proxy.address, enduranceInterval.String(), e.document
	return nil
}

// document adds the database logins and the listener.
func (e *endurance) document(document map[string]any) {
	templates, _ := document["template"].([]any)
	for i := range enduranceLogins {
		templates = append(templates, map[string]any{
			"destination": e.loginFile(i), "perms": "0600",
			"contents": fmt.Sprintf("{{ with secret %q }}{{ .Data.username }}:{{ .Data.password }}{{ end }}", loginPath(i)),
		})
	}
	document["template"] = templates
	persist := map[string]any{"type": "kubernetes", "path": e.job.dir} // as injected agents do
	document["cache"] = map[string]any{"use_auto_auth_token": true, "persist": persist}
	document["listener"] = []any{map[string]any{"unix": map[string]any{"address": e.socket(), "tls_disable": true}}}
}

func (e *endurance) loginFile(i int) string { return e.job.file(fmt.Sprintf("out/login-%d", i)) }
func (e *endurance) socket() string         { return e.job.file("l") }

func loginPath(i int) string { return "database/creds/" + databaseRole(i) }

// run lets the agent work, and judges.
func (e *endurance) run(ctx context.Context) (*table, error) {
	var before, after map[kind]int
	err := e.scene.sidecar(ctx, e.scene.ours, e.job, func(p *attendant.Process) error {
		if err := e.delivered(ctx, p); err != nil {
			return err
		}
		before, _ = e.proxy.take()
		err := e.work(ctx, p)
		after, _ = e.proxy.take()
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.judge(after[renew] - before[renew]), e.scene.writeSecrets(ctx, pathsInVault, 0)
}

// delivered waits for all logins and for the listener.
func (e *endurance) delivered(ctx context.Context, p *attendant.Process) error {
	return await(ctx, "database logins", func() (bool, error) {
		for i := range enduranceLogins {
			if _, err := e.readLogin(i); err != nil {
				return false, alive(p)
			}
		}
		return true, nil
	})
}

// work is the time of the measurement.
func (e *endurance) work(ctx context.Context, p *attendant.Process) error {
	ctx, cancel := context.WithTimeout(ctx, e.scene.duration)
	defer cancel()
	tasks, ctx := errgroup.WithContext(ctx)
	client := overSocket(e.socket())
	defer client.CloseIdleConnections()
	begin := time.Now()
	e.written = []time.Time{begin}
	tasks.Go(func() error { return each(ctx, enduranceInterval, e.change) })
	tasks.Go(func() error { return each(ctx, enduranceRead, e.reader(client)) })
	tasks.Go(func() error { return each(ctx, enduranceLook, e.look) })
	tasks.Go(func() error {
		return each(ctx, enduranceSample, func(ctx context.Context, _ int) error { return e.sample(ctx, p, begin) })
	})
	return tasks.Wait()
}

// each calls f at intervals, counting from 1, until ctx ends, which is no error.
func each(ctx context.Context, interval time.Duration, f func(ctx context.Context, n int) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := f(ctx, n); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (e *endurance) close() error {
	var err error
	if e.proxy != nil {
		err = e.proxy.close()
	}
	return errors.Join(err, e.postgres.Stop())
}
