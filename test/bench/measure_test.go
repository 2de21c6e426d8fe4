package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
)

// actor is an agent in shell: it renders what the document asks for without
// asking Vault, and ends or stays as the document says.
const actor = `#!/bin/sh
[ "$1" = agent ] || exit 0
trap 'exit 0' TERM
document=${2#-config=}; i=0
for path in $(grep -o 'app-[0-9]*' $document); do
  printf "username=user-${path#app-}\npassword=round-0\n" > ${document%/*}/out/$i
  i=$((i+1))
done
grep -q '"exit_after_auth": true' $document && exit 0
while :; do sleep 0.01; done
`

// stage is a scene with actors in place of the agents, and without a Vault.
func stage(t *testing.T) *scene {
	t.Helper()
	dir := t.TempDir()
	attend, err := attendant.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{dir: dir, attend: attend, runs: 2, out: &bytes.Buffer{}, begin: time.Now()}
	for i, c := range []*contestant{&s.ours, &s.old} {
		c.name, c.size = []string{"vaultk8s", "vault agent"}[i], int64(i+1)<<20
		c.binary = filepath.Join(dir, c.name)
		if err := os.WriteFile(c.binary, []byte(actor), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// column returns the cells of a column.
func column(found *table, n int) []string {
	var cells []string
	for _, row := range found.rows {
		cells = append(cells, row[n])
	}
	return cells
}

// whole checks that every row has a cell for each heading, and something in it.
func whole(t *testing.T, found *table) {
	t.Helper()
	for _, row := range found.rows {
		if len(row) != len(found.header) {
			t.Errorf("a row has %d cells under %d headings: %q", len(row), len(found.header), row)
		}
		for _, cell := range row {
			if cell == "" {
				t.Errorf("a row has an empty cell: %q", row)
			}
		}
	}
}

func TestRunFirstRender(t *testing.T) {
	s := stage(t)
	found := measured(t, s, func(ctx context.Context) (*table, error) {
		ours, old, err := s.firstRenders(ctx, 2)
		if len(ours) != s.runs || len(old) != s.runs {
			t.Errorf("%d and %d runs count, want %d each", len(ours), len(old), s.runs)
		}
		for _, r := range append(ours, old...) {
			if r.Wall <= 0 || r.MaxRSS <= 0 || r.Exit != 0 {
				t.Errorf("a run cost %+v", r)
			}
		}
		return newComparisons(compareRenderings(2, ours, old)...), err
	})
	if got := strings.Count(s.out.(*bytes.Buffer).String(), "run "); got != s.runs+1 { //nolint:forcetypeassert // stage made it
		t.Errorf("%d lines of progress, want %d", got, s.runs+1)
	}
	if len(found.rows) != 4 {
		t.Errorf("%d rows", len(found.rows))
	}
}

func TestRunSteady(t *testing.T) {
	s := stage(t)
	s.runs = 1
	found := measured(t, s, func(ctx context.Context) (*table, error) { return runSteady(ctx, s) })
	want := []string{"resident (VmRSS)", "of it private (RssAnon)", "of it file pages (RssFile)", "proportional (Pss)"}
	if diff := cmp.Diff(want, column(found, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunStartup(t *testing.T) {
	s := stage(t)
	found := measured(t, s, func(ctx context.Context) (*table, error) { return runStartup(ctx, s) })
	want := []string{"version, exec to exit", "version, CPU", "version, peak resident", "binary"}
	if diff := cmp.Diff(want, column(found, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := found.rows[3][3]; got != "1.00 / 2.00 = 0.50" {
		t.Errorf("sizes: %q", got)
	}
}

// Actors ask nothing, so every count is 0, and the agent of ours keeps to its
// target.
func TestCountRequests(t *testing.T) {
	s := stage(t)
	rc := requestCase{10, 2, true}
	counts, others, err := s.countRequests(t.Context(), s.ours, rc)
	if err != nil || len(counts) != 0 || len(others) != 0 {
		t.Errorf("got %v, %v, %v", counts, others, err)
	}
}

func measured(t *testing.T, s *scene, run func(context.Context) (*table, error)) *table {
	t.Helper()
	found, err := run(t.Context())
	if err != nil {
		t.Fatalf("%v; progress:\n%s", err, s.out)
	}
	whole(t, found)
	return found
}

// The process of its own is this test binary, see TestMain.
func TestScaleApart(t *testing.T) {
	s := stage(t)
	found, err := s.scaleApart(t.Context(), "leases", 20)
	if err != nil || found.N != 20 || found.Heap == 0 {
		t.Errorf("got %+v, %v", found, err)
	}
	_, err = s.scaleApart(t.Context(), "pods", 20)
	if want := `measure 20 pods: exit status 1: scale: unknown kind "pods"`; err == nil || strings.TrimSpace(err.Error()) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
