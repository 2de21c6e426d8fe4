package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/migrate"
	"github.com/vaultk8s/vaultk8s/pkg/preview"
)

func newMigrateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Convert what the older tools use, and plan the way from them",
		Long: `Convert what the older tools use: chart values, annotations, agent documents and
custom resources; and plan the way from them in a cluster. What becomes of each part
is told on standard error, or with -o json beside the result: kept, renamed, added,
ignored, warning, cannot (somebody has to decide), hint (there is something better).

Nothing is ever written to a cluster: the plan prints the commands. The exit code is
0, or 1 if something cannot be converted.`,
		Args: cobra.NoArgs,
	}
	c.AddCommand(newMigrateValuesCommand(), newMigrateAnnotationsCommand(), newMigrateAgentCommand(), newMigrateResourcesCommand(), newMigratePlanCommand())
	return c
}

// files are the inputs of a conversion.
type files []string

func (f *files) add(c *cobra.Command, what string) {
	c.Flags().StringArrayVarP((*[]string)(f), "filename", "f", nil, what+", - for standard input; may be repeated")
}

func (f files) read(stdin io.Reader) ([]migrate.Manifest, error) {
	if len(f) == 0 {
		return nil, errors.New("name the file: -f FILE, or -f - for standard input")
	}
	var all []migrate.Manifest
	for _, name := range f {
		text, err := readManifests(stdin, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migrate.Manifest{Name: name, Text: text})
	}
	return all, nil
}

func texts(all []migrate.Manifest) [][]byte {
	out := make([][]byte, len(all))
	for i, one := range all {
		out[i] = one.Text
	}
	return out
}

func newMigrateValuesCommand() *cobra.Command {
	var f files
	var output string
	c := &cobra.Command{
		Use:   "values -f FILE",
		Short: "Convert values of the charts vault-helm and vault-secrets-operator",
		Long: `Convert values of the charts vault-helm (its injector, csi and global) and
vault-secrets-operator to those of our chart, and print them. Later files override
earlier ones. The chart accepts the old spellings, too; the converted values say the
same without them. With -o json values and report are printed together.`,
		Example: `  helm get values vault -n vault -o yaml | vaultk8s migrate values -f - > values.yaml
  vaultk8s migrate values -f injector.yaml -f operator.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := f.read(c.InOrStdin())
			if err != nil {
				return err
			}
			made, notes, err := migrate.Values(texts(all)...)
			if err != nil {
				return err
			}
			return tell(c, output, "yaml", made, notes)
		},
	}
	f.add(c, "file of values")
	c.Flags().StringVarP(&output, "output", "o", "yaml", "form of the answer: yaml or json")
	return c
}

// tell prints what was made, and the notes beside it or below.
func tell(c *cobra.Command, output, plain string, made []byte, notes migrate.Notes) error {
	switch output {
	case plain:
		if _, err := c.OutOrStdout().Write(made); err != nil {
			return err
		}
		if len(notes) == 0 && made != nil {
			return nil
		}
		if err := notes.Write(c.ErrOrStderr()); err != nil {
			return err
		}
	case "json":
		answer := map[string]any{"notes": append(migrate.Notes{}, notes...)}
		if made != nil {
			var values any
			if err := yaml.Unmarshal(made, &values); err != nil {
				return err
			}
			answer["values"] = values
		}
		if err := encodeJSON(c.OutOrStdout(), answer); err != nil {
			return err
		}
	default:
		return fmt.Errorf("output %q is unknown: use %s or json", output, plain)
	}
	if n := notes.Count(migrate.Cannot); n > 0 {
		return fmt.Errorf("parts that cannot be converted: %d", n)
	}
	return nil
}

func encodeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func newMigrateAnnotationsCommand() *cobra.Command {
	var f files
	var output string
	c := &cobra.Command{
		Use:   "annotations -f FILE",
		Short: "Look at manifests that the Vault Agent Injector serves",
		Long: `Look at manifests that the Vault Agent Injector serves. Their annotations stay as
they are; the report tells what our injector says to them, and what it has beyond.`,
		Example: `  vaultk8s migrate annotations -f app.yaml
  kubectl get deployments -A -o yaml | vaultk8s migrate annotations -f -`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := f.read(c.InOrStdin())
			if err != nil {
				return err
			}
			notes, err := migrate.Annotations(preview.CheckTemplate, all...)
			return report(c, output, notes, err)
		},
	}
	f.add(c, "file of manifests")
	c.Flags().StringVarP(&output, "output", "o", "table", "form of the answer: table or json")
	return c
}

// report prints notes that are the whole answer.
func report(c *cobra.Command, output string, notes migrate.Notes, err error) error {
	if err != nil {
		return err
	}
	if output == "table" {
		c.SetErr(c.OutOrStdout())
	}
	return tell(c, output, "table", nil, notes)
}

func newMigrateAgentCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "agent-config FILE",
		Short: "Check a document of the Vault Agent, and write it in another form",
		Long: `Check a document of the Vault Agent, in HCL or JSON, and write it as HCL, as JSON, or
as annotations of a pod, as far as they can say the same.`,
		Example: `  vaultk8s migrate agent-config agent.hcl
  vaultk8s migrate agent-config agent.hcl -o annotations`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := readManifests(c.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			made, notes, err := migrate.AgentConfig(args[0], text, output)
			if err != nil {
				return listProblems(c, fmt.Sprintf("%q", args[0]), err)
			}
			return tell(c, "document", "document", made, notes)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "hcl", "form of the answer: hcl, json or annotations")
	return c
}

func newMigrateResourcesCommand() *cobra.Command {
	var f files
	var output string
	c := &cobra.Command{
		Use:   "crs -f FILE",
		Short: "Look at custom resources of the Vault Secrets Operator",
		Long: `Look at custom resources of the Vault Secrets Operator. They stay as they are; the
report names likely mistakes, what behaves in another way, and kinds that have ended.`,
		Example: `  vaultk8s migrate crs -f secrets.yaml
  kubectl get vaultauths,vaultstaticsecrets -A -o yaml | vaultk8s migrate crs -f - -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := f.read(c.InOrStdin())
			if err != nil {
				return err
			}
			notes, err := migrate.Resources(texts(all)...)
			return report(c, output, notes, err)
		},
	}
	f.add(c, "file of manifests")
	c.Flags().StringVarP(&output, "output", "o", "table", "form of the answer: table or json")
	return c
}

