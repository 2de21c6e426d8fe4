package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/injector/server"
	"github.com/vaultk8s/vaultk8s/pkg/preview"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func newInjectorCommand() *cobra.Command {
	var shared string
	c := &cobra.Command{
		Use:     "injector",
		Aliases: []string{"agent-inject"},
		Short:   "Serve the webhook that gives agents to pods",
		Long: `Serve the webhook that gives agents to pods: a mutating admission webhook over
HTTPS, at the path /mutate. It takes the flags and the variables (AGENT_INJECT_*)
of the Vault Agent Injector, whose command agent-inject is another name for it; long
flags may have one dash or two. It never contacts Vault.

With --tls-auto it makes its certificates itself, and keeps the authorities in a
Secret; with --tls-cert-file and --tls-key-file it takes them from files, which it
reads again when they change. Any number of replicas may serve; give them
--use-leader-elector, so that one of them renews and the others follow.

At the end, of which SIGTERM tells, it is not ready any more, goes on for the time
of --drain-delay, and finishes what is under way.`,
		Example: `  vaultk8s injector --vault-address https://vault:8200 --tls-auto my-injector-cfg \
    --tls-auto-hosts my-injector.vault.svc --use-leader-elector
  vaultk8s agent-inject -listen=:8080 -vault-address=https://vault:8200 \
    -tls-cert-file=/etc/webhook/certs/tls.crt -tls-key-file=/etc/webhook/certs/tls.key`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return runInjector(c, shared) },
	}
	c.Flags().StringVar(&shared, "config", "", "the shared file of all modes, in YAML")
	config.AddFlags(c.Flags(), "injector", "log")
	return c
}

// noArguments accepts what the chart of the old injector gives as an argument in
// the belief that a shell would read it.
func noArguments(_ *cobra.Command, args []string) error {
	for _, arg := range args {
		if arg != "2>&1" {
			return fmt.Errorf("unexpected argument %q", arg)
		}
	}
	return nil
}

func runInjector(c *cobra.Command, shared string) error {
	settings, err := config.Load(config.LoadOptions{File: shared, Flags: c.Flags()})
	if err != nil {
		return err
	}
	log, closeLog, err := telemetry.NewLogger(settings.Log, c.ErrOrStderr())
	if err != nil {
		return err
	}
	err = server.Run(c.Context(), server.Options{Config: settings, Log: log, CheckTemplate: preview.CheckTemplate})
	return errors.Join(err, closeLog())
}
