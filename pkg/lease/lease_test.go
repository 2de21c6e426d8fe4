package lease_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

func constant(f float64) lease.Rand { return func() float64 { return f } }

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestRenewAt(t *testing.T) {
	cases := map[string]struct {
		ttl    time.Duration
		passed time.Duration
		random float64
		want   time.Duration // after now
	}{
		"fresh, least grace": {ttl: time.Hour, random: 0, want: 42 * time.Minute},                // 40m + 6m/3
		"fresh, most grace":  {ttl: time.Hour, random: 1, want: 44 * time.Minute},                // 40m + 12m/3
		"half gone":          {ttl: time.Hour, passed: 30 * time.Minute, want: 22 * time.Minute}, // 20m + 6m/3
		"ended":              {ttl: time.Hour, passed: 2 * time.Hour, want: 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			terms := lease.Terms{Issued: epoch, TTL: tc.ttl, Renewable: true}
			now := epoch.Add(tc.passed)
			got := terms.RenewAt(now, lease.Grace(tc.ttl, constant(tc.random))).Sub(now)
			if got.Round(time.Millisecond) != tc.want {
				t.Errorf("renews after %v, want %v", got, tc.want)
			}
		})
	}
}

func TestNoEnd(t *testing.T) {
	terms := lease.Terms{Issued: epoch}
	if !terms.Expires().IsZero() || terms.Ending(epoch.Add(1000*time.Hour), time.Hour) {
		t.Error("a lease without a TTL ends")
	}
}

func TestFraction(t *testing.T) {
	cases := map[string]struct{ threshold, random, want float64 }{
		"lowest":        {0.90, 0, 0.85},
		"middle":        {0.90, 0.5, 0.90},
		"highest":       {0.90, 1, 0.95},
		"would reach 1": {0.98, 0.9, 0.98},
		"would reach 0": {0.02, 0.1, 0.02},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := lease.Fraction(tc.threshold, constant(tc.random)); got < tc.want-1e-9 || got > tc.want+1e-9 {
				t.Errorf("Fraction = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	b := lease.Backoff{}
	for failure, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		if got := b.Wait(failure, constant(0)); got != want*time.Second {
			t.Errorf("wait after failure %d = %v, want %v", failure, got, want*time.Second)
		}
	}
	if got := b.Wait(0, constant(1)); got != 750*time.Millisecond {
		t.Errorf("wait with full jitter = %v, want 750ms", got)
	}
	if got := b.Wait(1<<30, constant(0)); got != 5*time.Minute {
		t.Errorf("wait after very many failures = %v, want 5m", got)
	}
}

func TestEarliest(t *testing.T) {
	if got := lease.Earliest(time.Time{}, epoch.Add(time.Hour), epoch, time.Time{}); !got.Equal(epoch) {
		t.Errorf("Earliest = %v, want %v", got, epoch)
	}
	if !lease.Earliest().IsZero() || !lease.Earliest(time.Time{}).IsZero() {
		t.Error("Earliest of nothing is a time")
	}
}

func TestPropertyRenewalComesInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl := time.Duration(rapid.Int64Range(int64(time.Second), int64(20*365*24*time.Hour)).Draw(t, "ttl"))
		random := rapid.Float64Range(0, 0.999999).Draw(t, "random")
		passed := time.Duration(rapid.Int64Range(0, int64(ttl)).Draw(t, "passed"))
		terms := lease.Terms{Issued: epoch, TTL: ttl, Renewable: true}
		grace := lease.Grace(ttl, constant(random))
		now := epoch.Add(passed)
		at := terms.RenewAt(now, grace)
		if at.Before(now) {
			t.Fatalf("renews %v before now", now.Sub(at))
		}
		if !terms.Ending(now, grace) && at.After(terms.Expires()) {
			t.Fatalf("renews %v after the end", at.Sub(terms.Expires()))
		}
		if grace < ttl/10 || grace > ttl/5+1 {
			t.Fatalf("grace %v of %v is not a tenth to a fifth", grace, ttl)
		}
		if replace := terms.ReplaceAt(lease.Fraction(0.90, constant(random))); !replace.Before(terms.Expires()) {
			t.Fatalf("replaces %v after the end", replace.Sub(terms.Expires()))
		}
	})
}

func TestPropertyQuotaBoundsIssues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl := time.Duration(rapid.Int64Range(0, int64(240*time.Hour)).Draw(t, "ttl"))
		var q lease.Quota
		now, issues := epoch, 0
		for now.Before(epoch.Add(time.Hour)) {
			at := q.Next(now, ttl)
			if at.Before(now) {
				t.Fatalf("next issue is %v in the past", now.Sub(at))
			}
			now = at
			q.Spend(now, ttl)
			issues++
			now = now.Add(time.Millisecond)
		}
		refill := min(max(ttl/2, time.Second), time.Minute)
		if most := 6 + int(time.Hour/refill); issues > most {
			t.Fatalf("%d issues in an hour with a TTL of %v, want at most %d", issues, ttl, most)
		}
	})
}

func TestQuotaNeverHoldsBackAnHonestLease(t *testing.T) {
	for _, ttl := range []time.Duration{2 * time.Second, 5 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		var q lease.Quota
		now := epoch
		for range 1000 {
			if at := q.Next(now, ttl); at.After(now) {
				t.Fatalf("TTL %v: issue held back by %v", ttl, at.Sub(now))
			}
			q.Spend(now, ttl)
			now = now.Add(ttl * 85 / 100)
		}
	}
}

func TestRefundedIssuesDoNotCount(t *testing.T) {
	var q lease.Quota
	for range 100 {
		if at := q.Next(epoch, time.Minute); at.After(epoch) {
			t.Fatalf("an issue is held back by %v, and none happened", at.Sub(epoch))
		}
		q.Spend(epoch, time.Minute)
		q.Refund()
	}
	q.Refund() // of nothing
	for range 5 {
		q.Spend(epoch, time.Minute)
	}
	if at := q.Next(epoch, time.Minute); at.Sub(epoch) != 30*time.Second {
		t.Errorf("after five issues the next is held back by %v, want 30s", at.Sub(epoch))
	}
}
