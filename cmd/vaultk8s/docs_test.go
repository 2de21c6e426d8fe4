package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/injector/webhook"
	"github.com/vaultk8s/vaultk8s/pkg/operator"
)

// TestAgentPage makes docs/agent.md of its hand-written text and of what the
// program knows about its flags, variables and keys.
func TestAgentPage(t *testing.T) {
	page := newPage(newAgentCommand())
	text, err := template.New("agent.md.tmpl").Delims("<%", "%>").Funcs(template.FuncMap{
		"flags": page.flags, "variables": page.variables, "keys": page.keys,
	}).ParseFiles(filepath.Join("testdata", "docs", "agent.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := text.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, out.Bytes(), filepath.Join("..", "..", "docs", "agent.md"))
	for _, k := range agentfile.Keys() {
		if !page.shown[k.Path] {
			t.Errorf("the page has no table for the block of key %q", k.Path)
		}
	}
}

// TestInjectorPage makes docs/injector.md in the same way.
func TestInjectorPage(t *testing.T) {
	page := newPage(newInjectorCommand())
	page.injector = true
	text, err := template.New("injector.md.tmpl").Delims("<%", "%>").Funcs(template.FuncMap{
		"flags": page.flags, "metrics": page.metrics,
	}).ParseFiles(filepath.Join("testdata", "docs", "injector.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := text.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, out.Bytes(), filepath.Join("..", "..", "docs", "injector.md"))
}

// TestOperatorPage makes docs/operator.md in the same way.
func TestOperatorPage(t *testing.T) {
	page := newPage(newOperatorCommand())
	page.long = true
	text, err := template.New("operator.md.tmpl").Delims("<%", "%>").Funcs(template.FuncMap{
		"flags": page.flags, "rights": rights,
	}).ParseFiles(filepath.Join("testdata", "docs", "operator.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := text.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, out.Bytes(), filepath.Join("..", "..", "docs", "operator.md"))
}

// TestCommandsPage makes docs/commands.md of what every command says of itself.
func TestCommandsPage(t *testing.T) {
	var out strings.Builder
	out.WriteString(commandsText)
	var all func(c *cobra.Command)
	all = func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		if c.Runnable() {
			describe(&out, c)
		}
		for _, sub := range c.Commands() {
			all(sub)
		}
	}
	root := newRootCommand()
	all(root)
	golden.Compare(t, []byte(out.String()), filepath.Join("..", "..", "docs", "commands.md"))
}

const commandsText = "# Commands\n" + `
Every command with every flag, as ` + "`--help`" + ` tells them. This page is made from the program by
` + "`go test ./cmd/vaultk8s -run TestCommandsPage -update`" + `.

` + "`vaultk8s completion bash --help`" + ` tells how to have commands and flags completed, in bash, zsh, fish and PowerShell. Where the
program lies in the path under the name ` + "`kubectl-vaultk8s`" + `, it is ` + "`kubectl vaultk8s`" + `, too.
`

// describe writes a command's section.
func describe(out *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(out, "\n## `%s`\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(out, "%s\n\nUsage: `%s`\n", strings.TrimSpace(text), c.UseLine())
	if c.Example != "" {
		fmt.Fprintf(out, "\nFor example:\n\n")
		for line := range strings.Lines(c.Example) {
			fmt.Fprintf(out, "    %s\n", strings.TrimSpace(line))
		}
	}
	var rows [][]string
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name += ", `-" + f.Shorthand + "`"
		}
		kind, usage := pflag.UnquoteUsage(f)
		rows = append(rows, []string{name, kind, code(strings.Trim(f.DefValue, "[]")), usage})
	})
	if len(rows) > 0 {
		fmt.Fprintf(out, "\n%s\n", table("flag|value|default|effect", rows))
	}
}

// rights lists what the operator has to be allowed.
func rights(which string) string {
	all := operator.RightsOfOperator()
	rules := all.Objects
	switch which {
	case "cluster":
		rules = all.Cluster
	case "own":
		rules = all.Own
	case "metrics":
		rules = all.Metrics
	}
	var rows [][]string
	for _, r := range rules {
		group := r.APIGroups[0]
		if group == "" {
			group = "core"
		}
		resources := code(strings.Join(r.Resources, "`, `"))
		if len(r.ResourceNames) > 0 {
			resources += ", only " + code(strings.Join(r.ResourceNames, "`, `"))
		}
		rows = append(rows, []string{code(group), resources, strings.Join(r.Verbs, ", ")})
	}
	return table("group|resources|verbs", rows)
}

// page makes the tables of a page.
type page struct {
	command  *cobra.Command
	shown    map[string]bool // keys of the document that are in a table
	injector bool            // the page is about the injector
	long     bool            // flags have two dashes only
}

// metrics lists those of the injector.
func (p *page) metrics() string {
	var rows [][]string
	for _, m := range webhook.Described() {
		rows = append(rows, []string{code(m.Name), m.Type, code(strings.Join(m.Labels, "`, `")), m.Meaning})
	}
	return table("metric|type|labels|meaning", rows)
}

func newPage(command *cobra.Command) *page {
	return &page{command: command, shown: map[string]bool{}}
}

// table writes rows of cells below a heading, in the notation of Markdown.
func table(heading string, rows [][]string) string {
	var b strings.Builder
	columns := strings.Split(heading, "|")
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, cells := range rows {
		for _, cell := range cells {
			fmt.Fprintf(&b, "| %s ", strings.ReplaceAll(cell, "|", `\|`))
		}
		b.WriteString("|\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// code sets text as code, and nothing as nothing.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

func (p *page) flags() string {
	variables := map[string][]string{}
	for _, k := range config.Keys() {
		if k.Flag != "" {
			variables[k.Flag] = k.Env
		}
	}
	var rows [][]string
	p.command.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		var names []string
		for _, name := range variables[f.Name] {
			if !strings.HasPrefix(name, "BAO_") && (p.injector || !strings.HasPrefix(name, "AGENT_INJECT_")) {
				names = append(names, code(name))
			}
		}
		value := f.DefValue
		if value == "[]" {
			value = ""
		}
		name := "-" + f.Name
		if p.long {
			name = "-" + name
		}
		rows = append(rows, []string{code(name), strings.Join(names, ", "), code(value), f.Usage})
	})
	return table("flag|variables|default|effect", rows)
}

// variables lists those without a flag.
func (p *page) variables() string {
	var rows [][]string
	for _, k := range config.Keys() {
		section, _, _ := strings.Cut(k.Key, ".")
		if len(k.Env) == 0 || k.Flag != "" || !slices.Contains([]string{"vault", "log", "telemetry", "agent"}, section) {
			continue
		}
		var names []string
		for _, name := range k.Env {
			if !strings.HasPrefix(name, "BAO_") {
				names = append(names, code(name))
			}
		}
		rows = append(rows, []string{strings.Join(names, ", "), code(k.Default), k.Effect})
	}
	return table("variables|default|effect", rows)
}

// keys lists the keys of a block and of the blocks within it, but for those that
// have a table of their own.
func (p *page) keys(block string, apart ...string) string {
	var rows [][]string
	for _, k := range agentfile.Keys() {
		if !below(k.Path, block) || slices.ContainsFunc(apart, func(other string) bool { return below(k.Path, other) }) {
			continue
		}
		p.shown[k.Path] = true
		effect := k.Effect
		if k.Ours {
			effect += " †"
		}
		name := strings.TrimPrefix(strings.TrimPrefix(k.Path, block), ".")
		rows = append(rows, []string{code(name), k.Type, code(k.Default), effect})
	}
	return table("key|type|default|effect", rows)
}

// below tells whether a key belongs to the table of a block: to that of the top
// level belong only keys without a dot.
func below(path, block string) bool {
	if block == "" {
		return !strings.Contains(path, ".")
	}
	return strings.HasPrefix(path, block+".")
}
