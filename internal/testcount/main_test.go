package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// goTestIn runs the real `go test` over a module that consists of one test file.
func goTestIn(t *testing.T, strict bool, source string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"go.mod":         "module example.com/sample\n\ngo 1.26.0\n",
		"sample_test.go": "package sample\n\n" + source,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := goTest(t.Context(), []string{"./..."})
	cmd.Dir = dir
	var out bytes.Buffer
	err := run(t.Context(), cmd, options{out: &out, strict: strict})
	return out.String(), err
}

func TestRealRuns(t *testing.T) {
	const imports = "import \"testing\"\n\n"
	cases := map[string]struct {
		reason  string
		source  string
		strict  bool
		last    string // line of the output
		shows   string
		hides   string
		wantErr string // "" for success
	}{
		"Pass": {
			source: imports + `func TestA(t *testing.T) { t.Log("chatter"); t.Run("x", func(*testing.T) {}); t.Run("y", func(*testing.T) {}) }`,
			last:   "2 passed, 0 failed", shows: "ok  \texample.com/sample", hides: "chatter",
		},
		"Fail": {
			reason: "what a failed test said is shown, what a passed one said is not",
			source: imports + `func TestA(t *testing.T) { t.Log("chatter") }
func TestB(t *testing.T) { t.Error("the reason") }`,
			last: "1 passed, 1 failed", shows: "the reason", hides: "chatter", wantErr: "1 failed",
		},
		"Skip": {
			source: imports + `func TestA(t *testing.T) { t.Skip("no server") }
func TestB(*testing.T) {}`,
			last: "1 passed, 0 failed", shows: "skipped: example.com/sample TestA",
		},
		"SkipInCI": {
			source: imports + `func TestA(t *testing.T) { t.Skip("no server") }
func TestB(*testing.T) {}`,
			strict: true, last: "1 passed, 0 failed", shows: "no server", wantErr: "1 skipped, which CI does not allow",
		},
		"NoTests": {
			source: "func helper() {}",
			last:   "0 passed, 0 failed", wantErr: "no test ran",
		},
		"DoesNotBuild": {
			source: imports + `func TestA(t *testing.T) { undefinedName() }`,
			last:   "0 passed, 1 failed", shows: "undefined: undefinedName", wantErr: "1 failed",
		},
		"Panic": {
			reason: "the test that panicked is the one failure; the third never began",
			source: imports + `func TestA(*testing.T) {}
func TestB(*testing.T) { panic("boom") }
func TestC(*testing.T) {}`,
			last: "1 passed, 1 failed", shows: "panic: boom", wantErr: "1 failed",
		},
		"ExitInTest": {
			reason: "a package that ends too early must not look like success",
			source: `import ("os"; "testing")
func TestA(*testing.T) {}
func TestMain(m *testing.M) { m.Run(); os.Exit(3) }`,
			last: "1 passed, 1 failed", wantErr: "1 failed",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := goTestIn(t, tc.strict, tc.source)
			if got := lastLine(out); got != tc.last {
				t.Errorf("last line is %q, want %q\n%s\noutput:\n%s", got, tc.last, tc.reason, out)
			}
			if !strings.Contains(out, tc.shows) {
				t.Errorf("output lacks %q:\n%s", tc.shows, out)
			}
			if tc.hides != "" && strings.Contains(out, tc.hides) {
				t.Errorf("output must not show %q:\n%s", tc.hides, out)
			}
			if got := errorText(err); got != tc.wantErr {
				t.Errorf("error %q, want %q", got, tc.wantErr)
			}
		})
	}
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	return lines[len(lines)-1]
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestRunReportsMissingProgram(t *testing.T) {
	err := run(t.Context(), exec.CommandContext(t.Context(), "/nonexistent/go"), options{out: &bytes.Buffer{}})
	if got, want := errorText(err), `start "/nonexistent/go": `; !strings.HasPrefix(got, want) {
		t.Errorf("error %q, want the beginning %q", got, want)
	}
}

func TestRunEndsWithInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	cmd := exec.Command("cat", os.DevNull)
	if got := errorText(run(ctx, cmd, options{out: &out})); got != "context canceled" {
		t.Errorf("error %q", got)
	}
	if got := out.String(); got != "0 passed, 0 failed\n" {
		t.Errorf("output %q", got)
	}
}

func TestGoTestArguments(t *testing.T) {
	got := strings.Join(goTest(t.Context(), []string{"-race", "./..."}).Args, " ")
	if want := "go test -json -race ./..."; got != want {
		t.Errorf("command %q, want %q", got, want)
	}
}
