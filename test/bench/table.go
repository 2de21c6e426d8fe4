package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// table is what a measurement found out.
type table struct {
	header []string
	rows   [][]string
	notes  []string // below the table
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// text is the table for a terminal.
func (t *table) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.header}, t.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a strings.Builder never fails
	for _, n := range t.notes {
		b.WriteString(n + "\n")
	}
	return b.String()
}

// markdown is the table for the document.
func (t *table) markdown() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.header)
	b.WriteString(strings.Repeat("|---", len(t.header)) + "|\n")
	for _, row := range t.rows {
		line(row)
	}
	for _, n := range t.notes {
		b.WriteString("\n" + n + "\n")
	}
	return b.String()
}

// comparison is one number of both agents.
type comparison struct {
	what, unit string
	ours, old  float64
	limit      float64 // of ours / old; 0: no target
}

// newComparisons makes a table that compares, with the arithmetic in view.
func newComparisons(all ...comparison) *table {
	t := &table{header: []string{"what", "vaultk8s", "vault agent", "ratio", "target", "result"}}
	for _, c := range all {
		t.add(c.cells()...)
	}
	return t
}

func (c comparison) cells() []string {
	part := ratio(c.ours, c.old)
	arithmetic := fmt.Sprintf("%s / %s = %.2f", digits(c.ours), digits(c.old), part)
	target := "–"
	if c.limit > 0 {
		target = fmt.Sprintf("≤ %.2f", c.limit)
	}
	return []string{c.what, digits(c.ours) + " " + c.unit, digits(c.old) + " " + c.unit, arithmetic, target, verdict(part, c.limit)}
}

// verdict says whether a number keeps to its limit, and by how much it misses it.
func verdict(got, limit float64) string {
	switch {
	case limit <= 0:
		return "–"
	case got <= limit:
		return "met"
	default:
		return fmt.Sprintf("missed: %.2f times the target", got/limit)
	}
}

// digits shows a number with three digits that count.
func digits(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	default:
		return fmt.Sprintf("%.2f", n)
	}
}
