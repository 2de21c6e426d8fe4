package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ev reads "ACTION PACKAGE [TEST [OUTPUT]]".
func ev(text string) event {
	f := strings.SplitN(text, " ", 4)
	e := event{Action: f[0], Package: f[1]}
	if len(f) > 2 {
		e.Test = f[2]
	}
	if len(f) > 3 {
		e.Output = f[3] + "\n"
	}
	return e
}

func TestTally(t *testing.T) {
	cases := map[string]struct {
		reason string
		events []string
		want   string
	}{
		"Nothing": {want: "0 passed, 0 failed\n"},
		"NestedSubtests": {
			reason: "only the two innermost tests are counted",
			events: []string{
				"run p T", "run p T/a", "run p T/a/b", "run p T/a/c",
				"pass p T/a/b", "pass p T/a/c", "pass p T/a", "pass p T", "pass p",
			},
			want: "2 passed, 0 failed\n",
		},
		"SlashInName": {
			reason: "a subtest called x/y belongs to T, though there is no T/x",
			events: []string{"run p T", "run p T/x/y", "pass p T/x/y", "pass p T", "pass p"},
			want:   "1 passed, 0 failed\n",
		},
		"FailedSubtest": {
			reason: "the parent of a failed test is no second failure",
			events: []string{
				"run p T", "run p T/a", "run p T/b", "output p T/a why",
				"fail p T/a", "pass p T/b", "fail p T", "fail p",
			},
			want: "why\n1 passed, 1 failed\n",
		},
		"ParentFailsItself": {
			reason: "all subtests passed, the check after them failed",
			events: []string{"run p T", "run p T/a", "pass p T/a", "fail p T", "fail p"},
			want:   "1 passed, 1 failed\n",
		},
		"Unfinished": {
			reason: "a time limit leaves tests without an end; the innermost is the failure",
			events: []string{"run p T", "run p T/a", "output p T/a hung", "run q U", "fail p", "pass q U", "pass q"},
			want:   "hung\n--- FAIL: T/a (did not end)\n--- FAIL: T (did not end)\n1 passed, 1 failed\n",
		},
		"PackageAlone": {
			reason: "a package that failed without a failed test counts once",
			events: []string{"start p", "fail p"},
			want:   "0 passed, 1 failed\n",
		},
		"SamePlaceInTwoPackages": {
			events: []string{"run p T", "run q T", "run q T/a", "pass q T/a", "pass p T", "pass q T", "pass p", "pass q"},
			want:   "2 passed, 0 failed\n",
		},
		"Skips": {
			reason: "a parent of nothing but skipped tests is not counted as passed",
			events: []string{"run p T", "run p T/a", "output p T/a no server", "skip p T/a", "pass p T", "pass p"},
			want:   "no server\nskipped: p T/a\n0 passed, 0 failed\n",
		},
		"PausedAndContinued": {
			events: []string{"run p T", "pause p T", "cont p T", "pass p T", "bench p T", "pass p"},
			want:   "1 passed, 0 failed\n",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			tally := newTally(&out)
			for _, text := range tc.events {
				tally.add(ev(text))
			}
			tally.finish()
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("%s\noutput (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPackageOutput(t *testing.T) {
	cases := map[string]struct{ line, want string }{
		"Result":   {line: "ok  \tp\t0.1s\n", want: "ok  \tp\t0.1s\n"},
		"Untested": {line: "?   \tp\t[no test files]\n", want: "?   \tp\t[no test files]\n"},
		"Pass":     {line: "PASS\n"},
		"Fail":     {line: "FAIL\n"},
		"Nothing":  {line: "testing: warning: no tests to run\n"},
		"Percent":  {line: "coverage: 100%d of statements\n", want: "coverage: 100%d of statements\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			newTally(&out).add(event{Action: "output", Package: "p", Output: tc.line})
			if got := out.String(); got != tc.want {
				t.Errorf("output %q, want %q", got, tc.want)
			}
		})
	}
}

func TestVerdict(t *testing.T) {
	exit := errors.New("exit status 2")
	skipped := []string{"p T"}
	cases := map[string]struct {
		tally  tally
		strict bool
		exit   error
		want   string // "" for success
	}{
		"Success":          {tally: tally{passed: 3}},
		"Failed":           {tally: tally{passed: 3, failed: 2}, exit: exit, want: "2 failed"},
		"FailedQuietly":    {tally: tally{passed: 3, failed: 2}, want: "2 failed"},
		"BadExit":          {tally: tally{passed: 3}, exit: exit, want: "go test: exit status 2"},
		"NothingRan":       {want: "no test ran"},
		"NothingRanAndBad": {exit: exit, want: "go test: exit status 2"},
		"Skipped":          {tally: tally{passed: 3, skips: skipped}},
		"SkippedInCI":      {tally: tally{passed: 3, skips: skipped}, strict: true, want: "1 skipped, which CI does not allow"},
		"OnlySkipped":      {tally: tally{skips: skipped}, want: "no test ran"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := errorText(tc.tally.verdict(tc.strict, tc.exit)); got != tc.want {
				t.Errorf("verdict %q, want %q", got, tc.want)
			}
		})
	}
}

func TestEnumerate(t *testing.T) {
	cases := map[string]struct {
		names []string
		want  string
	}{
		"None": {want: "the build of the tests"},
		"One":  {names: []string{"a"}, want: "a"},
		"Four": {names: []string{"a", "b", "c", "d"}, want: "a, b, c, d"},
		"Five": {names: []string{"a", "b", "c", "d", "e"}, want: "a, b, c, d and 1 more"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := enumerate(tc.names); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
