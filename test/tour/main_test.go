package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// repository makes a folder that looks like the repository's the working one.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{chartFile: 0o644, "program": 0o755, "text": 0o644} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return here
}

func TestParseArguments(t *testing.T) {
	here := repository(t)
	program := filepath.Join(here, "program")
	tests := map[string]struct {
		args []string
		want options
		err  string
	}{
		"a program":      {args: []string{"-bin", "program"}, want: options{program: program}},
		"two dashes":     {args: []string{"--ci", "--bin=program"}, want: options{program: program, ci: true}},
		"a part":         {args: []string{"-without-node", "-bin", "program"}, want: options{program: program, noNode: true}},
		"the default":    {err: `there is no program "bin/vaultk8s": build it (make build), or name another one with -bin`},
		"not executable": {args: []string{"-bin", "text"}, err: `there is no program "text": build it (make build), or name another one with -bin`},
		"a directory":    {args: []string{"-bin", "."}, err: `there is no program ".": build it (make build), or name another one with -bin`},
		"an argument":    {args: []string{"-bin", "program", "fast"}, err: `argument "fast" is unexpected: the tour takes only flags`},
		"a wrong flag":   {args: []string{"-fast"}, err: "flag provided but not defined: -fast"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseArguments(tt.args, &bytes.Buffer{})
			if errorText(err) != tt.err || err == nil && got != tt.want {
				t.Errorf("got %+v and error %q, want %+v and %q", got, errorText(err), tt.want, tt.err)
			}
		})
	}
}

func TestParseArgumentsElsewhere(t *testing.T) {
	t.Chdir(t.TempDir())
	const want = `there is no "charts/vaultk8s/Chart.yaml" here: run the tour in the folder of the repository`
	if _, err := parseArguments(nil, &bytes.Buffer{}); errorText(err) != want {
		t.Errorf("got error %q, want %q", errorText(err), want)
	}
}

func TestMissing(t *testing.T) {
	tests := map[string]struct {
		options options
		system  string
		user    int
		want    string
	}{
		"root on Linux": {system: "linux"},
		"a user":        {system: "linux", user: 1000, want: "a node takes root (sudo make demo)"},
		"elsewhere":     {system: "darwin", want: "a node takes Linux"},
		"asked for":     {options: options{noNode: true}, system: "linux", want: "it was asked for without a node"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.options.missing(tt.system, tt.user); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRunSpeaksOfWhatFailed(t *testing.T) {
	repository(t)
	var out bytes.Buffer
	if code := run(t.Context(), nil, &out); code != 1 || !strings.HasPrefix(out.String(), "\nThe tour failed: there is no program") {
		t.Errorf("exit code %d and output %q", code, out.String())
	}
	out.Reset()
	if code := run(t.Context(), []string{"-help"}, &out); code != 0 || !strings.Contains(out.String(), "-without-node") {
		t.Errorf("exit code %d and output %q, want 0 and the flags", code, out.String())
	}
}

// TestRunAfterAnInterrupt interrupts both ways to play before their first server starts.
func TestRunAfterAnInterrupt(t *testing.T) {
	for name, args := range map[string][]string{
		"as it comes": {"-ci"}, "without a node": {"-ci", "-without-node"},
	} {
		t.Run(name, func(t *testing.T) {
			repository(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			t.Setenv("VAULTK8S_LAB_DIR", t.TempDir())
			var out bytes.Buffer
			if code := run(ctx, append(args, "-bin", "program"), &out); code != 130 {
				t.Errorf("exit code %d, want 130", code)
			}
			const want = "The tour was interrupted. All servers are stopped, all files are removed.\n"
			if !strings.HasSuffix(out.String(), want) {
				t.Errorf("output %q does not end with %q", out.String(), want)
			}
			if part := strings.Contains(out.String(), "Left out, because "); part != (name == "without a node") && os.Geteuid() == 0 {
				t.Errorf("output %q", out.String())
			}
		})
	}
}

// errorText is the text of an error, "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
