package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustStart(t *testing.T, c command) *process {
	t.Helper()
	p, err := start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// logged is a probe that waits for a text in the log.
func logged(p *process, want string) func(context.Context) error {
	return func(context.Context) error {
		if strings.Contains(p.logTail(), want) {
			return nil
		}
		return fmt.Errorf("%q is not in the log", want)
	}
}

func TestProcessStop(t *testing.T) {
	cases := map[string]struct {
		role   string
		grace  time.Duration
		reason string
		want   string
	}{
		"Obedient": {role: "obedient", grace: time.Minute, reason: "a signal is enough", want: "signal: terminated"},
		"Stubborn": {role: "stubborn", grace: 50 * time.Millisecond, reason: "killed after the grace period", want: "signal: killed"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustStart(t, child(t, tc.role))
			if err := p.await(t.Context(), time.Millisecond, logged(p, tc.role+" is up")); err != nil {
				t.Fatal(err)
			}
			p.stop(tc.grace)
			if alive(p.pid()) {
				t.Error("it still runs")
			}
			if got := p.endError().Error(); got != tc.want {
				t.Errorf("%s: ended with %q, want %q", tc.reason, got, tc.want)
			}
			p.stop(tc.grace) // a second time does nothing
		})
	}
}

func TestProcessAwait(t *testing.T) {
	never := func(context.Context) error { return errors.New("not yet") }
	cases := map[string]struct {
		role    string
		timeout time.Duration
		want    string
	}{
		"Ends with a message": {
			role: "broken", timeout: time.Minute,
			want: "broken ended before it was ready: exit status 3; the end of its log:\ncannot do this",
		},
		"Ends without a failure": {
			role: "quitter", timeout: time.Minute,
			want: "quitter ended before it was ready: exit status 0; the end of its log:\n",
		},
		"Takes too long": {
			role: "obedient", timeout: time.Second,
			want: "obedient is not ready: context deadline exceeded (last try: not yet); the end of its log:\nobedient is up",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustStart(t, child(t, tc.role))
			ctx, cancel := context.WithTimeout(t.Context(), tc.timeout)
			defer cancel()
			err := p.await(ctx, time.Millisecond, never)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStartErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	cases := map[string]struct {
		command command
		want    string
	}{
		"No program": {
			command: command{name: "x", argv: []string{missing}, log: os.DevNull},
			want:    "start x: fork/exec " + missing + ": no such file or directory",
		},
		"No folder for the log": {
			command: command{name: "x", argv: []string{"/bin/true"}, log: missing + "/log"},
			want:    "start x: open " + missing + "/log: no such file or directory",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := start(tc.command)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestLogTail(t *testing.T) {
	var long strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	cases := map[string]struct {
		content   string
		wantLines int
		wantLast  string
	}{
		"Empty":              {content: "", wantLines: 1, wantLast: ""},
		"One line":           {content: "one", wantLines: 1, wantLast: "one"},
		"Line feed at end":   {content: "one\ntwo\n", wantLines: 2, wantLast: "two"},
		"Long":               {content: long.String(), wantLines: tailLines, wantLast: "line 4999"},
		"One very long line": {content: strings.Repeat("x", 3*tailBytes) + "\nend\n", wantLines: 2, wantLast: "end"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got := logTail(path)
			lines := strings.Split(got, "\n")
			if len(lines) != tc.wantLines || lines[len(lines)-1] != tc.wantLast || len(got) > tailBytes {
				t.Errorf("%d lines, %d bytes, last %q; want %d lines, last %q",
					len(lines), len(got), lines[len(lines)-1], tc.wantLines, tc.wantLast)
			}
		})
	}
	if got := logTail("/nonexistent/log"); got != "open /nonexistent/log: no such file or directory" {
		t.Errorf("a missing log reads as %q", got)
	}
}
