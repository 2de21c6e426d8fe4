package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// version is set by the build.
var version = "dev"

// build describes the program.
type build struct {
	Version  string `json:"version" yaml:"version"`
	Revision string `json:"revision,omitempty" yaml:"revision,omitempty"`
	Go       string `json:"go" yaml:"go"`
	Platform string `json:"platform" yaml:"platform"`
}

func newVersionCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Example: "  vaultk8s version\n  vaultk8s version -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := thisBuild().format(output)
			if err == nil {
				_, err = fmt.Fprintln(c.OutOrStdout(), text)
			}
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "form of the answer: text, json or yaml")
	return c
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return b
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

func (b build) format(form string) (string, error) {
	switch form {
	case "text":
		return fmt.Sprintf("vaultk8s %s (%s, %s)", b.Version, b.Go, b.Platform), nil
	case "json":
		text, err := json.MarshalIndent(b, "", "  ")
		return string(text), err
	case "yaml":
		text, err := yaml.Marshal(b)
		return string(text[:max(len(text)-1, 0)]), err
	default:
		return "", fmt.Errorf("output %q is unknown: use text, json or yaml", form)
	}
}
