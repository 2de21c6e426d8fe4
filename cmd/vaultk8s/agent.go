package main

import (
	"cmp"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vaultk8s/vaultk8s/pkg/agent"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

const (
	// documentVariable holds a whole agent document in base64: the injector
	// passes it so, which spares the pod a shell that writes it to a file.
	documentVariable = "VAULT_CONFIG"
	socketVariable   = "VAULTK8S_AGENT_SOCKET"
)

func newAgentCommand() *cobra.Command {
	var documents []string
	var shared string
	var verify bool
	c := &cobra.Command{
		Use:   "agent",
		Short: "Run beside an application: log in, render templates to files, keep them fresh",
		Long: `Run beside an application: log in to Vault, render templates to files, keep
leases alive and files fresh, and run commands after changes.

It reads the documents of the Vault Agent, in HCL or JSON, from files,
directories or, in base64, from the variable VAULT_CONFIG. Long flags may have
one dash or two. The exit code is 0 at an orderly end and 1 otherwise.`,
		Example: `  vaultk8s agent -config=/vault/configs/config.hcl
  vaultk8s agent -config=config.hcl -exit-after-auth -log-level=debug
  VAULT_CONFIG=$(base64 -w0 config.hcl) vaultk8s agent`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, closeLog, err := agentOptions(c, documents, shared)
			if err != nil {
				return err
			}
			run := agent.Run
			if verify {
				run = agent.Check
			}
			// A hangup, which a terminal or a manager may send, is no reason to end.
			signal.Ignore(syscall.SIGHUP)
			return errors.Join(run(c.Context(), o), closeLog())
		},
	}
	flags := c.Flags()
	flags.StringArrayVar(&documents, "config", nil, "agent document: a file, or a directory of .hcl and .json files; may be repeated")
	flags.StringVar(&shared, "shared-config", "", "the file that all modes share, in YAML")
	flags.BoolVar(&verify, "test-verify-only", false, "check the configuration and end")
	config.AddFlags(flags, "vault", "log", "telemetry", "agent")
	c.AddCommand(newReadyCommand())
	return c
}

// agentOptions turns flags, environment and documents into the options of an agent.
func agentOptions(c *cobra.Command, documents []string, shared string) (agent.Options, func() error, error) {
	document, warnings, err := readDocument(documents)
	if err != nil {
		return agent.Options{}, nil, err
	}
	settings, err := config.Load(config.LoadOptions{
		File: shared, Flags: c.Flags(), Document: document.Settings(), DocumentName: "the agent's document",
	})
	if err != nil {
		return agent.Options{}, nil, err
	}
	agent.Apply(settings, document)
	log, closeLog, err := telemetry.NewLogger(settings.Log, c.ErrOrStderr())
	if err != nil {
		return agent.Options{}, nil, err
	}
	for _, w := range warnings {
		log.Warn("configuration", slog.String("finding", w.String()))
	}
	return agent.Options{
		Config: settings, Document: document, Log: log, Metrics: telemetry.NewMetrics(), Environ: os.Environ(), Version: version,
		Socket: cmp.Or(os.Getenv(socketVariable), agent.DefaultSocket()),
	}, closeLog, nil
}

// readDocument reads the documents that were named, or the one in the environment.
func readDocument(paths []string) (*agentfile.Document, agentfile.Warnings, error) {
	encoded := os.Getenv(documentVariable)
	var document *agentfile.Document
	var warnings agentfile.Warnings
	var err error
	switch {
	case len(paths) > 0:
		document, warnings, err = agentfile.Load(paths)
	case encoded != "":
		document, warnings, err = agentfile.DecodeBase64(documentVariable, encoded)
	default:
		return nil, nil, errors.New("must specify exactly at least one config path using -config")
	}
	if err != nil {
		return nil, nil, err
	}
	return document, warnings, document.Validate()
}

func newReadyCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "ready",
		Short: "Tell whether the agent of this pod has delivered everything once",
		Long: `Tell whether the agent of this pod has delivered everything once: exit code 0 if
so, else 1 with what it waits for. Made for exec probes.`,
		Example: "  vaultk8s agent ready",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return agent.CheckReady(c.Context(), cmp.Or(socket, os.Getenv(socketVariable), agent.DefaultSocket()))
		},
	}
	c.Flags().StringVar(&socket, "socket", "", "the agent's status socket; by default "+socketVariable+", else the agent's default")
	return c
}
