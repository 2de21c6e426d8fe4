package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// told is what a screen shows of lines, without the times.
func told(t *testing.T, lines []line) (shown string, err error) {
	t.Helper()
	var out strings.Builder
	tour, err := newTour(options{}, &out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tour.remove(); err != nil {
			t.Error(err)
		}
	})
	err = tour.perform(t.Context(), lines)
	for text := range strings.Lines(out.String()) {
		if _, after, timed := strings.Cut(text, " s  "); timed {
			text = after
		}
		shown += text
	}
	return shown, err
}

func TestPerform(t *testing.T) {
	tests := map[string]struct {
		reason string
		lines  []line
		want   string
		err    string
	}{
		"nothing": {},
		"said":    {lines: []line{{say: "hello 100%"}}, want: "hello 100%\n"},
		"run": {
			lines: []line{{say: "first", run: "echo one; echo two >&2", see: []string{"one", "two"}}},
			want:  "first\n$ echo one; echo two >&2\n          | one\n          | two\n",
		},
		"some rows": {
			reason: "what is looked for may be in a row that is not shown",
			lines:  []line{{run: "seq 3", rows: 1, see: []string{"3"}}},
			want:   "$ seq 3\n          | 1\n          | … and 2 more\n",
		},
		"no rows": {lines: []line{{run: "seq 3", rows: none}}, want: "$ seq 3\n"},
		"an exit code": {
			lines: []line{{run: "exit 2", exit: 2}},
			want:  "$ exit 2\n",
		},
		"another exit code": {
			lines: []line{{run: "echo no; exit 2"}, {say: "never"}},
			want:  "$ echo no; exit 2\n          | no\n",
			err:   "\"echo no; exit 2\" ended with exit code 2, not 0:\nno\n",
		},
		"not seen": {
			lines: []line{{run: "echo one", see: []string{"one", "two"}}},
			want:  "$ echo one\n          | one\n",
			err:   "the output of \"echo one\" does not have \"two\":\none\n",
		},
		"done": {
			lines: []line{{say: "now", do: func(t *tour, _ context.Context) error { t.screen.Tell("done"); return nil }}},
			want:  "now\ndone\n",
		},
		"not done": {
			lines: []line{{do: func(*tour, context.Context) error { return errors.New("no") }}, {say: "never"}},
			err:   "no",
		},
		"a secret": {
			lines: []line{{run: "echo postgresql://u:0123456789@db/x", see: []string{"u:0…9@"}}},
			want:  "$ echo postgresql://u:0123456789@db/x\n          | postgresql://u:0…9@db/x\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := told(t, tt.lines)
			if diff := cmp.Diff(tt.want, got); diff != "" || errorText(err) != tt.err {
				t.Errorf("got error %q, want %q; the screen differs (-want +got): %s\n%s", errorText(err), tt.err, tt.reason, diff)
			}
		})
	}
}

func TestAbbreviate(t *testing.T) {
	long := strings.Repeat("ä", columns)
	tests := map[string]struct {
		text string
		rows int
		want string
	}{
		"nothing":       {want: ""},
		"all rows":      {text: "1\n2\n\n", want: "1\n2\n"},
		"as many":       {text: "1\n2\n", rows: 2, want: "1\n2\n"},
		"one more":      {text: "1\n2\n3\n", rows: 2, want: "1\n2\n… and 1 more\n"},
		"blanks":        {text: "\n1   \n", want: "1\n"},
		"as wide":       {text: long, want: long + "\n"},
		"one wider":     {text: long + "x", want: strings.Repeat("ä", columns-1) + "…\n"},
		"blanks beyond": {text: "1" + strings.Repeat(" ", columns), want: "1\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, abbreviate(tt.text, tt.rows)); diff != "" {
				t.Errorf("text differs (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzAbbreviate(f *testing.F) {
	f.Add("one\ntwo\n", 1)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, text string, rows int) {
		got := strings.Split(abbreviate(text, rows), "\n")
		// One row tells of the others, and after the last line feed comes nothing.
		if rows > 0 && len(got) > rows+2 {
			t.Errorf("%d rows of %q, of which %d may be shown", len(got), text, rows)
		}
		for _, row := range got {
			if len([]rune(row)) > columns {
				t.Errorf("row %q is too wide", row)
			}
		}
	})
}

func TestShell(t *testing.T) {
	dir := t.TempDir()
	s := shell{dir: dir, env: []string{"COLOR=red"}}
	out, code, err := s.run(t.Context(), `echo "$HOME $COLOR ${PATH%%:*}"; exit 3`)
	if want := dir + " red " + dir + "/bin\n"; out != want || code != 3 || err != nil {
		t.Errorf("got %q, exit code %d and error %v, want %q and 3", out, code, err, want)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("it is late"))
	if _, _, err := s.run(ctx, "true"); errorText(err) != `"true" did not end: it is late` {
		t.Errorf("got error %q", errorText(err))
	}
}

// TestShellEndsItsChildren is about an interrupt while a command waits for others.
func TestShellEndsItsChildren(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	fifo := dir + "/fifo"
	if _, code, err := (shell{dir: dir}).run(ctx, "mkfifo "+fifo); code != 0 || err != nil {
		t.Fatalf("exit code %d, error %v", code, err)
	}
	go func() {
		_, _, err := (shell{dir: dir}).run(ctx, "(echo running > "+fifo+"; exec sleep 600) | cat")
		ended <- err
	}()
	if out, _, err := (shell{dir: dir}).run(t.Context(), "cat "+fifo); out != "running\n" || err != nil {
		t.Errorf("got %q and error %v", out, err)
	}
	cancel(errors.New("interrupted"))
	if err := <-ended; !strings.HasSuffix(errorText(err), "did not end: interrupted") {
		t.Errorf("got error %q", errorText(err))
	}
}
