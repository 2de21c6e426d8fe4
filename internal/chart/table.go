package chart

import (
	"fmt"
	"strings"
)

// Table returns the values as tables in Markdown, one for each key of the root
// that is a group and one for the rest.
func (v *Values) Table() string {
	var single, groups strings.Builder
	for _, k := range v.root.Keys {
		if len(k.Keys) == 0 {
			k.row(&single)
			continue
		}
		fmt.Fprintf(&groups, "\n### %s\n\n%s\n\n%s", k.Path, k.Comment, head)
		for _, below := range k.all()[1:] {
			below.row(&groups)
		}
	}
	return head + single.String() + groups.String()
}

const head = "| key | default | meaning |\n|---|---|---|\n"

// row writes a key; a group is only the text of its keys.
func (k *Key) row(b *strings.Builder) {
	if len(k.Keys) > 0 {
		fmt.Fprintf(b, "| **`%s`** | | %s |\n", k.Path, cell(k.Comment))
		return
	}
	text := k.Comment
	if len(k.Enum) > 0 {
		text += " One of: `" + strings.Join(named(k.Enum), "`, `") + "`."
	}
	fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", k.Path, cell(k.Default), cell(text))
}

func named(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		if out[i] = w; w == "" {
			out[i] = `""`
		}
	}
	return out
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// OldTable returns the old spellings as a table in Markdown.
func (v *Values) OldTable() string {
	var b strings.Builder
	b.WriteString("| old value | here |\n|---|---|\n")
	for _, row := range v.compat.Rows {
		if row.To != "" {
			fmt.Fprintf(&b, "| `%s` | `%s` |\n", row.From, row.To)
			continue
		}
		fmt.Fprintf(&b, "| `%s` | no effect: %s |\n", row.From, cell(row.Gone))
	}
	return b.String()
}
