package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

const planRestart = `The agent is ended and started anew, as when its container is replaced. The first one leaves its
token and its leases behind, encrypted, in memory. The second one has to go on with them: it must not
log in, must not ask for another database login, and must renew the lease that it has inherited.`

// restart replaces the agent by another one.
func (d *demo) restart(ctx context.Context) (string, error) {
	if !d.files.inMemory {
		d.screen.Tell("there is no %s here, and the agent hands nothing over on a disk: this step is left out", memoryDir)
		return "left out: no directory in memory", nil
	}
	old, err := d.youngLogin(ctx)
	if err != nil {
		return "", err
	}
	before, err := d.audit.ByOthers()
	if err != nil {
		return "", err
	}
	begin := time.Now()
	if err := d.replaceAgent(ctx); err != nil {
		return "", err
	}
	if err := d.showRenewal(ctx, old, begin); err != nil {
		return "", err
	}
	if err := d.checkTakenOver(before); err != nil {
		return "", err
	}
	return "no login, same database user: token and lease live on", nil
}

// replaceAgent ends the agent and starts another.
func (d *demo) replaceAgent(ctx context.Context) error {
	first := d.agent
	if err := first.stop(ctx); err != nil {
		return err
	}
	d.screen.Tell("the first agent (process %d) has ended with exit code 0", first.cmd.Process.Pid)
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
func (d *demo) checkTakenOver(before []stage.Answer) error {
	after, err := d.audit.ByOthers()
	if err != nil {
		return err
	}
	since := after[min(len(before), len(after)):]
	for _, path := range []string{authPath, loginPath} {
		if n := stage.Asked(since, path); n != 0 {
			return fmt.Errorf("the second agent has asked for %s, times: %d", path, n)
		}
	}
	d.screen.Tell("Vault's audit file since the restart: 0 logins, 0 new database logins; renewals: %d", stage.Asked(since, "sys/leases/renew"))
	return nil
}
