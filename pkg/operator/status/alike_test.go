package status_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

func TestAlike(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want bool
	}{
		"same":         {"a", "a", true},
		"other":        {"a b", "a c", false},
		"more":         {"a", "a b", false},
		"moment":       {"notAfter of 2026-01-02T03:04:05.678Z that is beyond", "notAfter of 2026-01-02T03:05:06Z that is beyond", true},
		"zone":         {"at 2026-01-02T03:04:05+01:00.", "at 2026-01-02T03:04:06+01:00.", true},
		"two":          {"2026-01-02T03:04:05Z after 2026-01-01T00:00:00Z", "2026-01-02T03:04:06Z after 2026-01-01T00:00:00Z", true},
		"span":         {"no answer in 1.503s: x", "no answer in 998.2ms: x", true},
		"setting":      {"no answer in 30s", "no answer in 60s", false},
		"mixed":        {"at 2026-01-02T03:04:05Z", "at 1.5s", false},
		"identifier":   {`request "01234567-89ab-cdef-0123-456789abcdef"`, `request "11234567-89ab-cdef-0123-456789abcdef"`, true},
		"no such":      {"01234567x89ab-cdef-0123-456789abcdef", "11234567x89ab-cdef-0123-456789abcdef", false},
		"no hex":       {"g1234567-89ab-cdef-0123-456789abcdef", "h1234567-89ab-cdef-0123-456789abcdef", false},
		"number":       {"2 of 5", "3 of 5", false},
		"only a day":   {"2026-01-02", "2026-01-03", false},
		"nothing else": {"", "2026-01-02T03:04:05Z", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := status.Alike(c.a, c.b); got != c.want {
				t.Errorf("Alike(%q, %q) is %t", c.a, c.b, got)
			}
			if status.Alike(c.a, c.b) != status.Alike(c.b, c.a) {
				t.Error("it depends on the order")
			}
		})
	}
}

// TestPutKeepsText: a trouble that goes on keeps its text, so that the status is not
// written at each attempt; what is well tells the newest time.
func TestPutKeepsText(t *testing.T) {
	const before, after = "until 2026-01-02T03:04:05Z", "until 2026-01-02T03:04:06Z"
	cases := map[string]struct {
		kind, reason string
		is           metav1.ConditionStatus
		generation   int64
		kept         bool
	}{
		"trouble":    {"Ready", "Failed", "False", 1, true},
		"stalled":    {"Stalled", "Failed", "True", 1, true},
		"retried":    {"Reconciling", "Failed", "True", 1, true},
		"well":       {"Ready", "Failed", "True", 1, false},
		"edited":     {"Ready", "Failed", "False", 2, false},
		"other case": {"Ready", "Other", "False", 1, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			edit := status.Edit([]metav1.Condition{condition(c.kind, c.is, "Failed", before, 1, then)}, c.generation, now)
			edit.PutStatus(c.kind, c.is, c.reason, after)
			got, _ := edit.Get(c.kind)
			if kept := got.Message == before; kept != c.kept || edit.Changed() == c.kept {
				t.Errorf("message %q, changed %t", got.Message, edit.Changed())
			}
		})
	}
}

func FuzzAlike(f *testing.F) {
	f.Add("at 2026-01-02T03:04:05Z", "in 1.5s")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !status.Alike(a, a) || status.Alike(a, b) != status.Alike(b, a) {
			t.Errorf("%q and %q", a, b)
		}
	})
}
