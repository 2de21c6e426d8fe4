package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

const planOutage = `Vault is killed, as in a crash. When the agent has noticed, the files must be there and whole,
and the agent must still be ready: applications have to survive an outage of Vault. Then Vault starts
again from its disk, a new value is written, and it has to arrive without anybody's help.`

// surviveOutage kills Vault and starts it again.
func (d *demo) surviveOutage(ctx context.Context) (string, error) {
	before, err := os.ReadFile(d.files.settings())
	if err != nil {
		return "", err
	}
	mark := d.journal.mark()
	d.vault.Kill()
	d.screen.Tell("Vault is gone")
	if _, err := d.awaitLog(ctx, mark, "secret not refreshed"); err != nil {
		return "", err
	}
	if err := d.checkWithoutVault(ctx, before); err != nil {
		return "", err
	}
	if err := d.vault.Restart(ctx); err != nil {
		return "", err
	}
	d.screen.Tell("Vault is back at %s (process %d)", d.vault.Address(), d.vault.PID())
	const key = "demo-key-3"
	if err := d.writeSettings(ctx, key); err != nil {
		return "", err
	}
	took, err := d.awaitSettings(ctx, key)
	if err != nil {
		return "", err
	}
	if err := d.checkLogins(1); err != nil {
		return "", err
	}
	return fmt.Sprintf("files whole and agent ready; a new value %.1f s after the return", took.Seconds()), nil
}

// checkWithoutVault checks what the application sees while Vault is away.
func (d *demo) checkWithoutVault(ctx context.Context, before []byte) error {
	now, err := os.ReadFile(d.files.settings())
	if err == nil && !bytes.Equal(now, before) {
		err = errors.New("the settings changed although Vault is away")
	}
	if err != nil {
		return err
	}
	_, loginErr := read(d.files.login(), parseLogin)
	_, certificateErr := read(d.files.certificate(), parseCertificate)
	if err := errors.Join(loginErr, certificateErr); err != nil {
		return err
	}
	d.screen.Tell("all three files are there and whole")
	return d.awaitReady(ctx)
}

// checkLogins compares the number of logins since the agent's first start.
func (d *demo) checkLogins(want int) error {
	answers, err := d.audit.ByOthers()
	if err != nil {
		return err
	}
	if got := stage.Asked(answers, authPath); got != want {
		return fmt.Errorf("vault's audit file has %d logins of the agent instead of %d", got, want)
	}
	d.screen.Tell("Vault's audit file: %d login since the agent first started", want)
	return nil
}
