package preview

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Source fetches what a template asks for.
type Source interface {
	// Fetch returns the answer to a query. An error names the query, and no value.
	Fetch(ctx context.Context, q secret.Query) (*secret.Response, error)
}

// Template is what is rendered.
type Template struct {
	Name              string // as errors call it
	Text              string
	LeftDelim         string // "": {{
	RightDelim        string // "": }}
	ErrorOnMissingKey bool
}

// Format is what is made of one secret without a template; package render says
// which formats there are.
type Format struct {
	Name         string            // "": json
	Secret       string            // path, with a query string where one is wanted
	Params       map[string]string // of a write; none reads
	Keys         []string          // that are taken; none takes all
	PasswordFile string            // of a keystore
}

// Rendered is what one template made.
type Rendered struct {
	Output []byte
	Files  []render.File // of a format that makes a directory, in place of Output
	Writes []string      // files that the template writes besides
}

// rounds bounds how often a template is executed. Each round fetches what the one
// before asked for; a template that needs more than a few asks for something else
// each time, and would never end.
const rounds = 32

// executor is what is executed: a template, or a format without one.
type executor interface {
	Execute(src render.Source) (*render.Result, error)
}

// Render executes a template with what the source answers. Unless show is true
// the output is of stand-ins in place of all values: "[redacted]" for a text,
// zero for a number, false for a boolean. Where a template cannot work with those,
// because it decodes a text or computes with it, the stand-ins have the form of
// the values.
func Render(ctx context.Context, src Source, t Template, show bool) (*Rendered, error) {
	return run(ctx, src, show, func(env func(string) (string, bool)) (executor, error) {
		return render.Parse(t.Text, render.Options{
			Name: t.Name, LeftDelim: t.LeftDelim, RightDelim: t.RightDelim, ErrorOnMissingKey: t.ErrorOnMissingKey, LookupEnv: env,
		})
	})
}

// RenderFormat shapes a secret, as [Render] does with a template.
func RenderFormat(ctx context.Context, src Source, f Format, show bool) (*Rendered, error) {
	return run(ctx, src, show, func(func(string) (string, bool)) (executor, error) {
		return render.NewFormat(render.FormatOptions{
			Name: "--secret", Query: render.FormatQuery(f.Name, f.Secret, f.Params), Format: f.Name, Keys: f.Keys,
			Keystore: render.Keystore{PasswordFile: f.PasswordFile},
		})
	})
}

// run executes what parse makes: with the values, to find out what it asks for and
// whether it works at all, then with the stand-ins.
func run(ctx context.Context, src Source, show bool, parse func(env func(string) (string, bool)) (executor, error)) (*Rendered, error) {
	plain, err := parse(os.LookupEnv)
	if err != nil {
		return nil, err
	}
	held := answers{}
	result, err := held.gather(ctx, plain, src)
	switch {
	case err != nil:
		return nil, err
	case show:
		return rendered(result), nil
	}
	masked, err := parse(maskedEnv)
	if err != nil {
		return nil, err
	}
	result, err = masked.Execute(held.redacted(stamp))
	if err != nil || len(result.Missing) > 0 {
		result, err = masked.Execute(held.redacted(imitate))
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("render with stand-ins, which --show does not need: %w", err)
	case len(result.Missing) > 0:
		return nil, fmt.Errorf("the values decide what the template reads, so that it can only be rendered with --show: %v", result.Missing[0])
	}
	return rendered(result), nil
}

func rendered(r *render.Result) *Rendered {
	out := &Rendered{Output: r.Output, Files: r.Set}
	for _, w := range r.Writes {
		out.Writes = append(out.Writes, w.Path)
	}
	return out
}

// answers are the responses that are held, by query.
type answers map[secret.Query]*secret.Response

// Secret implements render.Source.
func (a answers) Secret(q secret.Query) *secret.State {
	response := a[q]
	if response == nil {
		return nil
	}
	return &secret.State{Query: q, Response: response, Version: 1}
}

// gather executes until nothing is missing any more.
func (a answers) gather(ctx context.Context, x executor, src Source) (*render.Result, error) {
	for range rounds {
		result, err := x.Execute(a)
		if err != nil || len(result.Missing) == 0 {
			return result, err
		}
		var problems []error
		for _, q := range result.Missing {
			if a[q], err = src.Fetch(ctx, q); err != nil {
				problems = append(problems, err)
			}
		}
		if err := errors.Join(problems...); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("after %d passes the template still asks for other secrets", rounds)
}

// maskedEnv is the environment with stand-ins for what is a secret by its name.
func maskedEnv(name string) (string, bool) {
	value, ok := os.LookupEnv(name)
	for _, word := range []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "KEY"} {
		if ok && strings.Contains(strings.ToUpper(name), word) {
			return sensitive.Redacted, true
		}
	}
	return value, ok
}
