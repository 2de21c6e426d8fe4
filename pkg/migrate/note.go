package migrate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Outcome says what becomes of one thing.
type Outcome string

// The outcomes.
const (
	Kept    Outcome = "kept"    // as it is
	Renamed Outcome = "renamed" // it has another name or place
	Added   Outcome = "added"   // it was implied, and must be said now
	Ignored Outcome = "ignored" // it has no effect, and needs none
	Warned  Outcome = "warning" // kept, but look at it
	Cannot  Outcome = "cannot"  // somebody has to decide
	Hint    Outcome = "hint"    // there is something better now
)

// Note tells what becomes of one thing, and why.
type Note struct {
	Where   string  `json:"where,omitempty"` // document or object; "" for the only one
	Key     string  `json:"key"`
	Outcome Outcome `json:"outcome"`
	To      string  `json:"to,omitempty"` // the new name
	Why     string  `json:"why,omitempty"`
}

// Notes are those of one conversion, in the order of what was converted.
type Notes []Note

// Count returns how many have an outcome.
func (n Notes) Count(o Outcome) int {
	count := 0
	for _, note := range n {
		if note.Outcome == o {
			count++
		}
	}
	return count
}

// Write prints the notes as a table, those that are simply kept as a count only.
func (n Notes) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, note := range n {
		if note.Outcome == Kept && note.Why == "" {
			continue
		}
		key := strings.TrimSpace(note.Where + " " + note.Key)
		text := note.Why
		if note.To != "" {
			text = strings.TrimSpace("→ " + note.To + "  " + note.Why)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", note.Outcome, key, text)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, n.Summary())
	return err
}

// Summary counts the notes by outcome.
func (n Notes) Summary() string {
	var parts []string
	for _, o := range []Outcome{Kept, Renamed, Added, Ignored, Warned, Cannot, Hint} {
		if count := n.Count(o); count > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", o, count))
		}
	}
	if len(parts) == 0 {
		return "nothing to convert"
	}
	return strings.Join(parts, ", ")
}
