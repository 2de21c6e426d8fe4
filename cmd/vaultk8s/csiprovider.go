package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/csi"
	"github.com/vaultk8s/vaultk8s/pkg/startup"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// nodeVariable is where manifests put the name of the node, by the downward API.
const nodeVariable = "NODE_NAME"

// csiFlags are the flags of the CSI provider that are no settings.
type csiFlags struct {
	shared, output string
	debug, version bool
}

func newCSIProviderCommand() *cobra.Command {
	var own csiFlags
	c := &cobra.Command{
		Use:   "csi-provider",
		Short: "Serve the Secrets Store CSI Driver: bring secrets into volumes of pods",
		Long: `Serve the Secrets Store CSI Driver as its provider "vault", and as "openbao" at a
second socket: bring the secrets of SecretProviderClasses into volumes of pods.

It takes the flags, variables and SecretProviderClasses of the Vault CSI Provider
and of OpenBao's. Long flags may have one dash or two.`,
		Example: `  vaultk8s csi-provider -endpoint=/provider/vault.sock
  vaultk8s csi-provider -endpoint=/provider/vault.sock,/provider/openbao.sock -vault-addr=https://vault:8200
  VAULT_ADDR=https://vault:8200 vaultk8s csi-provider -endpoint=/provider/vault.sock -log-level=debug`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if own.version {
				return writeVersion(c.OutOrStdout(), own.output)
			}
			startup.Over()
			return runCSIProvider(c, own)
		},
	}
	flags := c.Flags()
	flags.StringVar(&own.shared, "shared-config", "", "the file that all modes share, in YAML")
	flags.BoolVar(&own.debug, "debug", false, "the same as -log-level=debug")
	flags.BoolVar(&own.version, "version", false, "print the version and end")
	flags.StringVar(&own.output, "output", "json", "form of the version: json, json-pretty or yaml")
	config.AddFlags(flags, "vault", "log", "csi")
	flags.SetNormalizeFunc(oldNames)
	return c
}

// oldNames lets the flags of the old providers stand for ours.
func oldNames(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	rest, vault := strings.CutPrefix(name, "vault-")
	rest, openbao := strings.CutPrefix(rest, "openbao-")
	if !vault && !openbao {
		return pflag.NormalizedName(name)
	}
	switch rest {
	case "addr":
		name = "address"
	case "mount":
		name = "vault-mount"
	case "namespace":
		name = rest
	case "tls-ca-cert":
		name = "ca-cert"
	case "tls-ca-directory":
		name = "ca-path"
	case "tls-client-cert", "tls-client-key":
		name = strings.TrimPrefix(rest, "tls-")
	case "tls-server-name", "tls-skip-verify":
		name = rest
	}
	return pflag.NormalizedName(name)
}

func runCSIProvider(c *cobra.Command, own csiFlags) error {
	quiet, err := oldLevel(c.Flags(), own.debug)
	if err != nil {
		return err
	}
	settings, err := config.Load(config.LoadOptions{File: own.shared, Flags: c.Flags()})
	if err != nil {
		return err
	}
	out := c.ErrOrStderr()
	if quiet {
		out = io.Discard
	}
	log, closeLog, err := telemetry.NewLogger(settings.Log, out)
	if err != nil {
		return err
	}
	settings.CSI.NodeName = cmp.Or(settings.CSI.NodeName, os.Getenv(nodeVariable))
	kube, err := csi.InCluster(os.LookupEnv)
	if err != nil {
		log.Warn("the provider is in no cluster", slog.String(telemetry.FieldError, err.Error()))
	}
	metrics := telemetry.NewMetrics()
	metrics.AddBuildInfo(version)
	provider := csi.New(csi.Options{CSI: settings.CSI, Vault: settings.Vault, Log: log, Metrics: metrics, Version: version, Kube: kube})
	return errors.Join(provider.Run(c.Context()), closeLog())
}

// oldLevel judges the level as the old provider does: an unknown one counts as
// info, off means no log at all, and the flag debug counts where none is given.
func oldLevel(flags *pflag.FlagSet, debug bool) (quiet bool, err error) {
	flag := flags.Lookup("log-level")
	name := strings.ToLower(flag.Value.String())
	switch {
	case !flag.Changed && debug:
		return false, flags.Set("log-level", "debug")
	case !flag.Changed, slices.Contains([]string{"trace", "debug", "info", "warn", "warning", "error", "err", "notice"}, name):
		return false, nil
	case name == "off":
		return true, flags.Set("log-level", "error")
	}
	return false, flags.Set("log-level", "info")
}

// writeVersion prints the version in the forms that the old provider has.
func writeVersion(w io.Writer, form string) error {
	what := map[string]string{"version": version, "goVersion": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	var text []byte
	var err error
	switch form {
	case "json":
		text, err = json.Marshal(what)
	case "json-pretty":
		text, err = json.MarshalIndent(what, "", "  ")
	case "yaml":
		text, err = yaml.Marshal(what)
	default:
		return fmt.Errorf("output %q is unknown: use json, json-pretty or yaml", form)
	}
	if err == nil {
		_, err = fmt.Fprintln(w, strings.TrimSpace(string(text)))
	}
	return err
}
