package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/test/stage"
)

func TestParseEntry(t *testing.T) {
	tests := map[string]struct {
		reason string
		line   string
		want   entry
	}{
		"nothing": {want: entry{fields: map[string]string{}}},
		"a log line": {
			line: `time=2026-01-02T03:04:05.678Z level=INFO msg="lease renewed" path="read database/creds/orders" expires=2026-01-02T03:04:15.000Z`,
			want: entry{
				message: "lease renewed",
				names:   []string{"time", "level", "msg", "path", "expires"},
				fields: map[string]string{
					"time": "2026-01-02T03:04:05.678Z", "level": "INFO", "msg": "lease renewed",
					"path": "read database/creds/orders", "expires": "2026-01-02T03:04:15.000Z",
				},
			},
		},
		"quotes and equal signs": {
			reason: "a command has both",
			line:   `msg="command ran" command="echo \"a=b\" c" empty=""`,
			want: entry{
				message: "command ran", names: []string{"msg", "command", "empty"},
				fields: map[string]string{"msg": "command ran", "command": `echo "a=b" c`, "empty": ""},
			},
		},
		"an empty value at the end": {
			line: "msg=delivered secrets=",
			want: entry{message: "delivered", names: []string{"msg", "secrets"}, fields: map[string]string{"msg": "delivered", "secrets": ""}},
		},
		"twice": {
			reason: "the newest counts, and the name is shown once",
			line:   "msg=a msg=b",
			want:   entry{message: "b", names: []string{"msg"}, fields: map[string]string{"msg": "b"}},
		},
		"no log line": {
			reason: "it is about a crash",
			line:   "panic: no",
			want:   entry{message: "panic: no", fields: map[string]string{}},
		},
		"half a log line": {
			line: "a=b and words",
			want: entry{message: "a=b and words", fields: map[string]string{}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.want.text = tt.line
			if diff := cmp.Diff(tt.want, parseEntry(tt.line), cmp.AllowUnexported(entry{})); diff != "" {
				t.Errorf("the entry differs (-want +got): %s\n%s", tt.reason, diff)
			}
		})
	}
}

// FuzzParseEntry takes the writer of the agent's log as the oracle.
func FuzzParseEntry(f *testing.F) {
	f.Add("delivered", "secrets", "read a version 1")
	f.Add("", "", "")
	f.Add(`a "b" c=d`, "x y", "\n\x00\xff=")
	f.Fuzz(func(t *testing.T, message, key, value string) {
		var line strings.Builder
		log := slog.New(slog.NewTextHandler(&line, nil))
		log.Info(message, slog.String("k"+key, value))
		got := parseEntry(strings.TrimSuffix(line.String(), "\n"))
		if key := "k" + key; got.message != message || got.fields[key] != value {
			t.Errorf("of %q came message %q and %q=%q", line.String(), got.message, key, got.fields[key])
		}
		parseEntry(message + key + value) // anything at all is an entry
	})
}

// newTestJournal is a journal whose echo is kept.
func newTestJournal(t *testing.T) (*journal, *[]string) {
	t.Helper()
	var echoed []string
	j, err := newJournal(filepath.Join(t.TempDir(), "log"), func(e entry) { echoed = append(echoed, e.message) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.close() })
	return j, &echoed
}

func TestJournalTakesLinesAsTheyCome(t *testing.T) {
	j, echoed := newTestJournal(t)
	parts := []string{"msg=one\nmsg=t", "w", "o\n", "\n", "msg=three\nmsg=four\nmsg=unfinished"}
	for _, part := range parts {
		if n, err := j.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("wrote %d of %q: %v", n, part, err)
		}
	}
	if diff := cmp.Diff([]string{"one", "two", "", "three", "four"}, *echoed); diff != "" {
		t.Errorf("echoed lines differ (-want +got):\n%s", diff)
	}
	content, err := os.ReadFile(j.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(parts, ""), string(content)); diff != "" {
		t.Errorf("the file differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("msg=three\nmsg=four\n", j.tail(2)); diff != "" {
		t.Errorf("the tail differs (-want +got):\n%s", diff)
	}
	if got := strings.Count(j.tail(100), "\n"); got != 5 {
		t.Errorf("the longest tail has %d lines, want 5", got)
	}
}

func TestJournalFind(t *testing.T) {
	j, _ := newTestJournal(t)
	write := func(line string) {
		t.Helper()
		if _, err := j.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	write(`msg="lease renewed" path="read database/creds/orders" n=1`)
	mark := j.mark()
	write(`msg="lease renewed" path="read aws/creds/orders" n=2`)
	write(`msg="lease renewed" path="read database/creds/orders" n=3`)
	tests := map[string]struct {
		mark    int
		message string
		pairs   []string
		want    string // n of the line
		err     string
	}{
		"the first":     {message: "lease renewed", want: "1"},
		"after a mark":  {mark: mark, message: "lease renewed", want: "2"},
		"with a field":  {mark: mark, message: "lease renewed", pairs: []string{"path", "database/"}, want: "3"},
		"no message":    {message: "lease", err: `the agent has not logged "lease"`},
		"no such field": {message: "lease renewed", pairs: []string{"path", "gcp/"}, err: `the agent has not logged "lease renewed path gcp/"`},
		"too late":      {mark: mark + 2, message: "lease renewed", err: `the agent has not logged "lease renewed"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := j.find(tt.mark, tt.message, tt.pairs...)
			if got.fields["n"] != tt.want || errorText(err) != tt.err {
				t.Errorf("found line %q and error %q, want %q and %q", got.fields["n"], errorText(err), tt.want, tt.err)
			}
		})
	}
}

func TestNewJournalWhereNoneCanBe(t *testing.T) {
	if _, err := newJournal(filepath.Join(t.TempDir(), "no", "log"), func(entry) {}); err == nil {
		t.Error("a log in a directory that is not there was opened")
	}
}

func TestEcho(t *testing.T) {
	tests := map[string]struct{ line, want string }{
		"interesting": {
			line: `time=T level=INFO msg="lease renewed" path="read x" attempt=3 expires=E`,
			want: "agent: lease renewed  path=read x  expires=E\n",
		},
		"not interesting": {line: `level=INFO msg="serving telemetry" address=A`},
		"for developers":  {line: `level=DEBUG msg=delivered`},
		"a warning":       {line: `level=WARN msg="never seen before" error="no way"`, want: "agent: never seen before  error=no way\n"},
		"a crash":         {line: "panic: no", want: "agent: panic: no\n"},
		"long paths":      {line: "level=INFO msg=delivered destination=/demo/secrets/a", want: "agent: delivered  destination=secrets/a\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			d := &demo{screen: stage.NewScreen(&out), files: files{dir: "/demo"}}
			d.echo(parseEntry(tt.line))
			_, got, _ := strings.Cut(out.String(), " s  ")
			if got != tt.want {
				t.Errorf("the screen shows %q, want %q", got, tt.want)
			}
		})
	}
}
