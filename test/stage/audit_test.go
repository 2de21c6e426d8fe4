package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// line is a line of an audit file.
func line(kind, policy, operation, path string) string {
	return `{"time":"2026-01-02T03:04:05.678Z","type":"` + kind + `","auth":{"policies":["default","` + policy + `"]},` +
		`"request":{"operation":"` + operation + `","path":"` + path + `"}}` + "\n"
}

func TestParseAudit(t *testing.T) {
	tests := map[string]struct {
		reason  string
		content string
		want    []string // paths
		err     string
	}{
		"empty": {},
		"requests and answers": {
			reason:  "a request counts once, when it is answered",
			content: line("request", "orders", "read", "a") + line("response", "orders", "read", "a") + line("response", "orders", "read", "b"),
			want:    []string{"a", "b"},
		},
		"being written": {
			reason:  "the rest of the line comes at the next look",
			content: line("response", "orders", "read", "a") + `{"time":"2026-`,
			want:    []string{"a"},
		},
		"first line being written": {content: `{"time":`},
		"not audit": {
			content: line("response", "orders", "read", "a") + "hello\n",
			err:     "line 2 of vault's audit file: invalid character 'h' looking for beginning of value",
		},
		"a long line": {
			reason:  "a certificate's answer is longer than what is usual for lines",
			content: strings.Replace(line("response", "orders", "read", "a"), "{", `{"data":"`+strings.Repeat("x", 200_000)+`",`, 1),
			want:    []string{"a"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answers, err := parseAudit([]byte(tt.content))
			var got []string
			for _, one := range answers {
				got = append(got, one.Request.Path)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || errorText(err) != tt.err {
				t.Errorf("got error %q, want %q; paths differ (-want +got): %s\n%s", errorText(err), tt.err, tt.reason, diff)
			}
		})
	}
}

func FuzzParseAudit(f *testing.F) {
	f.Add([]byte(line("response", "orders", "read", "a") + "{"))
	f.Add([]byte("null\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		answers, err := parseAudit(content)
		if err != nil && len(answers) > 0 {
			t.Errorf("answers came with error %v", err)
		}
		if n := strings.Count(string(content), "\n"); len(answers) > n {
			t.Errorf("%d answers came out of %d lines", len(answers), n)
		}
	})
}

func TestAuditOfAgent(t *testing.T) {
	a := Audit{Path: filepath.Join(t.TempDir(), "audit")}
	if _, err := a.ByOthers(); err == nil || !strings.HasPrefix(err.Error(), "read vault's audit file: ") {
		t.Errorf("without a file: error %v", err)
	}
	write := func(content string) {
		t.Helper()
		f, err := os.OpenFile(a.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(line("response", "root", "update", "sys/audit/file") + line("response", "none", "update", "auth/kubernetes/login"))
	if err := a.Begin(); err != nil {
		t.Fatal(err)
	}
	write(line("response", "orders", "update", "auth/kubernetes/login") + line("response", "root", "update", "secret/data/a"))
	write(line("response", "orders", "read", "secret/data/a") + line("response", "orders", "read", "database/creds/a"))
	write(line("response", "orders", "read", "secret/data/a"))
	answers, err := a.ByOthers()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"2", "read secret/data/a"}, {"1", "read database/creds/a"}, {"1", "update auth/kubernetes/login"}}
	if diff := cmp.Diff(want, Tally(answers)); diff != "" {
		t.Errorf("the tally differs (-want +got):\n%s", diff)
	}
	if got := Asked(answers, "secret/"); got != 2 {
		t.Errorf("asked for secret/ %d times, want 2", got)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	if found := Only(answers, "database/"); len(found) != 1 || !found[0].Time.Equal(at) {
		t.Errorf("only database/ is %v, want one at %s", found, at)
	}
}

func TestAuditThatShrinks(t *testing.T) {
	a := Audit{Path: filepath.Join(t.TempDir(), "audit"), skip: 5}
	if err := os.WriteFile(a.Path, []byte(line("response", "orders", "read", "a")), 0o600); err != nil {
		t.Fatal(err)
	}
	if answers, err := a.ByOthers(); len(answers) != 0 || err != nil {
		t.Errorf("got %v and error %v, want nothing", answers, err)
	}
}
