package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const planRestart = `The agent is ended and started anew, as when its container is replaced. The first one leaves its
token and its leases behind, encrypted, in memory. The second one has to go on with them: it must not
log in, must not ask for another database login, and must renew the lease that it has inherited.`

// youngLogin is the age up to which a login lives on through a restart: one
// second for that and seven until the next renewal leave two of twenty.
const youngLogin = 10 * time.Second

// restart replaces the agent by another one.
func (d *demo) restart(ctx context.Context) (string, error) {
	if !d.files.inMemory {
		d.screen.tell("there is no %s here, and the agent hands nothing over on a disk: this step is left out", memoryDir)
		return "left out: no directory in memory", nil
	}
	old, err := d.youngLogin(ctx)
	if err != nil {
		return "", err
	}
	before, err := d.audit.ofAgent()
	if err != nil {
		return "", err
	}
	if err := d.replaceAgent(ctx); err != nil {
		return "", err
	}
	if err := d.showRenewal(ctx, old); err != nil {
		return "", err
	}
	return "no login, no new database login: token and lease live on", d.checkTakenOver(before)
}

// youngLogin returns the present database login, or waits for the next where
// that would be rotated soon anyway: nobody could tell why it was then.
func (d *demo) youngLogin(ctx context.Context) (login, error) {
	l, err := read(d.files.login(), parseLogin)
	if err != nil {
		return l, err
	}
	answers, err := d.audit.ofAgent()
	if err != nil {
		return l, err
	}
	issued := only(answers, loginPath)
	if len(issued) == 0 {
		return l, errors.New("vault's audit file has no database login of the agent")
	}
	age := time.Since(issued[len(issued)-1].Time)
	if age <= youngLogin {
		return l, nil
	}
	d.screen.tell("the database login is %.0f s old and about to be rotated anyway: waiting for the next", age.Seconds())
	return d.awaitLogin(ctx, l.User)
}

// replaceAgent ends the agent and starts another.
func (d *demo) replaceAgent(ctx context.Context) error {
	first := d.agent
	if err := first.stop(ctx); err != nil {
		return err
	}
	d.screen.tell("the first agent (process %d) has ended with exit code 0", first.cmd.Process.Pid)
	if err := d.startAgent(); err != nil {
		return err
	}
	if _, err := d.awaitLog(ctx, d.agent.mark, "took over token and secrets"); err != nil {
		return err
	}
	return d.awaitReady(ctx)
}

// checkTakenOver checks that the second agent has asked for nothing that the
// first one had.
func (d *demo) checkTakenOver(before []answer) error {
	after, err := d.audit.ofAgent()
	if err != nil {
		return err
	}
	since := after[min(len(before), len(after)):]
	for _, path := range []string{authPath, loginPath} {
		if n := asked(since, path); n != 0 {
			return fmt.Errorf("the second agent has asked for %s, times: %d", path, n)
		}
	}
	d.screen.tell("Vault's audit file since the restart: 0 logins, 0 new database logins, %d renewals", asked(since, "sys/leases/renew"))
	return nil
}
