package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// TestMain lets the test binary be the process of its own that runScale starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == scaleCommand {
		if err := dispatch(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func TestParseOptions(t *testing.T) {
	cases := map[string]struct {
		args []string
		want options
	}{
		"Defaults": {nil, options{bin: "bin/vaultk8s", runs: 11, duration: 10 * time.Minute, doc: "docs/performance.md"}},
		"All": {
			[]string{"-bin", "x", "-runs=3", "-duration=1m", "-only=steady,flat", "-write", "-doc", "d.md"},
			options{bin: "x", runs: 3, only: []string{"steady", "flat"}, duration: time.Minute, write: true, doc: "d.md"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseOptions(tc.args, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(options{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseOptionsErrors(t *testing.T) {
	_, err := parseOptions([]string{"-runs", "0", "-duration", "59s", "-only", "steady,fast", "rest"}, io.Discard)
	want := `unexpected argument "rest"
-runs 0: expected at least 1
-duration 59s: expected at least 1m0s
-only "fast": expected one of first-render, steady, flat, requests, scale, startup, injector, csi, operator, endurance`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := parseOptions([]string{"-x"}, io.Discard); err == nil || err.Error() != "flag provided but not defined: -x" {
		t.Errorf("an unknown flag: %v", err)
	}
}

func TestHelp(t *testing.T) {
	var shown strings.Builder
	_, err := parseOptions([]string{"-h"}, &shown)
	if !errors.Is(err, flag.ErrHelp) || !strings.Contains(shown.String(), "first-render, steady, flat, requests, scale, startup, injector, csi, operator, endurance") {
		t.Errorf("got %v and %q", err, shown.String())
	}
}

func TestRunErrors(t *testing.T) {
	if err := run(t.Context(), []string{"-runs", "0"}, io.Discard, io.Discard); err == nil {
		t.Error("bad options went through")
	}
	if err := dispatch(t.Context(), []string{scaleCommand}); err == nil || err.Error() != "scale: expected a kind, a number and a directory" {
		t.Errorf("the other role was not recognized: %v", err)
	}
}

func TestMeasure(t *testing.T) {
	var out strings.Builder
	s := &scene{machine: "a machine", out: io.Discard, runs: 1}
	if err := s.measure(t.Context(), options{only: []string{"none"}}, &out); err != nil || out.String() != "a machine\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := await(t.Context(), "a second", func() (bool, error) { return time.Since(begin) >= time.Second, nil })
		if err != nil || time.Since(begin) != time.Second {
			t.Errorf("took %v, %v", time.Since(begin), err)
		}
	})
}

func TestAwaitErrors(t *testing.T) {
	failure := errors.New("it has ended")
	if err := await(t.Context(), "it", func() (bool, error) { return false, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := await(ctx, "silence", func() (bool, error) { return false, nil })
		if want := "wait for silence: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}
