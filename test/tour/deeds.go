package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

// showLogin is the command, and the login in what it writes.
func (t *tour) showLogin(ctx context.Context, command string) (*url.Userinfo, error) {
	t.screen.Tell("$ %s", command)
	user, out, err := t.login(ctx, command)
	t.screen.Quote(abbreviate(out, 0))
	return user, err
}

// login is the login in what a command writes, and that without the password.
func (t *tour) login(ctx context.Context, command string) (user *url.Userinfo, out string, err error) {
	out, code, err := t.shell.run(ctx, command)
	if err != nil {
		return nil, t.hide(out), err
	}
	u, err := url.Parse(strings.TrimSpace(out))
	if code != 0 || err != nil || u.User == nil {
		// The error of the parser would quote the password.
		return nil, t.hide(out), fmt.Errorf("%q did not show a login", command)
	}
	return u.User, t.hide(out), nil
}

// rotateLogin watches how a login is replaced before it ends.
func (t *tour) rotateLogin(ctx context.Context) error {
	first, err := t.showLogin(ctx, inWebapp+"cat /vault/secrets/db")
	if err != nil {
		return err
	}
	if err := t.connect(ctx, first); err != nil {
		return err
	}
	t.screen.Tell("it lives for %s, %s when it is renewed; then the file gets another one", loginTTL, loginMaxTTL)
	second, err := t.showLogin(ctx, fmt.Sprintf(inWebapp+"sh -c 'while grep -q %s /vault/secrets/db; do sleep 0.2; done; cat /vault/secrets/db'", first.Username()))
	if err != nil {
		return err
	}
	return t.connect(ctx, second)
}

// connect logs in to PostgreSQL as the application would.
func (t *tour) connect(ctx context.Context, user *url.Userinfo) error {
	password, _ := user.Password()
	got, err := t.postgres.QueryAs(ctx, user.Username(), password, "SELECT current_user")
	if err != nil || strings.TrimSpace(got) != user.Username() {
		return errors.New(t.hide(fmt.Sprintf("the login %q does not work: %q, %v", user.Username(), got, err)))
	}
	t.screen.Tell("PostgreSQL lets %s in", user.Username())
	return nil
}

// awaitLogin waits until the application has a login that works again.
func (t *tour) awaitLogin(ctx context.Context) error {
	_, err := stage.Await(ctx, "a database login that works", func(ctx context.Context) (*url.Userinfo, error) {
		user, _, err := t.login(ctx, inWebapp+"cat /vault/secrets/db")
		if err != nil {
			return nil, err
		}
		return user, t.connect(ctx, user)
	})
	return err
}

func (t *tour) killVault(context.Context) error {
	t.vault.Kill()
	t.screen.Tell("Vault is gone")
	return nil
}

func (t *tour) restartVault(ctx context.Context) error {
	if err := t.vault.Restart(ctx); err != nil {
		return err
	}
	t.screen.Tell("Vault is back at %s (process %d)", t.vault.Address(), t.vault.PID())
	return nil
}
