package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// roleEnv makes the test binary play the agent instead of running tests.
const roleEnv = "VAULTK8S_DEMO_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(playAgent(role))
	}
	goleak.VerifyTestMain(m)
}

// playAgent behaves like an agent, well or badly.
func playAgent(role string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Println(`level=INFO msg="agent starting"`)
	switch role {
	case "crash":
		return 3
	case "deaf":
		<-signals
		fmt.Println(`level=INFO msg="not ending"`)
	case "disorderly":
		<-signals
		return 4
	}
	<-signals
	return 0
}

func TestParseArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"program": 0o755, "text": 0o644} {
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		args []string
		want string
		err  string
	}{
		"a program":      {args: []string{"-bin", "program"}, want: filepath.Join(here, "program")},
		"the default":    {err: `there is no program "bin/vaultk8s": build it (make build), or name another one with -bin`},
		"not executable": {args: []string{"-bin", "text"}, err: `there is no program "text": build it (make build), or name another one with -bin`},
		"a directory":    {args: []string{"-bin", "."}, err: `there is no program ".": build it (make build), or name another one with -bin`},
		"an argument":    {args: []string{"-bin", "program", "fast"}, err: `argument "fast" is unexpected: the demo takes only flags`},
		"a wrong flag":   {args: []string{"-fast"}, err: "flag provided but not defined: -fast"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseArguments(tt.args, &bytes.Buffer{})
			if got != tt.want || errorText(err) != tt.err {
				t.Errorf("got %q and error %q, want %q and %q", got, errorText(err), tt.want, tt.err)
			}
		})
	}
}

func TestRunSpeaksOfWhatFailed(t *testing.T) {
	t.Chdir(t.TempDir())
	var out bytes.Buffer
	if code := run(t.Context(), nil, &out); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := "\nThe demo failed: there is no program"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("output %q does not begin with %q", out.String(), want)
	}
	out.Reset()
	if code := run(t.Context(), []string{"-help"}, &out); code != 0 || !strings.Contains(out.String(), "-bin") {
		t.Errorf("exit code %d and output %q, want 0 and the flag -bin", code, out.String())
	}
}

func TestRunAfterAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv("VAULTK8S_LAB_DIR", t.TempDir())
	var out bytes.Buffer
	if code := run(ctx, []string{"-bin", os.Args[0]}, &out); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if want := "The demo was interrupted. All servers are stopped, all files are removed.\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("output %q does not end with %q", out.String(), want)
	}
}

// TestRunWithoutServers is a demo on a machine where the servers were not built.
func TestRunWithoutServers(t *testing.T) {
	t.Setenv("VAULTK8S_LAB_DIR", t.TempDir())
	var out bytes.Buffer
	if code := run(t.Context(), []string{"-bin", os.Args[0]}, &out); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := `The demo failed: step 1, "Real servers": `; !strings.Contains(out.String(), want) {
		t.Errorf("output %q does not contain %q", out.String(), want)
	}
	if strings.Contains(out.String(), "not everything was removed") {
		t.Errorf("output %q tells of something left behind", out.String())
	}
}

// errorText is the text of an error, "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
