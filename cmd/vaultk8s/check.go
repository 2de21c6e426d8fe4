package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vaultk8s/vaultk8s/pkg/check"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/preview"
)

// clusterFlags say which cluster a command speaks to.
type clusterFlags struct{ kubeconfig, context string }

func (f *clusterFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster; without it KUBECONFIG, ~/.kube/config, or the pod's own cluster")
	c.Flags().StringVar(&f.context, "context", "", "context of the kubeconfig; its current one if empty")
}

func (f *clusterFlags) connect() (*kube.Client, error) {
	client, err := kube.Load(kube.LoadOptions{Kubeconfig: f.kubeconfig, Context: f.context})
	if err != nil {
		return nil, err
	}
	client.UserAgent = "vaultk8s/" + version
	return client, nil
}

// checkFlags are those of the command check, besides those of the settings.
type checkFlags struct {
	clusterFlags
	shared, output, space, account, audience string
	pre                                      bool
	wait, interval                           time.Duration
}

func newCheckCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Look for what keeps secrets from arriving: in the cluster, the installation and Vault",
		Long: `Look for what keeps secrets from arriving: in the cluster, in the installation of
vaultk8s, and in Vault. Each finding has a sign (√ well, ? unknown, ‼ warning,
× error), what to do about it, and a link to the page that explains it.

With --as-serviceaccount it logs in to Vault as a workload would, with a token that
it requests for that service account, and gives the login back. A token of an
administrator, in VAULT_TOKEN or ~/.vault-token, lets it compare the role, too. The
address of Vault is that of --address or VAULT_ADDR, else the one that the
installed programs use.

Nothing is written: the webhook is tried with a pod that is only a dry run. The
exit code is 0 if all is well, 1 with warnings, 2 with errors and after wrong
arguments.`,
		Example: `  vaultk8s check --pre
  vaultk8s check --wait 2m
  vaultk8s check --as-serviceaccount shop/orders --auth-role orders --audience vault
  vaultk8s check -o json --context production`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runCheck(c, &f) },
	}
	c.SetFlagErrorFunc(wrongUse)
	f.clusterFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.shared, "config", "", "the shared file of all modes, in YAML")
	flags.StringVarP(&f.output, "output", "o", "table", "form of the answer: table, short or json")
	flags.StringVarP(&f.space, "release-namespace", "n", "vault", "namespace to install to, for --pre")
	flags.StringVar(&f.account, "as-serviceaccount", "", "NAMESPACE/NAME of a service account to log in to Vault as")
	flags.StringVar(&f.audience, "audience", "", "audience of its token; the API server's if empty")
	flags.DurationVar(&f.interval, "render-interval", 5*time.Minute, "time between two reads of secrets without a lease")
	flags.BoolVar(&f.pre, "pre", false, "check before an installation whether it will work")
	flags.DurationVar(&f.wait, "wait", 0, "repeat until there are no errors, for so long")
	config.AddFlags(flags, "vault", "auth")
	return c
}

func runCheck(c *cobra.Command, f *checkFlags) error {
	if !slices.Contains(check.Forms(), f.output) {
		return wrongUse(c, (&check.Report{}).Write(io.Discard, f.output))
	}
	o, err := f.options(c)
	if err != nil {
		return wrongUse(c, err)
	}
	if o.Client != nil {
		defer o.Client.Close()
	}
	report := repeat(c, f.wait, func() *check.Report { return check.Judge(check.Gather(c.Context(), o)) })
	if err := report.Write(c.OutOrStdout(), f.output); err != nil {
		return err
	}
	if report.Code() > 0 {
		return &exitStatus{report.Code()}
	}
	return nil
}

func (f *checkFlags) options(c *cobra.Command) (check.Options, error) {
	settings, err := config.Load(config.LoadOptions{File: f.shared, Flags: c.Flags()})
	if err != nil {
		return check.Options{}, err
	}
	o := check.Options{
		Pre: f.pre, Namespace: f.space, Vault: settings.Vault, Account: f.account, Audience: f.audience, Interval: f.interval, Version: version,
		AuthMount: settings.Auth.Mount, AuthNamespace: settings.Auth.Namespace, Role: settings.Auth.Role,
	}
	if o.AuthMount == "" {
		o.AuthMount = "auth/kubernetes"
	}
	if !isSaid(settings, "vault.address") {
		o.Vault.Address = ""
	}
	if space, name, ok := strings.Cut(f.account, "/"); f.account != "" && (!ok || space == "" || name == "") {
		return o, fmt.Errorf("--as-serviceaccount %q: write NAMESPACE/NAME", f.account)
	}
	if f.account != "" && o.Role == "" {
		return o, errors.New("--as-serviceaccount needs the name of a role: --auth-role NAME")
	}
	home, _ := os.UserHomeDir() // without one there is no file of a token
	if o.Token, err = preview.FindToken(os.LookupEnv, home); err != nil {
		return o, err
	}
	o.Client, o.ClientErr = f.connect()
	return o, nil
}

// isSaid tells whether somebody has set a key.
func isSaid(c *config.Config, key string) bool {
	return slices.ContainsFunc(c.Settings(), func(s config.Setting) bool { return s.Key == key && s.Source != "default" })
}

// checkPause is the time between two rounds of --wait.
const checkPause = 2 * time.Second

// repeat looks again and again while there are errors, for so long.
func repeat(c *cobra.Command, wait time.Duration, look func() *check.Report) *check.Report {
	ctx, cancel := context.WithTimeout(c.Context(), wait)
	defer cancel()
	for {
		report := look()
		if report.Errors == 0 || ctx.Err() != nil {
			return report
		}
		fmt.Fprintf(c.ErrOrStderr(), "waiting: %s\n", report.Summary())
		timer := time.NewTimer(checkPause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// exitStatus ends the program with a code of its own, without a word.
type exitStatus struct{ code int }

// Error names the code.
func (e *exitStatus) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// wrongUse is for commands in whose codes 1 has a meaning of its own.
func wrongUse(c *cobra.Command, err error) error {
	fmt.Fprintf(c.ErrOrStderr(), "Error: %v\n", err)
	return &exitStatus{2}
}
