package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const planServers = `Three real servers start on free ports of this machine: a Vault with its
storage on disk, a Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager)
and a PostgreSQL. Nothing in this demo is simulated.`

// startServers starts all servers at the same time.
func (d *demo) startServers(ctx context.Context) (string, error) {
	begin := time.Now()
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() (err error) {
		if d.vault, err = lab.StartVault(ctx, lab.VaultOptions{}); err != nil {
			return err
		}
		d.screen.Tell("Vault       %s  (process %d)", d.vault.Address(), d.vault.PID())
		return nil
	})
	tasks.Go(func() (err error) {
		if d.kubernetes, err = lab.StartKubernetes(ctx, lab.KubernetesOptions{}); err != nil {
			return err
		}
		d.screen.Tell("Kubernetes  %s  (processes %v)", d.kubernetes.URL(), d.kubernetes.PIDs())
		return nil
	})
	tasks.Go(func() (err error) {
		// An interrupted initdb leaves children behind that go on writing files,
		// so this start is seen through and stopped when it is complete.
		complete, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if d.postgres, err = lab.StartPostgres(complete); err != nil {
			return err
		}
		d.screen.Tell("PostgreSQL  %s  (process %d)", d.postgres.Address(), d.postgres.PID())
		return nil
	})
	if err := tasks.Wait(); err != nil {
		return "", err
	}
	return fmt.Sprintf("Vault, Kubernetes and PostgreSQL answer after %.1f s", time.Since(begin).Seconds()), nil
}

// stopServers stops what was started; a second call does nothing.
func (d *demo) stopServers() error {
	var problems []error
	if d.vault != nil {
		problems = append(problems, d.vault.Stop())
	}
	if d.kubernetes != nil {
		problems = append(problems, d.kubernetes.Stop())
	}
	if d.postgres != nil {
		problems = append(problems, d.postgres.Stop())
	}
	d.vault, d.kubernetes, d.postgres = nil, nil, nil
	return errors.Join(problems...)
}
