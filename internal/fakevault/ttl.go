package fakevault

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseTTL reads a duration as Vault's API takes them: a number of seconds, the
// same in a string, or "90m", "2d". Nothing is 0.
func parseTTL(v any) (time.Duration, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case time.Duration:
		return v, nil
	case json.Number:
		return parseTTLText(v.String())
	case string:
		return parseTTLText(v)
	}
	return 0, fmt.Errorf("could not parse duration from input of type %T", v)
}

func parseTTLText(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 64)
		if err != nil {
			return 0, err
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// human writes a duration as Vault's warnings do: without trailing zero parts.
func human(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// terms are the limits under which a token or lease lives.
type terms struct {
	ttl, maxTTL, explicitMax, period time.Duration
}

var errPastMax = errors.New("past the max TTL, cannot renew")

// grant decides how long a token or lease that was issued at issued lives from
// now on. increment is what the caller wished for; 0 means the usual. Times are
// cut to seconds, which is the precision of TTLs, and a wish beyond the end is
// cut with a warning.
func (s *Server) grant(t terms, increment time.Duration, issued, now time.Time) (time.Duration, []string, error) {
	limit := smallest(s.maxTTL, t.maxTTL, t.explicitMax)
	if t.period > 0 {
		return grantPeriod(t, limit, issued, now)
	}
	wish := firstPositive(increment, t.ttl, s.defaultTTL)
	return capTTL(wish, issued.Truncate(time.Second).Add(limit), now)
}

// grantPeriod is grant for periodic tokens: only an explicit max TTL ends them.
func grantPeriod(t terms, limit time.Duration, issued, now time.Time) (time.Duration, []string, error) {
	var warnings []string
	period := t.period
	if period > limit {
		warnings = append(warnings, fmt.Sprintf("period of %q exceeded the effective max_ttl of %q; period value is capped accordingly",
			human(period), human(limit)))
		period = limit
	}
	if t.explicitMax <= 0 {
		return period, warnings, nil
	}
	ttl, more, err := capTTL(period, issued.Truncate(time.Second).Add(t.explicitMax), now)
	return ttl, append(warnings, more...), err
}

func capTTL(wish time.Duration, end, now time.Time) (time.Duration, []string, error) {
	left := end.Sub(now.Truncate(time.Second))
	switch {
	case left <= 0:
		return 0, nil, errPastMax
	case wish <= left:
		return wish, nil, nil
	}
	w := fmt.Sprintf("TTL of %q exceeded the effective max_ttl of %q; TTL value is capped accordingly", human(wish), human(left))
	return left, []string{w}, nil
}

// smallest ignores what is not positive, except in the first place.
func smallest(first time.Duration, more ...time.Duration) time.Duration {
	for _, d := range more {
		if d > 0 && d < first {
			first = d
		}
	}
	return first
}

func firstPositive(ds ...time.Duration) time.Duration {
	for _, d := range ds {
		if d > 0 {
			return d
		}
	}
	return 0
}
