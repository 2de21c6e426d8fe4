package secret

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// TestDecide looks at moments that virtual time jumps over: real time passes
// between an answer and the next decision.
func TestDecide(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	held := &Response{LeaseID: "l", Data: sensitive.NewData(map[string]any{"k": "v"})}
	renewable := lease.Terms{Issued: now.Add(-45 * time.Minute), TTL: time.Hour, Renewable: true}
	base := observed{response: held, terms: renewable, initial: time.Hour, grace: 9 * time.Minute, renewAt: now.Add(-time.Second), fraction: 0.9, poll: 5 * time.Minute, now: now}
	with := func(change func(*observed)) observed {
		o := base
		change(&o)
		return o
	}
	cases := map[string]struct {
		observed observed
		reason   Reason
		renew    bool
	}{
		"nothing held":                      {with(func(o *observed) { o.response = nil }), FirstRead, false},
		"renewal overdue":                   {base, RenewalDue, true},
		"lost, with the renewal overdue":    {with(func(o *observed) { o.lost = true }), LeaseLost, false},
		"refused, time for another attempt": {with(func(o *observed) { o.refused = true }), RenewalDue, true},
		"refused, in the grace":             {with(func(o *observed) { o.refused, o.renewAt = true, now.Add(7*time.Minute) }), LeaseEnds, false},
		"at the max TTL":                    {with(func(o *observed) { o.terms.TTL = 50 * time.Minute }), LeaseEnds, false},
		"not renewable":                     {with(func(o *observed) { o.terms.Renewable = false }), LeaseEnds, false},
		"announced":                         {with(func(o *observed) { o.notified = now.Add(-time.Minute) }), Notified, false},
		"token ends later than the renewal": {with(func(o *observed) { o.orphaned = now.Add(time.Minute) }), RenewalDue, true},
		"token ended":                       {with(func(o *observed) { o.orphaned = now.Add(-time.Minute) }), TokenEnds, false},
		"static":                            {with(func(o *observed) { o.response, o.terms = &Response{}, lease.Terms{} }), PollDue, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := decide(tc.observed)
			if diff := cmp.Diff([]any{tc.reason, tc.renew}, []any{d.reason, d.renew}); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPollInterval(t *testing.T) {
	cases := map[string]struct {
		response *Response
		want     time.Duration
	}{
		"nothing":                 {nil, 5 * time.Minute},
		"KV version 2":            {&Response{}, 5 * time.Minute},
		"KV version 1":            {&Response{LeaseDuration: 768 * time.Hour}, 5 * time.Minute},
		"KV version 1 with a TTL": {&Response{LeaseDuration: time.Minute}, time.Minute},
		"a lease":                 {&Response{LeaseID: "l", LeaseDuration: time.Minute}, 5 * time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := pollInterval(tc.response, 5*time.Minute); got != tc.want {
				t.Errorf("polled each %v, want %v", got, tc.want)
			}
		})
	}
}

// TestCertificatesEndByTheWallClock: a reading of the monotonic clock in the
// deadline would make the schedule blind to a wall clock that was set.
func TestCertificatesEndByTheWallClock(t *testing.T) {
	received := time.Now()
	r := &Response{Received: received, Data: sensitive.NewData(map[string]any{
		"certificate": "not PEM", "expiration": json.Number(strconv.FormatInt(received.Add(10*time.Hour).Unix(), 10)),
	})}
	at := rotationPoint(Write, r, 0.9)
	if at != at.Round(0) {
		t.Errorf("the deadline %v has a monotonic reading", at)
	}
	if left := at.Sub(received.Round(0)).Round(time.Minute); left != 9*time.Hour {
		t.Errorf("replaced after %v of ten hours, want 9h", left)
	}
}
