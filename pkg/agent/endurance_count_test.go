package agent_test

import (
	"fmt"
	"testing"
	"time"
)

// expectCounts compares the requests of the hour with arithmetic.
func (h *hour) expectCounts() {
	h.t.Helper()
	for _, c := range h.counts() {
		h.t.Logf("%s: %d, of %d to %d", c.what, c.got, c.least, c.most)
		if c.got < c.least || c.got > c.most {
			h.t.Errorf("%s: %d, want %d to %d", c.what, c.got, c.least, c.most)
		}
	}
	for _, f := range h.faults {
		if f.excuse {
			h.t.Logf("%s for %v: all was well %v later", f.name, f.lasts, f.recovered)
		}
	}
}

// counted is a number of requests with its bounds.
type counted struct {
	what             string
	got, least, most int
}

// counts lists the bounds. What a fault takes away is asked for once more; each
// number allows for that, and is at least half of what an hour without faults
// needs, so that it cannot be met by doing nothing.
func (h *hour) counts() []counted {
	// Each of the six excused faults, and the token's two ends by its max TTL of 25
	// minutes, may cost every login once.
	const losses = 8
	m := h.meter
	var renewals, issues float64
	for i := range hourLogins + 1 {
		ttl, maxTTL := roleTerms(i)
		renewals += float64(hourEnd) / (0.70 * float64(ttl))       // at 0.70 of a TTL at the earliest
		issues += float64(hourEnd) / float64(maxTTL-ttl/5)         // replaced a grace of a fifth before its end
		renewals += float64(hourEnd) / float64(maxTTL-ttl/5) * 1.5 // the last two are for less than a TTL
	}
	// Polls come after 0.85 to 0.95 of the interval.
	reads := float64(hourValues) * float64(hourEnd) / (0.85 * float64(hourPoll))
	var signed float64
	for i := range hourCertificates {
		// Of m minutes and 30 s before their issue, they are replaced at 0.87 of both.
		ttl := time.Duration(3+i) * time.Minute
		signed += float64(hourEnd) / (0.87*float64(ttl+30*time.Second) - float64(30*time.Second))
	}
	bounds := func(what string, got int, most float64, extra int) counted {
		return counted{what, got, int(most / 2), int(most) + extra}
	}
	return []counted{
		// Tokens of ten minutes are renewed each seven, and each login may look the type
		// of all mounts up that it reads from.
		bounds("other requests", m.other, 0, 60/7+8*(hourLogins+hourValues+1)),
		bounds("leases renewed", m.renewed, renewals, 0),
		bounds("logins issued", m.issued, issues, losses*(hourLogins+1)),
		bounds("values read", m.reads, reads, 0),
		bounds("certificates issued", m.signed, signed, losses*hourCertificates),
		bounds("logins of the agent", m.loggedIn, 6, 2), // the first, two ends of the token, three times lost
		// In a minute everything that is due fails about ten times: a backoff from
		// 250 ms that doubles fills a minute with eight attempts.
		bounds("requests failed", m.failed, 0, 10*losses*(hourLogins+hourValues+hourCertificates+2)),
	}
}

func TestRoleTerms(t *testing.T) {
	seen := map[string]bool{}
	for i := range hourLogins {
		ttl, maxTTL := roleTerms(i)
		if ttl < time.Minute || ttl > 3*time.Minute || maxTTL < 5*time.Minute || maxTTL > 10*time.Minute {
			t.Errorf("role %d: TTL %v, max TTL %v", i, ttl, maxTTL)
		}
		seen[fmt.Sprint(ttl, maxTTL)] = true
	}
	if len(seen) != 30 {
		t.Errorf("%d different terms, want 30", len(seen))
	}
}
