package fakevault

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseTTL(t *testing.T) {
	cases := map[string]struct {
		in   any
		want time.Duration
		err  string
	}{
		"nothing":      {in: nil},
		"empty":        {in: ""},
		"number":       {in: json.Number("90"), want: 90 * time.Second},
		"seconds":      {in: "90", want: 90 * time.Second},
		"duration":     {in: "1h30m", want: 90 * time.Minute},
		"days":         {in: "2d", want: 48 * time.Hour},
		"Go":           {in: time.Minute, want: time.Minute},
		"word":         {in: "x", err: `time: invalid duration "x"`},
		"word of days": {in: "xd", err: `strconv.ParseInt: parsing "x": invalid syntax`},
		"boolean":      {in: true, err: "could not parse duration from input of type bool"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseTTL(tc.in)
			if got != tc.want || errorText(err) != tc.err {
				t.Errorf("got %v, %v, want %v, %q", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestHuman(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"768h": 768 * time.Hour, "1h30m": 90 * time.Minute, "45m": 45 * time.Minute, "30s": 30 * time.Second,
		"1h0m1s": time.Hour + time.Second, "10m": 10 * time.Minute, "0s": 0,
	} {
		if got := human(d); got != want {
			t.Errorf("%v is %q, want %q", int64(d), got, want)
		}
	}
}

func FuzzHuman(f *testing.F) {
	f.Add(int64(time.Hour))
	f.Fuzz(func(t *testing.T, n int64) {
		d := time.Duration(n)
		if back, err := time.ParseDuration(human(d)); err != nil || back != d {
			t.Errorf("%q reads back as %v, %v", human(d), back, err)
		}
	})
}

func TestGrant(t *testing.T) {
	issued := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	cases := map[string]struct {
		terms     terms
		increment time.Duration
		after     time.Duration
		want      time.Duration
		warning   string
		err       string
	}{
		"default":           {want: defaultLeaseTTL},
		"own TTL":           {terms: terms{ttl: time.Hour}, want: time.Hour},
		"increment":         {terms: terms{ttl: time.Hour}, increment: time.Minute, want: time.Minute},
		"beyond the system": {increment: 1000 * time.Hour, want: defaultLeaseTTL, warning: `TTL of "1000h" exceeded the effective max_ttl of "768h"; TTL value is capped accordingly`},
		"beyond its max":    {terms: terms{ttl: time.Hour, maxTTL: 90 * time.Minute}, after: time.Hour, want: 30 * time.Minute, warning: `TTL of "1h" exceeded the effective max_ttl of "30m"; TTL value is capped accordingly`},
		"at its max":        {terms: terms{ttl: time.Hour, maxTTL: time.Hour}, after: time.Hour, err: "past the max TTL, cannot renew"},
		"explicit max":      {terms: terms{ttl: 2 * time.Hour, explicitMax: time.Hour}, want: time.Hour, warning: `TTL of "2h" exceeded the effective max_ttl of "1h"; TTL value is capped accordingly`},
		"period":            {terms: terms{ttl: time.Hour, period: time.Minute}, increment: time.Hour, after: 10000 * time.Hour, want: time.Minute},
		"long period":       {terms: terms{period: 1000 * time.Hour}, want: defaultLeaseTTL, warning: `period of "1000h" exceeded the effective max_ttl of "768h"; period value is capped accordingly`},
		"period at the end": {terms: terms{period: time.Hour, explicitMax: 90 * time.Minute}, after: time.Hour, want: 30 * time.Minute, warning: `TTL of "1h" exceeded the effective max_ttl of "30m"; TTL value is capped accordingly`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := &Server{defaultTTL: defaultLeaseTTL, maxTTL: defaultLeaseTTL}
			got, warnings, err := s.grant(tc.terms, tc.increment, issued, issued.Add(tc.after))
			if got != tc.want || strings.Join(warnings, "\n") != tc.warning || errorText(err) != tc.err {
				t.Errorf("got %v, %q, %v", got, warnings, err)
			}
		})
	}
}

func TestGlob(t *testing.T) {
	cases := map[string]struct {
		pattern, text string
		want          bool
	}{
		"same":          {"a/b", "a/b", true},
		"longer":        {"a/b", "a/b/c", false},
		"star":          {"*", "", true},
		"prefix":        {"a/*", "a/b/c", true},
		"not a prefix":  {"a/*", "a", false},
		"suffix":        {"*/login", "auth/x/login", true},
		"not a suffix":  {"*/login", "auth/x/logins", false},
		"middle":        {"auth/*/login", "auth/x/login", true},
		"nothing there": {"auth/*/login", "auth/login", false},
		"two":           {"a*b*c", "aXbYc", true},
		"twice":         {"*a*a", "a", false},
		"order":         {"*b*a*", "ab", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := glob(tc.pattern, tc.text); got != tc.want {
				t.Errorf("%q matches %q: %v, want %v", tc.pattern, tc.text, got, tc.want)
			}
		})
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a", "b", "c")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if strings.Contains(a+c, "*") {
			return
		}
		if !glob(a+"*"+c, a+b+c) {
			t.Errorf("%q does not match %q", a+"*"+c, a+b+c)
		}
		if b != "" && glob(a+c, a+b+c) {
			t.Errorf("%q matches %q", a+c, a+b+c)
		}
	})
}
