package status_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

var (
	then = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now  = then.Add(time.Hour)
)

func condition(kind string, is metav1.ConditionStatus, reason, message string, generation int64, at time.Time) metav1.Condition {
	return metav1.Condition{
		Type: kind, Status: is, Reason: reason, Message: message, ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(at),
	}
}

func TestPut(t *testing.T) {
	before := condition("SecretSynced", "True", "Synced", "written", 1, then)
	other := condition("RolloutRestart", "True", "RolloutRestartTriggered", "", 1, then)
	cases := map[string]struct {
		from    []metav1.Condition
		put     metav1.Condition // its type, status, reason and message
		want    []metav1.Condition
		changed bool
		reason  string
	}{
		"New": {
			put:  condition("SecretSynced", "True", "Synced", "written", 0, then),
			want: []metav1.Condition{condition("SecretSynced", "True", "Synced", "written", 1, now)}, changed: true,
		},
		"Same": {from: []metav1.Condition{other, before}, put: before, want: []metav1.Condition{other, before}},
		"Message": {
			from: []metav1.Condition{before, other}, put: condition("SecretSynced", "True", "Synced", "more", 0, then),
			want: []metav1.Condition{condition("SecretSynced", "True", "Synced", "more", 1, then), other}, changed: true,
			reason: "a message does not move the transition",
		},
		"Reason": {
			from: []metav1.Condition{before}, put: condition("SecretSynced", "True", "Adopted", "written", 0, then),
			want: []metav1.Condition{condition("SecretSynced", "True", "Adopted", "written", 1, now)}, changed: true,
			reason: "another reason is another state, unlike in the library of Kubernetes",
		},
		"Status": {
			from: []metav1.Condition{before}, put: condition("SecretSynced", "False", "Synced", "written", 0, then),
			want: []metav1.Condition{condition("SecretSynced", "False", "Synced", "written", 1, now)}, changed: true,
		},
		"Unknown": {
			from: []metav1.Condition{before}, put: condition("SecretSynced", "Unknown", "Synced", "written", 0, then),
			want: []metav1.Condition{condition("SecretSynced", "Unknown", "Synced", "written", 1, now)}, changed: true,
		},
		"Generation": {
			from: []metav1.Condition{condition("SecretSynced", "True", "Synced", "written", 7, then)}, put: before,
			want: []metav1.Condition{before}, changed: true,
		},
		"NoTime": {
			from: []metav1.Condition{condition("SecretSynced", "True", "Synced", "written", 1, time.Time{})}, put: before,
			want: []metav1.Condition{condition("SecretSynced", "True", "Synced", "written", 1, now)}, changed: true,
			reason: "the schema requires a time of transition",
		},
		"Twice": {
			from: []metav1.Condition{before, other, condition("SecretSynced", "False", "Old", "", 1, now)}, put: before,
			want: []metav1.Condition{before, other}, changed: true, reason: "the schema does not forbid two of a type",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			untouched := append([]metav1.Condition(nil), tc.from...)
			c := status.Edit(tc.from, 1, now.Add(400*time.Millisecond))
			c.PutStatus(tc.put.Type, tc.put.Status, tc.put.Reason, tc.put.Message)
			if diff := cmp.Diff(tc.want, c.List()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if c.Changed() != tc.changed {
				t.Errorf("changed is %t", c.Changed())
			}
			if diff := cmp.Diff(untouched, tc.from); diff != "" {
				t.Errorf("the given list was changed:\n%s", diff)
			}
		})
	}
}

func TestPutLongMessage(t *testing.T) {
	cases := map[string]struct {
		message string
		length  int
	}{
		"Fits":      {strings.Repeat("a", 32768), 32768},
		"Long":      {strings.Repeat("a", 32769), 32768},
		"Character": {strings.Repeat("é", 20000), 32767}, // 32765 is within a character of two bytes
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := status.Edit(nil, 1, now)
			c.Put("Ready", false, "Long", tc.message)
			got, _ := c.Get("Ready")
			if len(got.Message) != tc.length || !utf8.ValidString(got.Message) {
				t.Errorf("the message has %d bytes, want %d", len(got.Message), tc.length)
			}
		})
	}
}

