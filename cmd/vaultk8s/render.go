package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/preview"
)

// renderFlags are the flags of the command render, besides those of the settings.
type renderFlags struct {
	contents, data, shared, output string
	show, allowWrites              bool
	template                       preview.Template
	format                         preview.Format
}

func newRenderCommand() *cobra.Command {
	var f renderFlags
	c := &cobra.Command{
		Use:   "render [TEMPLATE]",
		Short: "Render one template or secret, to see what the agent would write",
		Long: `Render one template or secret, to see what the agent would write. The template is
a file, "-" for standard input, or the text given with --contents. In its place,
--secret names one secret, and --format how it is written.

Secrets come from Vault, or with --data from a file, in JSON or YAML, that maps
paths to Vault's answers as "vault read -format=json" prints them:

  {"secret/data/app": {"data": {"data": {"password": "x"}}}}

For Vault the token is that of VAULT_TOKEN or of the file ~/.vault-token. Where an
auth method or role is given, the command logs in with it instead, and revokes
that token at the end. Leases that the template makes Vault issue are revoked at
the end, too. What would write to Vault, or issue a certificate, is refused unless
allowed.

Values are not shown: stand-ins take their places, "[redacted]" for a text, 0 for a
number and false for a boolean. Whether the template works was found out with the
values before. Local files that the template reads are shown. The exit code is 0,
or 1 if the template is wrong or a secret is missing.`,
		Example: `  vaultk8s render db.ctmpl
  vaultk8s render db.ctmpl --show -o /dev/shm/db
  vaultk8s render db.ctmpl --data answers.json --show
  vaultk8s render --auth-method kubernetes --auth-role orders db.ctmpl
  vaultk8s render --secret secret/app --format env
  vaultk8s render --contents '{{ with secret "secret/app" }}{{ .Data.data.user }}{{ end }}'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return renderTemplate(c, args, f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.contents, "contents", "", "the template itself, in place of a file")
	flags.StringVar(&f.data, "data", "", "file of answers, in place of Vault")
	flags.StringVar(&f.shared, "config", "", "the shared file of all modes, in YAML")
	flags.StringVarP(&f.output, "output", "o", "", "file to write, with permissions 0600 if it is new, or directory for a format that makes one; standard output if empty")
	flags.StringVar(&f.format.Secret, "secret", "", "path of one secret, in place of a template")
	flags.StringVar(&f.format.Name, "format", "json", "how that secret is written")
	flags.StringArrayVar(&f.format.Keys, "key", nil, "key of that secret to take, may be repeated; all if absent")
	flags.StringToStringVar(&f.format.Params, "param", nil, "parameter NAME=VALUE of a write to that path; may be repeated")
	flags.StringVar(&f.format.PasswordFile, "password-file", "", "file that holds the password of a keystore")
	flags.BoolVar(&f.show, "show", false, "show the values of secrets")
	flags.BoolVar(&f.allowWrites, "allow-writes", false, "do what writes to Vault or issues a certificate")
	flags.StringVar(&f.template.LeftDelim, "left-delimiter", "{{", "how an action begins")
	flags.StringVar(&f.template.RightDelim, "right-delimiter", "}}", "how an action ends")
	flags.BoolVar(&f.template.ErrorOnMissingKey, "error-on-missing-key", false, "a key that a secret does not have is an error")
	config.AddFlags(flags, "vault", "auth")
	return c
}

func renderTemplate(c *cobra.Command, args []string, f renderFlags) error {
	if err := f.readTemplate(c.InOrStdin(), args); err != nil {
		return err
	}
	source, end, err := f.source(c)
	if err != nil {
		return err
	}
	out, err := f.render(c.Context(), source)
	if err := errors.Join(err, end()); err != nil {
		return err
	}
	for _, file := range out.Writes {
		fmt.Fprintf(c.ErrOrStderr(), "note: the template also writes %q, which this command does not\n", file)
	}
	if !f.show {
		fmt.Fprintln(c.ErrOrStderr(), "note: values are redacted; --show shows them")
	}
	if out.Files != nil {
		return writeFiles(c.OutOrStdout(), f.output, out)
	}
	return writeOutput(c.OutOrStdout(), f.output, out.Output)
}

func (f *renderFlags) render(ctx context.Context, source preview.Source) (*preview.Rendered, error) {
	if f.format.Secret != "" {
		return preview.RenderFormat(ctx, source, f.format, f.show)
	}
	return preview.Render(ctx, source, f.template, f.show)
}

// readTemplate finds the template, unless a secret is named, of which there must be
// exactly one.
func (f *renderFlags) readTemplate(stdin io.Reader, args []string) error {
	said := len(args)
	for _, other := range []string{f.contents, f.format.Secret} {
		if other != "" {
			said++
		}
	}
	switch {
	case said != 1:
		return errors.New("name one template: a file, - for standard input, or --contents TEXT; or one secret: --secret PATH")
	case f.format.Secret != "":
		return nil
	case f.contents != "":
		f.template.Name, f.template.Text = "--contents", f.contents
		return nil
	case args[0] == "-":
		content, err := io.ReadAll(stdin)
		f.template.Name, f.template.Text = "standard input", string(content)
		return err
	}
	content, err := os.ReadFile(args[0])
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	f.template.Name, f.template.Text = args[0], string(content)
	return nil
}

// source returns what answers the template, and what ends it.
func (f *renderFlags) source(c *cobra.Command) (preview.Source, func() error, error) {
	if f.data != "" {
		data, err := preview.ReadData(f.data)
		return data, func() error { return nil }, err
	}
	v, err := connect(c, f.shared, f.allowWrites)
	if err != nil {
		return nil, nil, err
	}
	return v, func() error { return v.Close(c.Context()) }, nil
}

// connect reaches Vault with the settings of a command: with the token of whoever
// runs it or, where the settings say how, with a login.
func connect(c *cobra.Command, shared string, allowWrites bool) (*preview.Vault, error) {
	settings, err := config.Load(config.LoadOptions{File: shared, Flags: c.Flags()})
	if err != nil {
		return nil, err
	}
	o := preview.ConnectOptions{Config: settings, AllowWrites: allowWrites, Version: version}
	if !saysHowToLogIn(settings) {
		home, _ := os.UserHomeDir() // without one there is no file of a token
		if o.Token, err = preview.FindToken(os.LookupEnv, home); err != nil {
			return nil, err
		}
		if o.Token.Empty() {
			return nil, errors.New("no token: set VAULT_TOKEN, log in with Vault's own tool, or say how to log in, such as --auth-role NAME")
		}
	}
	return dial(c.Context(), o)
}

func dial(ctx context.Context, o preview.ConnectOptions) (*preview.Vault, error) {
	v, err := preview.Connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("connect to Vault: %w", err)
	}
	return v, nil
}

func saysHowToLogIn(c *config.Config) bool {
	for _, s := range c.Settings() {
		if strings.HasPrefix(s.Key, "auth.") && s.Source != "default" {
			return true
		}
	}
	return false
}

// writeFiles writes a directory or, to a terminal, one file below the other.
func writeFiles(stdout io.Writer, dir string, out *preview.Rendered) error {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	for _, file := range out.Files {
		if dir == "" {
			fmt.Fprintf(stdout, "==> %s <==\n%s\n", file.Name, file.Content)
			continue
		}
		if err := writeOutput(stdout, filepath.Join(dir, file.Name), file.Content); err != nil {
			return err
		}
	}
	return nil
}

func writeOutput(stdout io.Writer, name string, content []byte) error {
	if name == "" {
		_, err := stdout.Write(content)
		return err
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
