package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Level says how bad a finding is.
type Level string

// The levels. Unknown is what could not be looked at; it counts as a warning.
const (
	OK      Level = "ok"
	Unknown Level = "unknown"
	Warning Level = "warning"
	Failure Level = "error"
)

// sign is what stands before a finding.
func (l Level) sign() string {
	return map[Level]string{OK: "√", Unknown: "?", Warning: "‼", Failure: "×"}[l]
}

// Finding is the answer of a check about one thing.
type Finding struct {
	Group   string `json:"group"`
	Check   string `json:"check"` // its name, and an anchor of the page of hints
	Level   Level  `json:"level"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do; "" when nothing is to be done
	Link    string `json:"link,omitempty"` // where that is explained
}

// Report is what was found, in the order of the checks.
type Report struct {
	Findings []Finding `json:"findings"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
}

// Page is where hints are explained; each check has a section of its own name.
const Page = "https://github.com/vaultk8s/vaultk8s/blob/main/docs/check.md"

func (r *Report) add(f Finding) {
	switch f.Level {
	case Failure:
		r.Errors++
	case Warning, Unknown:
		r.Warnings++
	}
	if f.Level != OK {
		f.Link = Page + "#" + f.Check
	}
	r.Findings = append(r.Findings, f)
}

// Code is the exit code: 0 when all is well, 1 with warnings, 2 with errors.
func (r *Report) Code() int {
	switch {
	case r.Errors > 0:
		return 2
	case r.Warnings > 0:
		return 1
	}
	return 0
}

// Forms lists the forms of [Report.Write].
func Forms() []string { return []string{"table", "short", "json"} }

// Write prints the report: "table" for people, "short" with one line for each
// finding that is not well, or "json".
func (r *Report) Write(w io.Writer, form string) error {
	switch form {
	case "table":
		return r.writeTable(w)
	case "short":
		return r.writeShort(w)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	return fmt.Errorf("output %q is unknown: use %s", form, strings.Join(Forms(), ", "))
}

func (r *Report) writeTable(w io.Writer) error {
	var b strings.Builder
	group := ""
	for _, f := range r.Findings {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "%s\n%s\n", group, strings.Repeat("-", len(group)))
		}
		fmt.Fprintf(&b, "%s %s\n", f.Level.sign(), indented(f.Message))
		if f.Hint != "" {
			fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(indented(f.Hint), "\n", "\n  "))
		}
		if f.Link != "" {
			fmt.Fprintf(&b, "    see %s\n", f.Link)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }

// Summary tells the counts in one line.
func (r *Report) Summary() string {
	return fmt.Sprintf("checks: %d, warnings: %d, errors: %d", len(r.Findings), r.Warnings, r.Errors)
}

func (r *Report) writeShort(w io.Writer) error {
	for _, f := range r.Findings {
		if f.Level == OK {
			continue
		}
		text := f.Message
		if f.Hint != "" {
			text += ": " + f.Hint
		}
		if _, err := fmt.Fprintf(w, "%s %s: %s\n", f.Level.sign(), f.Check, strings.ReplaceAll(text, "\n", " ")); err != nil {
			return err
		}
	}
	return nil
}
