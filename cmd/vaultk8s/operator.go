package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// operatorFlags are the flags of the operator that are no settings.
type operatorFlags struct {
	shared, output string
	version        bool
	level, encoder string // of the old operator's logger
}

func newOperatorCommand() *cobra.Command {
	var own operatorFlags
	c := &cobra.Command{
		Use:     "operator",
		Aliases: []string{"vault-secrets-operator"},
		Short:   "Keep Kubernetes Secrets equal to what Vault holds, by custom resources",
		Long: `Keep Kubernetes Secrets equal to what Vault holds, as VaultStaticSecrets,
VaultDynamicSecrets and VaultPKISecrets say.

It takes the custom resources, flags and variables (VSO_*) of the Vault Secrets
Operator; these variables are stronger than flags. Any number of replicas may run:
one works, and another goes on at once when it ends. With --shards several work at
a time.`,
		Example: `  vaultk8s operator --operator-namespace vault-secrets-operator-system
  vaultk8s operator --kubeconfig ~/.kube/config --operator-namespace default
  vaultk8s operator --shards 4 --shard-quota 2 --client-cache-persistence-model direct-encrypted
  vaultk8s operator --uninstall --pre-delete-hook-timeout-seconds 120`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if own.version {
				return writeVersion(c.OutOrStdout(), own.output)
			}
			return runOperator(c, own)
		},
	}
	flags := c.Flags()
	flags.StringVar(&own.shared, "config", "", "the file that all modes share, in YAML")
	flags.BoolVar(&own.version, "version", false, "print the version and end")
	flags.StringVar(&own.output, "output", "json", "form of the version: json, json-pretty or yaml")
	config.AddFlags(flags, "log", "operator")
	own.addOld(flags)
	return c
}

// addOld adds the flags of the old operator's logger. The chart of that one gives
// them, so they are taken; help does not list them.
func (o *operatorFlags) addOld(flags *pflag.FlagSet) {
	flags.StringVar(&o.level, "zap-log-level", "", "")
	flags.StringVar(&o.encoder, "zap-encoder", "", "")
	flags.String("zap-time-encoding", "", "")
	flags.String("zap-stacktrace-level", "", "")
	flags.Bool("zap-devel", false, "")
	for _, name := range []string{"zap-log-level", "zap-encoder", "zap-time-encoding", "zap-stacktrace-level", "zap-devel"} {
		if err := flags.MarkHidden(name); err != nil {
			panic(err) // the flag was just added
		}
	}
}

// apply lets the flags of the old logger stand for ours, unless ours are given.
func (o *operatorFlags) apply(flags *pflag.FlagSet) error {
	var problems []error
	set := func(name, value string) {
		if value != "" && !flags.Changed(name) {
			problems = append(problems, flags.Set(name, value))
		}
	}
	switch level := strings.ToLower(o.level); level {
	case "debug-extended":
		set("log-level", "debug")
	case "panic", "fatal", "dpanic":
		set("log-level", "error")
	default:
		set("log-level", oldNumber(level))
	}
	switch o.encoder {
	case "console":
		set("log-format", "text")
	default:
		set("log-format", o.encoder)
	}
	return errors.Join(problems...)
}

// oldNumber reads a level that is a number: the more, the more is told.
func oldNumber(level string) string {
	if level == "" || strings.Trim(level, "0123456789") != "" {
		return level
	}
	switch level {
	case "0":
		return "info"
	case "1", "2", "3", "4":
		return "debug"
	}
	return "trace"
}

func runOperator(c *cobra.Command, own operatorFlags) error {
	if err := own.apply(c.Flags()); err != nil {
		return err
	}
	settings, err := config.Load(config.LoadOptions{File: own.shared, Flags: c.Flags()})
	if err != nil {
		return err
	}
	log, closeLog, err := telemetry.NewLogger(settings.Log, c.ErrOrStderr())
	if err != nil {
		return err
	}
	err = operator.Run(c.Context(), operator.Options{Config: settings, Log: log, Version: version})
	return errors.Join(err, closeLog())
}
