package due_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
)

const (
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
)

func always(x float64) lease.Rand { return func() float64 { return x } }

// almost is the largest number that a random source returns.
const almost = 1 - 1.0/(1<<53)

func TestHorizon(t *testing.T) {
	cases := map[string]struct {
		period time.Duration
		rnd    float64
		want   time.Duration
	}{
		"Most":     {30 * second, 0, 27 * second},
		"Middle":   {30 * second, 0.5, 25500 * time.Millisecond},
		"Least":    {30 * second, almost, 24*second + 1},
		"Error":    {due.Retry, 0, 4500 * time.Millisecond},
		"Never":    {0, 0.5, 0},
		"Negative": {-second, 0.5, 0},
		"Longest":  {math.MaxInt64, 0, math.MaxInt64 - math.MaxInt64/10},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := due.Horizon(tc.period, always(tc.rnd)); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestRenewal(t *testing.T) {
	cases := map[string]struct {
		lifetime time.Duration
		pct      int
		rnd      float64
		want     time.Duration
	}{
		"Default":    {100 * minute, 67, 0, 77 * minute},
		"DefaultLow": {100 * minute, 67, almost, 67*minute + 1},
		"Zero":       {100 * minute, 0, 0, 10 * minute},
		"ZeroLow":    {100 * minute, 0, almost, 1},
		"Ninety":     {100 * minute, 90, 0, 100 * minute},
		"TooMuch":    {100 * minute, 400, 0.5, 95 * minute},
		"Negative":   {100 * minute, -5, 0.5, 5 * minute},
		"None":       {0, 67, 0.5, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := due.Renewal(tc.lifetime, tc.pct, always(tc.rnd))
			if diff := got - tc.want; diff < -2 || diff > 2 { // 2^53 ns are 104 days
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// TestHorizonBounds: whatever the period and the chance, the formulas stay within
// what they promise.
func TestHorizonBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(1, math.MaxInt64).Draw(t, "period"))
		pct := rapid.IntRange(-10, 120).Draw(t, "percent")
		rnd := always(rapid.Float64Range(0, almost).Draw(t, "random"))
		tenth := period/10 + 1
		if h := due.Horizon(period, rnd); h < period-2*tenth-2048 || h > period {
			t.Errorf("horizon %d of %d", h, period)
		}
		low := period / 100 * time.Duration(min(max(pct, 0), 90))
		if r := due.Renewal(period, pct, rnd); r < low-2048 || r < 0 || r > period || r-low > tenth+2048+period%100 {
			t.Errorf("renewal %d of %d at %d %%", r, period, pct)
		}
	})
}

func TestSoonest(t *testing.T) {
	cases := map[string]struct{ a, b, want time.Duration }{
		"Both": {3, 2, 2}, "First": {1, 2, 1}, "NeverFirst": {0, 2, 2}, "NeverSecond": {3, 0, 3}, "Never": {0, 0, 0}, "Negative": {-1, -2, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := due.Soonest(tc.a, tc.b); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestRole(t *testing.T) {
	cases := map[string]struct {
		role  due.Role
		rnd   float64
		valid bool
		next  time.Duration
	}{
		"Periodic":      {role: due.Role{LastRotation: 1, Period: hour, TTL: 10 * minute}, valid: true, next: 10*minute + 500*time.Millisecond},
		"PeriodicLate":  {role: due.Role{LastRotation: 1, Period: hour, TTL: 10 * minute}, rnd: 0.5, valid: true, next: 10*minute + 575*time.Millisecond},
		"Scheduled":     {role: due.Role{LastRotation: 1, Schedule: "0 0 * * *", TTL: 10 * minute}, valid: true, next: 10 * minute},
		"Over":          {role: due.Role{LastRotation: 1, Period: hour}, valid: true, next: second},
		"NeverRotated":  {role: due.Role{Period: hour, TTL: minute}},
		"NoPeriod":      {role: due.Role{LastRotation: 1, TTL: minute}},
		"TinyPeriod":    {role: due.Role{LastRotation: 1, Period: time.Millisecond, TTL: minute}},
		"TinyScheduled": {role: due.Role{LastRotation: 1, Period: time.Millisecond, Schedule: "x", TTL: minute}, valid: true, next: minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.role.Valid() != tc.valid {
				t.Errorf("valid is %t", tc.role.Valid())
			}
			if got := tc.role.Next(always(tc.rnd)); got != tc.next {
				t.Errorf("next after %s, want %s", got, tc.next)
			}
		})
	}
}

func TestUnsettled(t *testing.T) {
	periodic := func(last int64, ttl time.Duration) due.Role {
		return due.Role{LastRotation: last, Period: hour, TTL: ttl}
	}
	scheduled := func(last int64, ttl time.Duration) due.Role {
		return due.Role{LastRotation: last, Schedule: "0 * * * *", TTL: ttl}
	}
	cases := map[string]struct {
		former, now due.Role
		elapsed     time.Duration
		want        bool
	}{
		"Rotated":         {former: periodic(1, second), now: periodic(2, hour), elapsed: second},
		"Ending":          {former: periodic(1, minute), now: periodic(1, 2*second), elapsed: 58 * second, want: true},
		"Over":            {former: periodic(1, second), now: periodic(1, 0), elapsed: second, want: true},
		"NotYet":          {former: periodic(1, minute), now: periodic(1, 30*second), elapsed: 30 * second},
		"Begun":           {former: scheduled(1, second), now: scheduled(1, hour), elapsed: second, want: true},
		"BegunTolerated":  {former: scheduled(1, 2*second), now: scheduled(1, 5*second), elapsed: second},
		"ScheduleChanged": {former: scheduled(1, 10*minute), now: scheduled(1, hour), elapsed: second},
		"BegunPeriodic":   {former: periodic(1, second), now: periodic(1, hour), elapsed: second},
		"Invalid":         {former: due.Role{}, now: due.Role{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.now.Unsettled(tc.former, tc.elapsed); got != tc.want {
				t.Errorf("unsettled is %t", got)
			}
		})
	}
}
