package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/test/lab"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

// node is what the tour needs of a cluster. A cluster exists only on Linux; all but
// its start is compiled everywhere.
type node struct {
	*lab.Kubernetes
	expose  func(ctx context.Context, port int, server string) error
	furnish func(ctx context.Context, images ...lab.Image) error // also the Secrets Store CSI Driver
	stop    func() error
}

// namespace is where the applications of the tour live.
const namespace = "shop"

// policyRules is what the applications may do, and nothing else.
const policyRules = `path "secret/data/shop/*"       { capabilities = ["read"] }
path "database/creds/*"         { capabilities = ["read"] }
path "pki/issue/shop"           { capabilities = ["create", "update"] }
path "sys/leases/renew"         { capabilities = ["update"] }
path "sys/leases/revoke"        { capabilities = ["update"] }
`

// startServers starts everything that a company would have already.
func (t *tour) startServers(ctx context.Context) error {
	app := filepath.Join(t.shell.dir, "app")
	tasks, all := errgroup.WithContext(ctx)
	tasks.Go(func() error { return goBuild(all, app, "./test/cluster/app") })
	tasks.Go(func() error { return t.startVault(all) })
	tasks.Go(func() error { return t.startPostgres(all) })
	tasks.Go(func() error { return t.startNode(all) })
	if err := tasks.Wait(); err != nil {
		return err
	}
	t.shell.env = append(t.vault.Env(), "KUBECONFIG="+t.node.Kubeconfig())
	if err := t.shell.link(ctx, t.program); err != nil {
		return err
	}
	// What is in pods finds Vault at the port that everybody knows.
	if err := t.node.expose(ctx, 8200, strings.TrimPrefix(t.vault.Address(), "http://")); err != nil {
		return err
	}
	tasks, all = errgroup.WithContext(ctx)
	tasks.Go(func() error { return t.furnishNode(all, app) })
	tasks.Go(func() error { return t.furnishVault(all) })
	return tasks.Wait()
}

func (t *tour) startNode(ctx context.Context) (err error) {
	begin := time.Now()
	if t.node, err = startNode(ctx); err == nil {
		t.screen.Tell("Kubernetes  %s, its node is ready after %.1f s", t.node.URL(), time.Since(begin).Seconds())
		return nil
	}
	if ctx.Err() == nil {
		err = fmt.Errorf("%w\nmake demo TOUR=-without-node plays the part that needs no node", err)
	}
	return err
}

func (t *tour) startVault(ctx context.Context) (err error) {
	if t.vault, err = lab.StartVault(ctx, lab.VaultOptions{}); err == nil {
		t.screen.Tell("Vault       %s (process %d)", t.vault.Address(), t.vault.PID())
	}
	return err
}

// startPostgres is seen through, because an interrupted initdb leaves children behind.
func (t *tour) startPostgres(ctx context.Context) (err error) {
	complete, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	if t.postgres, err = lab.StartPostgres(complete); err == nil {
		t.screen.Tell("PostgreSQL  %s (process %d)", t.postgres.Address(), t.postgres.PID())
	}
	return err
}

// furnishNode gives the node the images: ours, and that of the applications.
func (t *tour) furnishNode(ctx context.Context, app string) error {
	shell, err := lab.Busybox(ctx, "lab.local/app:tour")
	if err != nil {
		return err
	}
	shell.Files["/bin/app"] = app
	if err := t.node.furnish(ctx, shell, lab.OurImage("vaultk8s/vaultk8s:tour", t.program)); err != nil {
		return err
	}
	t.screen.Tell("the Secrets Store CSI Driver is installed, the node has our image")
	return nil
}

// furnishVault does what an administrator of Vault does once.
func (t *tour) furnishVault(ctx context.Context) error {
	v := t.vault
	t.audit = stage.Audit{Path: filepath.Join(t.shell.dir, "audit.log")}
	_, err := v.Write(ctx, "sys/audit/file", map[string]any{
		"type": "file", "options": map[string]string{"file_path": t.audit.Path},
	})
	if err != nil {
		return err
	}
	err = errors.Join(
		v.ConnectKubernetes(ctx, "kubernetes", t.node.Kubernetes),
		v.Policy(ctx, "shop", policyRules),
		v.WriteKubernetesRole(ctx, "kubernetes", "shop", lab.KubernetesRole{
			Namespaces: []string{namespace}, ServiceAccounts: []string{"webapp", "reports", "ledger"}, Audience: "vault",
			Policies: []string{"shop"}, TTL: time.Hour,
		}),
		v.ConnectPostgres(ctx, "database", t.postgres),
		v.DynamicRole(ctx, "database", "shop", loginTTL, loginMaxTTL),
		v.DynamicRole(ctx, "database", "shop-day", 24*time.Hour, 24*time.Hour),
		v.PKIRoot(ctx, "pki", 24*time.Hour),
		v.PKIRole(ctx, "pki", "shop", "shop.svc", time.Hour, false),
	)
	if err != nil {
		return fmt.Errorf("set up vault: %w", err)
	}
	return nil
}

// A database login of the web application is renewed once and then replaced, so that
// this is seen within a third of a minute.
const (
	loginTTL    = 10 * time.Second
	loginMaxTTL = 20 * time.Second
)
