package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

const planSetup = `Vault is told to let Kubernetes check every token (TokenReview), and that pods
of service account shop/orders may log in, if their token is meant for "vault".
Their policy allows five things and nothing else. Then come the secrets: a value,
database logins of 10 s (20 s at most), certificates of 20 s.`

// policyRules is the minimum for what the agent's document asks for.
const policyRules = `path "secret/data/shop/orders"  { capabilities = ["read"] }
path "database/creds/orders"    { capabilities = ["read"] }
path "pki/issue/orders"         { capabilities = ["create", "update"] }
path "sys/leases/renew"         { capabilities = ["update"] }
path "auth/token/renew-self"    { capabilities = ["update"] }
`

const (
	// A grace of a tenth to a fifth of the first is what remains of the second
	// when a login is replaced at the latest: half of 1 s at least.
	loginTTL       = 10 * time.Second
	loginMaxTTL    = 20 * time.Second
	certificateTTL = 20 * time.Second
	serviceToken   = time.Hour
)

const (
	settingsPath = "secret/data/shop/orders"
	loginPath    = "database/creds/orders"
	issuePath    = "pki/issue/orders"
	authPath     = "auth/kubernetes/login"
)

// setUp does what an administrator of Vault and Kubernetes does once.
func (d *demo) setUp(ctx context.Context) (string, error) {
	for _, part := range []func(context.Context) error{
		d.setUpAudit, d.setUpLogin, d.setUpSecrets, d.setUpDatabase, d.setUpCertificates, d.showRefusal,
	} {
		if err := part(ctx); err != nil {
			return "", err
		}
	}
	return "a token of another service account is refused", nil
}

// setUpAudit makes Vault write down every request, so that they can be counted.
func (d *demo) setUpAudit(ctx context.Context) error {
	_, err := d.vault.Write(ctx, "sys/audit/file", map[string]any{
		"type": "file", "options": map[string]string{"file_path": d.audit.Path},
	})
	return err
}

func (d *demo) setUpLogin(ctx context.Context) error {
	if err := d.vault.ConnectKubernetes(ctx, "kubernetes", d.kubernetes); err != nil {
		return err
	}
	if err := d.vault.Policy(ctx, "orders", policyRules); err != nil {
		return err
	}
	err := d.vault.WriteKubernetesRole(ctx, "kubernetes", "orders", lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"orders"}, Audience: "vault",
		Policies: []string{"orders"}, TTL: 10 * time.Minute,
	})
	if err != nil {
		return err
	}
	d.screen.Show("policy \"orders\", for service account shop/orders with audience \"vault\":", policyRules)
	return nil
}

func (d *demo) setUpSecrets(ctx context.Context) error {
	return d.writeSettings(ctx, "demo-key-1")
}

// writeSettings writes a new version of the application's value.
func (d *demo) writeSettings(ctx context.Context, key string) error {
	_, err := d.vault.Write(ctx, settingsPath, map[string]any{"data": map[string]any{"api_key": key}})
	if err == nil {
		d.screen.Tell("Vault: %s has api_key %q now", settingsPath, key)
	}
	return err
}

func (d *demo) setUpDatabase(ctx context.Context) error {
	if err := d.vault.ConnectPostgres(ctx, "database", d.postgres); err != nil {
		return err
	}
	if err := d.vault.DynamicRole(ctx, "database", "orders", loginTTL, loginMaxTTL); err != nil {
		return err
	}
	d.screen.Tell("Vault: %s creates logins in PostgreSQL for %s, renewable up to %s", loginPath, loginTTL, loginMaxTTL)
	return nil
}

func (d *demo) setUpCertificates(ctx context.Context) error {
	if err := d.vault.PKIRoot(ctx, "pki", time.Hour); err != nil {
		return err
	}
	if err := d.vault.PKIRole(ctx, "pki", "orders", "shop.svc", certificateTTL, false); err != nil {
		return err
	}
	d.screen.Tell("Vault: %s issues certificates below shop.svc for %s", issuePath, certificateTTL)
	return nil
}

// showRefusal logs in with a genuine token of another service account.
func (d *demo) showRefusal(ctx context.Context) error {
	for _, account := range []string{"orders", "intruder"} {
		if err := d.kubernetes.CreateServiceAccount(ctx, "shop", account); err != nil {
			return err
		}
	}
	jwt, err := d.kubernetes.Token(ctx, "shop", "intruder", "vault", serviceToken)
	if err != nil {
		return err
	}
	_, err = d.vault.Login(ctx, authPath, map[string]any{"role": "orders", "jwt": jwt})
	if err == nil {
		return errors.New("vault lets a token of shop/intruder in")
	}
	if lab.StatusCode(err) != http.StatusForbidden {
		return fmt.Errorf("a token of shop/intruder was not refused with status 403: %w", err)
	}
	d.screen.Tell("a token of shop/intruder is refused: %v", err)
	return nil
}
