package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

const planDatabase = `The login in database.json lives for 10 s. The agent renews its lease, and the application
notices nothing. After 20 s Vault renews no more; a moment before that, the agent asks for
a new login and writes it. Old and new must both work at the moment of the hand-over.`

// rotateLogin watches a lease over its whole life.
func (d *demo) rotateLogin(ctx context.Context) (string, error) {
	old, err := d.youngLogin(ctx)
	if err != nil {
		return "", err
	}
	if err := d.showRenewal(ctx, old, d.screen.Began()); err != nil {
		return "", err
	}
	next, err := d.awaitLogin(ctx, old.User)
	if err != nil {
		return "", err
	}
	if err := d.tryBoth(ctx, old, next); err != nil {
		return "", err
	}
	if err := d.awaitOldGone(ctx, old); err != nil {
		return "", err
	}
	return "renewed, then rotated; old and new login worked at the hand-over", nil
}

// youngAge is the age up to which a login will be seen to be renewed before it
// is rotated: seven seconds until the next renewal, three for everything else.
const youngAge = loginMaxTTL - loginTTL

// youngLogin returns the present database login, or waits for the next where
// that is about to be rotated.
func (d *demo) youngLogin(ctx context.Context) (login, error) {
	l, err := read(d.files.login(), parseLogin)
	if err != nil {
		return l, err
	}
	answers, err := d.audit.ByOthers()
	if err != nil {
		return l, err
	}
	issued := stage.Only(answers, loginPath)
	if len(issued) == 0 {
		return l, errors.New("vault's audit file has no database login of the agent")
	}
	age := time.Since(issued[len(issued)-1].Time)
	if age <= youngAge {
		return l, nil
	}
	d.screen.Tell("the database login is %.0f s old and about to be rotated anyway: waiting for the next", age.Seconds())
	return d.awaitLogin(ctx, l.User)
}

// showRenewal waits until Vault has renewed a lease after a moment. The file
// must still have it then.
func (d *demo) showRenewal(ctx context.Context, l login, after time.Time) error {
	_, err := stage.Await(ctx, "the renewal of the lease, in Vault", func(ctx context.Context) (time.Time, error) {
		return d.renewed(ctx, l, after)
	})
	if err != nil {
		return err
	}
	if _, err := d.awaitLog(ctx, d.agent.mark, "lease renewed", "path", loginPath); err != nil {
		return err
	}
	again, err := read(d.files.login(), parseLogin)
	if err != nil {
		return err
	}
	if again.Lease != l.Lease {
		return fmt.Errorf("the lease was not renewed but replaced: %s became %s", l.Lease, again.Lease)
	}
	d.screen.Tell("Vault confirms that it renewed %s", l.Lease)
	d.screen.Tell("the file still has user %s", again.User)
	return nil
}

// renewed asks Vault when a lease was renewed; that it was not, after a moment,
// is an error.
func (d *demo) renewed(ctx context.Context, l login, after time.Time) (time.Time, error) {
	out, err := d.vault.Write(ctx, "sys/leases/lookup", map[string]any{"lease_id": l.Lease})
	if err != nil {
		return time.Time{}, err
	}
	data, _ := out["data"].(map[string]any)
	return lastRenewal(data, after)
}

// lastRenewal reads that time out of Vault's answer.
func lastRenewal(data map[string]any, after time.Time) (time.Time, error) {
	text, _ := data["last_renewal"].(string)
	if text == "" {
		return time.Time{}, errors.New("vault says that the lease was never renewed")
	}
	at, err := time.Parse(time.RFC3339, text)
	if err == nil && !at.After(after) {
		err = fmt.Errorf("vault says that the lease was renewed at %s for the last time", text)
	}
	return at, err
}

// awaitLogin waits until the file has another user. At every look it must be whole.
func (d *demo) awaitLogin(ctx context.Context, user string) (login, error) {
	return stage.Await(ctx, "another user in the file", func(context.Context) (login, error) {
		l, err := whole(d.files.login(), parseLogin)
		if err == nil && l.User == user {
			err = fmt.Errorf("the file still has user %s", user)
		}
		return l, err
	})
}

// tryBoth logs in with both, at the same time and at once: the old login ends
// half a second later, if the agent was as late as it may be.
func (d *demo) tryBoth(ctx context.Context, old, next login) error {
	d.screen.Tell("the file has a new user: %s instead of %s", next.User, old.User)
	tasks, ctx := errgroup.WithContext(ctx)
	for _, l := range []login{old, next} {
		tasks.Go(func() error { return d.tryLogin(ctx, l) })
	}
	if err := tasks.Wait(); err != nil {
		return fmt.Errorf("at the hand-over both logins must work: %w", err)
	}
	d.screen.Tell("PostgreSQL lets both in: nobody is locked out during the hand-over")
	return nil
}

// tryLogin asks PostgreSQL whether it lets a login in.
func (d *demo) tryLogin(ctx context.Context, l login) error {
	who, err := d.postgres.QueryAs(ctx, l.User, l.Password.Reveal(), "SELECT current_user")
	if err == nil && who != l.User {
		err = fmt.Errorf("logged in as %q and got user %q", l.User, who)
	}
	return err
}

// awaitOldGone waits until PostgreSQL refuses the old login.
func (d *demo) awaitOldGone(ctx context.Context, old login) error {
	_, err := stage.Await(ctx, "the end of the old login", func(ctx context.Context) (string, error) {
		err := d.tryLogin(ctx, old)
		if err == nil {
			return "", errors.New("postgres still lets it in")
		}
		if !strings.Contains(err.Error(), "authentication failed") {
			return "", err
		}
		return old.User, nil
	})
	if err == nil {
		d.screen.Tell("Vault has removed %s at the end of its lease; PostgreSQL refuses it", old.User)
	}
	return err
}
