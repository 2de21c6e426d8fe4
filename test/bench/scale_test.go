package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The real things, in small: an agent and a store with the in-process Vault.
func TestScaleChild(t *testing.T) {
	for _, c := range scaleCases() {
		t.Run(c.what, func(t *testing.T) {
			var out bytes.Buffer
			if err := scaleChild(t.Context(), []string{c.what, "40", t.TempDir()}, &out); err != nil {
				t.Fatal(err)
			}
			var got scaled
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got.N != 40 || got.Heap == 0 || got.Ready <= 0 || got.Ready > time.Minute {
				t.Errorf("got %+v", got)
			}
			if got.Goroutines < 0 || got.Goroutines > settledGoroutines {
				t.Errorf("%d goroutines at rest", got.Goroutines)
			}
		})
	}
}

func TestScaleChildErrors(t *testing.T) {
	cases := map[string]struct {
		args []string
		want string
	}{
		"Few":      {[]string{"templates"}, "scale: expected a kind, a number and a directory"},
		"NoNumber": {[]string{"templates", "ten", "/"}, `scale: "ten" is no number of things`},
		"None":     {[]string{"templates", "0", "/"}, `scale: "0" is no number of things`},
		"Unknown":  {[]string{"pods", "10", "/"}, `scale: unknown kind "pods"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := scaleChild(t.Context(), tc.args, io.Discard); err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestScaleChildCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range scaleCases() {
		if err := scaleChild(ctx, []string{c.what, "40", t.TempDir()}, io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", c.what, err)
		}
	}
}

func TestScaleJudge(t *testing.T) {
	c := scaleCase{what: "leases", bytes: 4096}
	cases := map[string]struct {
		few, many scaled
		want      []string
	}{
		"Met": {
			scaled{10, 20 << 10, 10 * time.Millisecond, 3},
			scaled{20, 42 << 10, 20 * time.Millisecond, 5},
			[]string{
				"leases: 2.10 KiB each; target ≤ 4.00 KiB: met.",
				"leases: heap each, twice as many to few: 1.05; target ≤ 1.25: met.",
				"leases: time each, twice as many to few: 1.00; target ≤ 1.25: met.",
				"leases: goroutines more for twice as many: 2; target ≤ 10: met.",
			},
		},
		"Missed": {
			scaled{10, 20 << 10, 10 * time.Millisecond, 10},
			scaled{20, 100 << 10, 50 * time.Millisecond, 30},
			[]string{
				"leases: 5.00 KiB each; target ≤ 4.00 KiB: missed: 1.25 times the target.",
				"leases: heap each, twice as many to few: 2.50; target ≤ 1.25: missed: 2.00 times the target.",
				"leases: time each, twice as many to few: 2.50; target ≤ 1.25: missed: 2.00 times the target.",
				"leases: goroutines more for twice as many: 20; target ≤ 10: missed: 2.00 times the target.",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			found := &table{}
			c.judge(found, [2]scaled{tc.few, tc.many})
			if diff := cmp.Diff(tc.want, found.notes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeapSeesGrowth(t *testing.T) {
	before := heap()
	block := bytes.Repeat([]byte{1}, 8<<20)
	after := heap()
	runtime.KeepAlive(block)
	if grown := difference(after, before); grown < uint64(len(block)) || grown > 2*uint64(len(block)) {
		t.Errorf("the heap grew by %d for %d bytes", grown, len(block))
	}
	if got := difference(1, 2); got != 0 {
		t.Errorf("1 - 2 is %d", got)
	}
}

func TestAgentOptionsErrors(t *testing.T) {
	j := testJob(t)
	j.templates, j.interval = 1, "soon"
	if _, err := agentOptions(j, nil); err == nil || !strings.Contains(err.Error(), "static_secret_render_interval") {
		t.Errorf("got %v", err)
	}
}
