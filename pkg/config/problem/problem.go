// Package problem holds what is wrong with a configuration, all of it at once.
//
// A [Problem] is one finding with its place; a [List] is an error that prints
// one finding per line, in an order that does not depend on map iteration.
// Most callers need two functions: [List.Add] while they read, and [List.Err]
// at the end. [UnknownKey] words the commonest finding, with a suggestion.
package problem

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one finding. It never holds a secret value.
type Problem struct {
	File string // a file's name, or another source such as "env VAULT_ADDR"; "" if there is none
	Line int    // in the file, from 1; 0 if unknown
	Text string // lower case, without a period
}

// String renders the problem as FILE:LINE: TEXT, without the parts that are unknown.
func (p Problem) String() string {
	switch {
	case p.File == "":
		return p.Text
	case p.Line == 0:
		return p.File + ": " + p.Text
	default:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	}
}

// List is an error made of one or more problems.
type List []Problem

// Add appends a problem with a formatted text.
func (l *List) Add(file string, line int, format string, args ...any) {
	*l = append(*l, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// Err returns nil for an empty list, else the list sorted and without repetitions.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l.Sorted()
}

// Sorted returns the problems by file, line and text, each once.
func (l List) Sorted() List {
	sorted := slices.Clone(l)
	slices.SortFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(sorted)
}

// Error implements error: one problem per line, without a final line break.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