func newMigratePlanCommand() *cobra.Command {
	var f clusterFlags
	var output string
	var t migrate.Target
	c := &cobra.Command{
		Use:   "plan",
		Short: "Look at a cluster, and print the steps from the older tools with their commands",
		Long: `Look at a cluster for the Vault Agent Injector, the Vault CSI Provider and the Vault
Secrets Operator, and print the steps that lead from them to vaultk8s, with the
commands, a check after each, and the way back. Words in capitals are for you to fill
in. It only reads: the steps are yours to run, one by one.`,
		Example: `  vaultk8s migrate plan --context production
  vaultk8s migrate plan -o json | jq -r '.stages[].steps[].commands[]'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "markdown" && output != "json" {
				return fmt.Errorf("output %q is unknown: use markdown or json", output)
			}
			client, err := f.connect()
			if err != nil {
				return err
			}
			defer client.Close()
			found, err := migrate.Look(c.Context(), client)
			if err != nil {
				return err
			}
			plan := migrate.MakePlan(found, t)
			if output == "json" {
				return encodeJSON(c.OutOrStdout(), plan)
			}
			return plan.Write(c.OutOrStdout())
		},
	}
	f.add(c)
	c.Flags().StringVarP(&output, "output", "o", "markdown", "form of the answer: markdown or json")
	c.Flags().StringVar(&t.Release, "release", "vaultk8s", "name of our releases")
	c.Flags().StringVarP(&t.Namespace, "release-namespace", "n", "vault", "namespace of our releases")
	c.Flags().StringVar(&t.Chart, "chart", "./charts/vaultk8s", "our chart, as Helm is given it")
	return c
}
