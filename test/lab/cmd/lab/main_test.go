package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var wantUsage = `usage: lab COMMAND

commands:
  build [TARGET...]  build what is missing: everything, or the named targets
  status             show each target, its path and its size
  up                 run Vault, Kubernetes and PostgreSQL on free loopback ports,
                     print how to reach them, stop them on interrupt
  cluster            start a Kubernetes whose node runs containers, and Vault, print
                     how to use them, and let them run (Linux, as root)
  cluster-down       end what cluster has started

targets: ` + fmt.Sprint(lab.AllTargets()) + `

Binaries are cached in $VAULTK8S_LAB_DIR, by default vaultk8s-lab in the user's
cache directory.
`

func TestRunBadInput(t *testing.T) {
	cases := map[string]struct {
		args            []string
		wantErr, output string
	}{
		"Nothing":         {wantErr: "expected a command: build, status, up, cluster or cluster-down", output: wantUsage},
		"Unknown command": {args: []string{"down"}, wantErr: `unknown command "down": expected build, status, up, cluster or cluster-down`},
		"Unknown flag":    {args: []string{"-x"}, wantErr: "flag provided but not defined: -x", output: "flag provided but not defined: -x\n" + wantUsage},
		"Unknown target":  {args: []string{"build", "mysql"}, wantErr: `unknown target "mysql": expected one of ` + fmt.Sprint(lab.AllTargets())},
		"Help":            {args: []string{"-h"}, wantErr: flag.ErrHelp.Error(), output: wantUsage},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(t.Context(), tc.args, &out)
			if err == nil || err.Error() != tc.wantErr {
				t.Errorf("got %v, want %s", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.output, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatusOfEmptyCache(t *testing.T) {
	t.Setenv("VAULTK8S_LAB_DIR", t.TempDir())
	var out bytes.Buffer
	if err := run(t.Context(), []string{"status"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vault", "etcd", "kube-apiserver", "vault-agent"} {
		if !regexp.MustCompile(`(?m)^` + name + ` +missing$`).MatchString(out.String()) {
			t.Errorf("%s is not shown as missing:\n%s", name, out.String())
		}
	}
}

func TestStatus(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"status"}, &out); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^vault +\d+\.\d MiB  /.*/vault$`).MatchString(out.String()) {
		t.Errorf("vault is not shown with size and path (run `make lab` before the tests):\n%s", out.String())
	}
}

// TestUp runs everything, as at a terminal, and interrupts when it is ready.
func TestUp(t *testing.T) {
	root, err := os.MkdirTemp("", "lab-up-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o755); err != nil { // for PostgreSQL's user
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", root)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen strings.Builder
	if err := run(ctx, []string{"up"}, onText(&seen, "PGDATABASE=postgres\n", cancel)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"export VAULT_ADDR=http://127.0.0.1:", "export VAULT_TOKEN=", "export KUBECONFIG=" + root, "export PGHOST=127.0.0.1 PGPORT=", "\nstopping\n",
	} {
		if !strings.Contains(seen.String(), want) {
			t.Errorf("%q is not in:\n%s", want, seen.String())
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestUpWithoutBinaries(t *testing.T) {
	t.Setenv("VAULTK8S_LAB_DIR", t.TempDir())
	err := run(t.Context(), []string{"up"}, io.Discard)
	const want = "vault is not built: run `make lab`\netcd is not built: run `make lab`"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestUpInterruptedWhileStarting(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("interrupted")
	cancel(reason)
	if err := run(ctx, []string{"up"}, io.Discard); err == nil {
		t.Error("an interrupted start succeeds")
	}
}

// onText calls then once text has been written.
func onText(to *strings.Builder, text string, then func()) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		to.Write(b)
		if strings.HasSuffix(to.String(), text) {
			then()
		}
		return len(b), nil
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