func TestDrop(t *testing.T) {
	list := []metav1.Condition{condition("A", "True", "R", "", 1, then), condition("B", "True", "R", "", 1, then)}
	c := status.Edit(list, 1, now)
	c.Drop("C")
	if c.Changed() {
		t.Error("nothing was dropped")
	}
	c.Drop("A", "C")
	if !c.Changed() || cmp.Diff(list[1:], c.List()) != "" {
		t.Errorf("left: %v", c.List())
	}
	if _, ok := c.Get("A"); ok {
		t.Error("A is still there")
	}
}

// summary is TYPE=STATUS:REASON of each condition.
func summary(c *status.Conditions) string {
	var parts []string
	for _, condition := range c.List() {
		parts = append(parts, condition.Type+"="+string(condition.Status)+":"+condition.Reason)
	}
	return strings.Join(parts, " ")
}

// kstatus judges conditions as the library of that name does.
func kstatus(c *status.Conditions) string {
	is := func(kind string) metav1.ConditionStatus { got, _ := c.Get(kind); return got.Status }
	switch {
	case is("Stalled") == "True":
		return "Failed"
	case is("Reconciling") == "True", is("Ready") != "True":
		return "InProgress"
	default:
		return "Current"
	}
}

func TestConclude(t *testing.T) {
	cases := map[string]struct {
		from    []status.Outcome
		outcome status.Outcome
		want    string
		kstatus string
	}{
		"Done": {
			outcome: status.Outcome{State: status.Done, Reason: "Synced"},
			want:    "Healthy=True:Healthy Ready=True:Synced", kstatus: "Current",
		},
		"Retrying": {
			outcome: status.Outcome{State: status.Retrying, Reason: "VaultClientError"},
			want:    "Healthy=False:Unhealthy Ready=False:VaultClientError Reconciling=True:VaultClientError", kstatus: "InProgress",
		},
		"Waiting": {
			outcome: status.Outcome{State: status.Waiting, Reason: "InexistentDestination"},
			want:    "Healthy=False:Unhealthy Ready=False:InexistentDestination Reconciling=True:InexistentDestination", kstatus: "InProgress",
		},
		"Stuck": {
			outcome: status.Outcome{State: status.Stuck, Reason: "InvalidConfiguration"},
			want:    "Healthy=False:Unhealthy Ready=False:InvalidConfiguration Stalled=True:InvalidConfiguration", kstatus: "Failed",
		},
		"Recovered": {
			from:    []status.Outcome{{State: status.Stuck, Reason: "A"}, {State: status.Retrying, Reason: "B"}},
			outcome: status.Outcome{State: status.Done, Reason: "Synced"},
			want:    "Healthy=True:Healthy Ready=True:Synced", kstatus: "Current",
		},
		"StuckAfterRetry": {
			from:    []status.Outcome{{State: status.Retrying, Reason: "B"}},
			outcome: status.Outcome{State: status.Stuck, Reason: "C"},
			want:    "Healthy=False:Unhealthy Ready=False:C Stalled=True:C", kstatus: "Failed",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := status.Edit(nil, 3, then)
			for _, o := range tc.from {
				c.Conclude(o)
			}
			c.Conclude(tc.outcome)
			if got := summary(c); got != tc.want {
				t.Errorf("conditions\n%s, want\n%s", got, tc.want)
			}
			if got := kstatus(c); got != tc.kstatus {
				t.Errorf("kstatus %s, want %s", got, tc.kstatus)
			}
			again := status.Edit(c.List(), 3, now)
			again.Conclude(tc.outcome)
			if again.Changed() {
				t.Errorf("the same outcome again is a change: %s", summary(again))
			}
		})
	}
}

func TestStart(t *testing.T) {
	c := status.Edit(nil, 1, then)
	c.Start("Progressing", "reading")
	if got, want := summary(c), "Reconciling=True:Progressing"; got != want || kstatus(c) != "InProgress" {
		t.Errorf("a new resource has %s, want %s", got, want)
	}
	c.Conclude(status.Outcome{State: status.Stuck, Reason: "Bad"})

	same := status.Edit(c.List(), 1, now)
	same.Start("Progressing", "")
	if same.Changed() {
		t.Errorf("nothing is new, and yet there is %s", summary(same))
	}

	edited := status.Edit(c.List(), 2, now)
	edited.Start("Progressing", "")
	if got, want := summary(edited), "Healthy=False:Unhealthy Ready=False:Bad Reconciling=True:Progressing"; got != want || kstatus(edited) != "InProgress" {
		t.Errorf("an edited resource has %s, want %s", got, want)
	}
}
