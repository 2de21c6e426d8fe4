package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

func newConfigCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Check configuration files, and show what is in effect",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(newConfigValidateCommand(), newConfigShowCommand())
	return c
}

func newConfigValidateCommand() *cobra.Command {
	var agent bool
	c := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a configuration file, and report everything that is wrong with it",
		Long: `Check a configuration file, and report everything that is wrong with it, one
problem per line with its place. Nothing is contacted, and the environment does
not count.

A name that ends in .hcl, and a directory, is taken for a document of the Vault
Agent; every other file for the shared file of all modes, in YAML. The exit
code is 0 if the file is valid, else 1.`,
		Example: `  vaultk8s config validate vaultk8s.yaml
  vaultk8s config validate config.hcl
  vaultk8s config validate --agent config.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			check := checkShared
			if agent || isAgentDocument(args[0]) {
				check = checkAgent
			}
			return reportCheck(c, args[0], check)
		},
	}
	c.Flags().BoolVar(&agent, "agent", false, "the file is a document of the Vault Agent, in HCL or JSON")
	return c
}

func isAgentDocument(name string) bool {
	info, err := os.Stat(name)
	return strings.HasSuffix(name, ".hcl") || err == nil && info.IsDir()
}

func checkShared(name string) (agentfile.Warnings, error) {
	none := func(string) (string, bool) { return "", false }
	_, err := config.Load(config.LoadOptions{File: name, LookupEnv: none})
	return nil, err
}

func checkAgent(name string) (agentfile.Warnings, error) {
	document, warnings, err := agentfile.Load([]string{name})
	if err != nil {
		return warnings, err
	}
	err = document.Validate()
	var problems agentfile.Problems
	if errors.As(err, &problems) {
		for i := range problems {
			problems[i].File = name
		}
		return warnings, problems
	}
	return warnings, err
}

// reportCheck prints what a check found: problems bare, one per line, so that
// editors can jump to them.
func reportCheck(c *cobra.Command, name string, check func(string) (agentfile.Warnings, error)) error {
	warnings, err := check(name)
	for _, w := range warnings {
		fmt.Fprintf(c.ErrOrStderr(), "%v (warning)\n", w)
	}
	if err != nil {
		return listProblems(c, name, err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s is valid\n", name)
	return err
}

// listProblems prints the problems of an error and returns their number as the
// error that is left to tell.
func listProblems(c *cobra.Command, subject string, err error) error {
	var problems config.Problems
	if !errors.As(err, &problems) {
		return err
	}
	fmt.Fprintln(c.ErrOrStderr(), problems)
	return fmt.Errorf("%s not valid, problems: %d", subject, len(problems))
}

func newConfigShowCommand() *cobra.Command {
	var file, output string
	c := &cobra.Command{
		Use:   "show",
		Short: "Show every setting that is in effect, and where it came from",
		Long: `Show every setting that is in effect, and where it came from. A flag beats the
environment, which beats the file, which beats the default. Secrets are not
shown. Without --config, the variable ` + config.ConfigVariable + ` names the file, if any.`,
		Example: `  vaultk8s config show
  vaultk8s config show --config vaultk8s.yaml -o json
  VAULT_ADDR=https://vault:8200 vaultk8s config show --log-level debug`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := config.Load(config.LoadOptions{File: file, Flags: c.Flags()})
			if err != nil {
				return listProblems(c, "settings", err)
			}
			return writeSettings(c.OutOrStdout(), output, loaded.Settings())
		},
	}
	c.Flags().StringVar(&file, "config", "", "the shared file of all modes, in YAML")
	c.Flags().StringVarP(&output, "output", "o", "table", "form of the answer: table, yaml or json")
	config.AddFlags(c.Flags(), "vault", "auth", "log", "telemetry", "agent")
	return c
}

func writeSettings(w io.Writer, form string, settings []config.Setting) error {
	switch form {
	case "table":
		return writeTable(w, settings)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(settings)
	case "yaml":
		text, err := yaml.Marshal(settings)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	default:
		return fmt.Errorf("output %q is unknown: use table, yaml or json", form)
	}
}

func writeTable(w io.Writer, settings []config.Setting) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tVALUE\tSOURCE")
	for _, s := range settings {
		value := s.Value
		// Line breaks, as in certificates, and nothing at all would break the columns.
		if value == "" || strings.ContainsAny(value, "\n\t") {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Key, value, s.Source)
	}
	return table.Flush()
}
