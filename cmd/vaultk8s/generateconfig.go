package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/preview"
)

// defaultDocument is the file that generate-config writes unless told otherwise.
const defaultDocument = "agent.hcl"

// generateFlags are the flags of the command, besides those of the settings.
type generateFlags struct {
	kind, exec string
	paths      []string
	force      bool
}

func newGenerateConfigCommand() *cobra.Command {
	var f generateFlags
	c := &cobra.Command{
		Use:   "generate-config [FILE]",
		Short: "Write an agent document that gives secrets to a process as environment variables",
		Long: `Write an agent document that gives secrets to a process as environment variables:
one env_template for each key of the secrets at -path, which may be repeated. A
path that ends in /* stands for all secrets below it. Only key-value secrets are
taken, because the keys of others are not known in advance.

A variable has the name of the last part of the path and of the key, in capitals:
key api-key of secret/foo is FOO_API_KEY.

Vault is read with the token of VAULT_TOKEN or of the file ~/.vault-token. The
document logs in with that file, which is for trials: choose another method before
you take it to a cluster. FILE is ` + defaultDocument + ` if absent, "-" is standard output.`,
		Example: `  vaultk8s agent generate-config -type=env-template -exec="./app serve" -path=secret/foo
  vaultk8s agent generate-config -type=env-template -path=secret/foo/* -path=kv/bar app.hcl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file := defaultDocument
			if len(args) == 1 {
				file = args[0]
			}
			return generateConfig(c, file, f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.kind, "type", "", "what the document is for; env-template is all there is")
	flags.StringArrayVar(&f.paths, "path", nil, "path of a secret, or of a folder with /* behind it; may be repeated")
	flags.StringVar(&f.exec, "exec", "env", "command line of the process")
	flags.BoolVar(&f.force, "force", false, "replace a file that is there already")
	config.AddFlags(flags, "vault")
	return c
}

func generateConfig(c *cobra.Command, file string, f generateFlags) error {
	switch {
	case f.kind != "env-template":
		return fmt.Errorf("type %q is unknown: write -type=env-template", f.kind)
	case len(f.paths) == 0:
		return errors.New("no path: write -path=PATH, as often as there are secrets")
	}
	if _, err := os.Stat(file); err == nil && !f.force && file != "-" {
		return fmt.Errorf("%q is there already: choose another name, or replace it with -force", file)
	}
	made, err := generate(c, f)
	if err != nil {
		return err
	}
	for _, note := range made.Notes {
		fmt.Fprintf(c.ErrOrStderr(), "note: %s\n", note)
	}
	if err := writeDocument(c, file, f.force, made.Document); err != nil {
		return err
	}
	fmt.Fprintln(c.ErrOrStderr(), "note: the document logs in with the method token_file, which is for trials only")
	return nil
}

func generate(c *cobra.Command, f generateFlags) (*preview.Generated, error) {
	settings, err := config.Load(config.LoadOptions{Flags: c.Flags()})
	if err != nil {
		return nil, err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fmt.Errorf("find the token's file: %w", err)
	}
	token, err := preview.FindToken(os.LookupEnv, home)
	if err != nil {
		return nil, err
	}
	if token.Empty() {
		return nil, errors.New("no token: set VAULT_TOKEN, or log in with Vault's own tool")
	}
	v, err := dial(c.Context(), preview.ConnectOptions{Config: settings, Token: token, Version: version})
	if err != nil {
		return nil, err
	}
	made, err := preview.GenerateConfig(c.Context(), v, preview.GenerateOptions{
		Paths: f.paths, Exec: f.exec, Vault: settings.Vault, TokenFile: preview.TokenFile(home),
	})
	return made, errors.Join(err, v.Close(c.Context()))
}

func writeDocument(c *cobra.Command, name string, force bool, content []byte) error {
	if name == "-" {
		_, err := c.OutOrStdout().Write(content)
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(name, flags, fs.FileMode(0o644))
	if err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write document: %w", err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s is written\n", name)
	return err
}
