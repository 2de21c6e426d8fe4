package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/injector/manifest"
	"github.com/vaultk8s/vaultk8s/pkg/injector/server"
	"github.com/vaultk8s/vaultk8s/pkg/preview"
)

// manifestFlags are those of inject and uninject.
type manifestFlags struct {
	files  []string
	output string
}

func (f *manifestFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.files, "filename", "f", nil, "file of manifests, - for standard input; may be repeated")
	c.Flags().StringVarP(&f.output, "output", "o", "yaml", "form of the answer: yaml, json, diff or patch")
}

func newInjectCommand() *cobra.Command {
	var f manifestFlags
	var shared, namespace string
	c := &cobra.Command{
		Use:   "inject -f FILE",
		Short: "Give agents to the workloads in manifests, as the webhook would to their pods",
		Long: `Give agents to the workloads in manifests, as the webhook would to their pods, and
print the result. Workloads are Deployments, StatefulSets, DaemonSets, ReplicaSets,
Jobs, CronJobs and Pods, also in Lists; other documents pass through byte for byte.
What is done with each workload is told on standard error, one line beginning with
the document and a reason.

The settings are those of the injector, from flags, the variables AGENT_INJECT_*
and the shared file. No server is contacted. The exit code is 0, or 1 if something
asked for an agent and could not have it, which then stays as it was.`,
		Example: `  vaultk8s inject -f app.yaml --vault-address https://vault:8200 | kubectl apply -f -
  vaultk8s inject -f app.yaml --vault-address https://vault:8200 -o diff
  helm template . | vaultk8s inject -f - --config vaultk8s.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := injectOptions(c, shared)
			if err != nil {
				return err
			}
			o.Namespace = namespace
			return changeManifests(c, f, func(all manifest.Documents) []manifest.Finding { return injectIn(all, o) })
		},
	}
	f.add(c)
	c.Flags().StringVar(&shared, "config", "", "the shared file of all modes, in YAML")
	c.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace of the pods; by default the manifests', else \"default\"")
	config.AddFlags(c.Flags(), "injector")
	return c
}

func injectOptions(c *cobra.Command, shared string) (injector.Options, error) {
	settings, err := config.Load(config.LoadOptions{File: shared, Flags: c.Flags()})
	if err != nil {
		return injector.Options{}, err
	}
	o, err := server.Defaults(settings, preview.CheckTemplate)
	// No cluster is asked; all that are still maintained have native sidecars.
	o.NativeSidecars = settings.Injector.NativeSidecars != "false"
	return o, err
}

// injectIn injects each document in its namespace.
func injectIn(all manifest.Documents, o injector.Options) []manifest.Finding {
	var found []manifest.Finding
	said := o.Namespace
	for _, d := range all {
		o.Namespace = said
		if said == "" && d.Namespace == "" {
			o.Namespace = "default"
		}
		found = append(found, manifest.Documents{d}.Inject(o)...)
	}
	return found
}

func newUninjectCommand() *cobra.Command {
	var f manifestFlags
	c := &cobra.Command{
		Use:   "uninject -f FILE",
		Short: "Take the agents out of workloads in manifests",
		Long: `Take the agents out of workloads in manifests, whether this injector put them there
or the Vault Agent Injector, and print the result. What is done with each workload is
told on standard error. What a JSON patch in an annotation renamed stays.`,
		Example: `  kubectl get deployment app -o yaml | vaultk8s uninject -f - | kubectl apply -f -
  vaultk8s uninject -f injected.yaml -o diff`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return changeManifests(c, f, manifest.Documents.Uninject)
		},
	}
	f.add(c)
	return c
}

// changeManifests reads the files, changes what is in them, and prints it.
func changeManifests(c *cobra.Command, f manifestFlags, change func(manifest.Documents) []manifest.Finding) error {
	if len(f.files) == 0 {
		return errors.New("name the manifests: -f FILE, or -f - for standard input")
	}
	if !slices.Contains(manifest.Forms(), f.output) {
		return manifest.Documents{}.Write(io.Discard, f.output)
	}
	var all manifest.Documents
	for _, name := range f.files {
		text, err := readManifests(c.InOrStdin(), name)
		if err != nil {
			return err
		}
		all = append(all, manifest.Read(name, text)...)
	}
	failed := 0
	for _, finding := range change(all) {
		fmt.Fprintln(c.ErrOrStderr(), finding)
		if finding.Failed {
			failed++
		}
	}
	if err := all.Write(c.OutOrStdout(), f.output); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("documents that could not have what they ask for: %d", failed)
	}
	return nil
}

func readManifests(stdin io.Reader, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	return text, nil
}
