package main

import (
	"cmp"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

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
	var old oldFlags
	c := &cobra.Command{
		Use:   "agent [-- COMMAND ARGUMENTS]",
		Short: "Run beside an application: log in, render templates to files, keep them fresh",
		Long: `Run beside an application: log in to Vault, render templates to files, keep
leases alive and files fresh, and run commands after changes.

It reads the documents of the Vault Agent, in HCL or JSON, from files,
directories or, in base64, from the variable VAULT_CONFIG. Long flags may have
one dash or two. A hangup, or a change of these files and of the templates that
they name, has the agent take over what differs.

A command after -- is run by the agent, as the exec block of the document says,
when every template was rendered once. The exit code is 0 at an
orderly end, that of the application where the agent runs one, and 1 otherwise.`,
		Example: `  vaultk8s agent -config=/vault/configs/config.hcl
  vaultk8s agent -config=config.hcl -exit-after-auth -log-level=debug
  VAULT_CONFIG=$(base64 -w0 config.hcl) vaultk8s agent
  vaultk8s agent -config=env.hcl -- /usr/bin/orders --port 8080`,
		Args: onlyAfterDashes,
		RunE: func(c *cobra.Command, args []string) error {
			return runAgent(agentSource{command: c, documents: documents, shared: shared, old: &old, application: args}, verify)
		},
	}
	flags := c.Flags()
	flags.StringArrayVar(&documents, "config", nil, "agent document: a file, a directory of .hcl and .json files, or env:NAME for a variable that holds one in base64; may be repeated")
	flags.StringVar(&shared, "shared-config", "", "the file that all modes share, in YAML")
	flags.BoolVar(&verify, "test-verify-only", false, "check the configuration and end")
	config.AddFlags(flags, "vault", "log", "telemetry", "agent")
	old.add(flags)
	c.AddCommand(newReadyCommand(), newInstallCommand(), newGenerateConfigCommand())
	return c
}

// runAgent runs an agent, or with verify only puts it together.
func runAgent(source agentSource, verify bool) error {
	o, closeLog, err := source.options()
	if err != nil {
		return err
	}
	if verify {
		return errors.Join(agent.Check(source.command.Context(), o), closeLog())
	}
	signals := make(chan os.Signal, 8) // a few at once; more of one kind say nothing new
	signal.Notify(signals, agent.Signals(o.Document)...)
	defer signal.Stop(signals)
	o.Signals = signals
	tracer, endTraces, err := startTraces("vaultk8s-agent", o.Log)
	if err != nil {
		o.Log.Warn("no traces", slog.String(telemetry.FieldError, err.Error()))
	}
	o.Tracer = tracer
	err = agent.Run(source.command.Context(), o)
	endTraces()
	return errors.Join(err, closeLog())
}

// agentSource is where an agent's configuration is read, at start and again
// whenever it changes.
type agentSource struct {
	command   *cobra.Command
	documents []string // files and directories; none: the variable
	shared    string
	old       *oldFlags

	application []string // command after --; none: that of the document
}

// options turns flags, environment and documents into the options of an agent.
func (s agentSource) options() (agent.Options, func() error, error) {
	settings, document, warnings, err := s.read()
	if err != nil {
		return agent.Options{}, nil, err
	}
	log, closeLog, err := telemetry.NewLogger(settings.Log, s.command.ErrOrStderr())
	if err != nil {
		return agent.Options{}, nil, err
	}
	for _, w := range warnings {
		log.Warn("configuration", slog.String("finding", w.String()))
	}
	return agent.Options{
		Config: settings, Document: document, Log: log, Metrics: telemetry.NewMetrics(), Environ: withoutOwn(os.Environ()), Version: version,
		Socket: cmp.Or(os.Getenv(socketVariable), agent.DefaultSocket()),
		Reload: func() (*config.Config, *agentfile.Document, error) {
			settings, document, _, err := s.read()
			return settings, document, err
		},
		Files: s.files,
	}, closeLog, nil
}

func (s agentSource) read() (*config.Config, *agentfile.Document, agentfile.Warnings, error) {
	document, warnings, err := readDocument(s.documents)
	if err != nil {
		return nil, nil, nil, err
	}
	document.RunApplication(s.application)
	if err := document.Validate(); err != nil {
		return nil, nil, warnings, err
	}
	settings, err := config.Load(config.LoadOptions{
		File: s.shared, Flags: s.command.Flags(), Document: document.Settings(), DocumentName: "the agent's document",
	})
	if err != nil {
		return nil, nil, nil, err
	}
	agent.Apply(settings, document)
	return settings, document, warnings, s.old.apply(settings)
}

// files lists what read reads, with the files of directories as they are now.
func (s agentSource) files() []string {
	all := []string{cmp.Or(s.shared, os.Getenv(config.ConfigVariable))}
	for _, path := range s.documents {
		inside, _ := os.ReadDir(path) // a file has none
		for _, f := range inside {
			all = append(all, filepath.Join(path, f.Name()))
		}
		all = append(all, path)
	}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

// readDocument reads the documents that were named, or the one in the environment.
func readDocument(paths []string) (*agentfile.Document, agentfile.Warnings, error) {
	if len(paths) > 0 {
		return agentfile.Load(paths)
	}
	if encoded := os.Getenv(documentVariable); encoded != "" {
		return agentfile.DecodeBase64(documentVariable, encoded)
	}
	return nil, nil, errors.New("must specify exactly at least one config path using -config")
}

// onlyAfterDashes refuses arguments before "--", which are most likely flags that
// lack their dashes.
func onlyAfterDashes(c *cobra.Command, args []string) error {
	if dash := c.ArgsLenAtDash(); len(args) > 0 && dash != 0 {
		return cobra.NoArgs(c, args)
	}
	return nil
}

// withoutOwn leaves out the variables that are about this agent, and would make
// an agent below the application do the same again.
func withoutOwn(environ []string) []string {
	return slices.DeleteFunc(environ, func(v string) bool {
		return strings.HasPrefix(v, documentVariable+"=") || strings.HasPrefix(v, socketVariable+"=")
	})
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
