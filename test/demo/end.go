package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

const planEnd = `The agent is asked to end, the servers are stopped, and the directory of this demo is removed.
Before that, Vault's audit file tells what all of this has cost.`

// end ends everything in order.
func (d *demo) end(ctx context.Context) (string, error) {
	if err := d.agent.stop(ctx); err != nil {
		return "", err
	}
	d.screen.Tell("the agent (process %d) has ended with exit code 0", d.agent.cmd.Process.Pid)
	answers, err := d.audit.ByOthers()
	if err != nil {
		return "", err
	}
	d.screen.Table("Requests of the agent to Vault:", stage.Tally(answers))
	dir := d.files.dir
	if err := d.remove(ctx); err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("the directory %q is still there", dir)
	}
	d.screen.Tell("the servers are stopped, %s is removed", dir)
	return fmt.Sprintf("%d requests to Vault in all, nothing left behind", len(answers)), nil
}
