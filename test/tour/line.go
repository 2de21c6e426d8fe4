package main

import (
	"context"
	"fmt"
	"strings"
)

// line is one thing that happens in a step, in this order: it is said, done, and proven.
type line struct {
	say  string                             // told before
	run  string                             // what a user would type
	exit int                                // the exit code that is expected of it
	see  []string                           // what its output must have
	rows int                                // of its output that are shown; 0: all, none: none
	do   func(*tour, context.Context) error // what users have no command for
}

// none says that output is not worth its rows.
const none = -1

// perform does the lines of a step.
func (t *tour) perform(ctx context.Context, lines []line) error {
	for _, l := range lines {
		if err := t.one(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) one(ctx context.Context, l line) error {
	if l.say != "" {
		t.screen.Tell("%s", l.say)
	}
	if l.do != nil {
		return l.do(t, ctx)
	}
	if l.run == "" {
		return nil
	}
	t.screen.Tell("$ %s", l.run)
	out, code, err := t.shell.run(ctx, l.run)
	out = t.hide(out)
	if l.rows != none {
		t.screen.Quote(abbreviate(out, l.rows))
	}
	if err != nil {
		return err
	}
	return l.judge(out, code)
}

// judge compares what a command did with what was announced.
func (l line) judge(out string, code int) error {
	if code != l.exit {
		return fmt.Errorf("%q ended with exit code %d, not %d:\n%s", l.run, code, l.exit, out)
	}
	for _, text := range l.see {
		if !strings.Contains(out, text) {
			return fmt.Errorf("the output of %q does not have %q:\n%s", l.run, text, out)
		}
	}
	return nil
}

// columns is where a line of output is cut; listings of kubectl need some 100.
const columns = 118

// abbreviate leaves the first rows of a text, 0 for all, each within the columns.
func abbreviate(text string, rows int) string {
	var out strings.Builder
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		if rows > 0 && i == rows {
			fmt.Fprintf(&out, "… and %d more\n", len(lines)-rows)
			break
		}
		if letters := []rune(strings.TrimRight(l, " ")); len(letters) > columns {
			l = string(letters[:columns-1]) + "…"
		}
		out.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	return strings.TrimLeft(out.String(), "\n")
}
