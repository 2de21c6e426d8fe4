package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/test/bench/attendant"
	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

// exactly compares comparisons with their numbers as they are shown.
func exactly(t *testing.T, want [][]string, got []comparison) {
	t.Helper()
	var rows [][]string
	for _, c := range got {
		rows = append(rows, c.cells())
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompareRenderings(t *testing.T) {
	run := func(delivered, wall, cpu time.Duration, rss int64) rendering {
		return rendering{attendant.Cost{Wall: wall * time.Millisecond, CPU: cpu * time.Millisecond, MaxRSS: rss << 20}, delivered * time.Millisecond}
	}
	ours := []rendering{run(10, 12, 20, 16), run(30, 32, 26, 18), run(20, 22, 24, 17)}
	old := []rendering{run(100, 110, 100, 80), run(100, 110, 100, 80)}
	exactly(t, [][]string{
		{"templates: 2, exec to last file", "20.0 ms", "100 ms", "20.0 / 100 = 0.20", "≤ 0.33", "met"},
		{"templates: 2, exec to exit", "22.0 ms", "110 ms", "22.0 / 110 = 0.20", "≤ 0.33", "met"},
		{"templates: 2, CPU, user and system", "24.0 ms", "100 ms", "24.0 / 100 = 0.24", "≤ 0.20", "missed: 1.20 times the target"},
		{"templates: 2, peak resident", "17.0 MiB", "80.0 MiB", "17.0 / 80.0 = 0.21", "–", "–"},
	}, compareRenderings(2, ours, old))
}

func TestCompareMemory(t *testing.T) {
	ours := []proc.Memory{{RSS: 18 << 20, Anon: 3 << 20, File: 15 << 20, PSS: 17 << 20}}
	old := []proc.Memory{{RSS: 60 << 20, Anon: 20 << 20, File: 40 << 20, PSS: 60 << 20}}
	exactly(t, [][]string{
		{"resident (VmRSS)", "18.0 MiB", "60.0 MiB", "18.0 / 60.0 = 0.30", "≤ 0.25", "missed: 1.20 times the target"},
		{"of it private (RssAnon)", "3.00 MiB", "20.0 MiB", "3.00 / 20.0 = 0.15", "≤ 0.50", "met"},
		{"of it file pages (RssFile)", "15.0 MiB", "40.0 MiB", "15.0 / 40.0 = 0.38", "–", "–"},
		{"proportional (Pss)", "17.0 MiB", "60.0 MiB", "17.0 / 60.0 = 0.28", "–", "–"},
	}, compareMemory(ours, old))
}

func TestCompareStarts(t *testing.T) {
	ours := []attendant.Cost{{Wall: 10 * time.Millisecond, CPU: 8 * time.Millisecond, MaxRSS: 14 << 20}}
	old := []attendant.Cost{{Wall: 50 * time.Millisecond, CPU: 64 * time.Millisecond, MaxRSS: 56 << 20}}
	exactly(t, [][]string{
		{"version, exec to exit", "10.0 ms", "50.0 ms", "10.0 / 50.0 = 0.20", "–", "–"},
		{"version, CPU", "8.00 ms", "64.0 ms", "8.00 / 64.0 = 0.12", "–", "–"},
		{"version, peak resident", "14.0 MiB", "56.0 MiB", "14.0 / 56.0 = 0.25", "–", "–"},
	}, compareStarts(ours, old))
}

func TestAddSize(t *testing.T) {
	found := &table{}
	found.addSize("binary", 66<<20, 132<<20)
	want := [][]string{{"binary", "66.0 MiB", "132 MiB", "66.0 / 132 = 0.50", "≤ 60 MiB", "missed: 1.10 times the target"}}
	if diff := cmp.Diff(want, found.rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRequestCells(t *testing.T) {
	counts := map[kind]int{login: 1, lookUp: 1, read: 3}
	cases := map[string]struct {
		of     requestCase
		target int
		want   []string
	}{
		"Old":    {requestCase{10, 2, false}, 0, []string{"N=10 M=2 secret/data/…", "a", "1", "1", "3", "0", "0", "5", "–", "–"}},
		"Missed": {requestCase{10, 2, false}, 3, []string{"N=10 M=2 secret/data/…", "a", "1", "1", "3", "0", "0", "5", "≤ 3", "missed: 1.67 times the target"}},
		"Met":    {requestCase{3, 3, true}, 5, []string{"N=3 M=3 secret/…", "a", "1", "1", "3", "0", "0", "5", "≤ 5", "met"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, requestCells(tc.of, "a", counts, tc.target)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsAllowed(t *testing.T) {
	var got []int
	for _, c := range requestCases() {
		got = append(got, c.allowed())
	}
	if diff := cmp.Diff([]int{2, 11, 3, 3, 12, 4}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestList(t *testing.T) {
	if got, want := list(map[string]int{"b": 2, "a": 1}), "a (1), b (2)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
