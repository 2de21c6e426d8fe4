package conformance

import (
	"strings"
	"testing"
)

func TestSteadyCap(t *testing.T) {
	const text = `TTL of "2h" exceeded the effective max_ttl of "X"; TTL value is capped accordingly`
	cases := map[string]string{"1h30m": "1h30m", "1h29m59s": "1h30m", "59m55s": "1h", "2h": "2h", "5m": "5m", "10s": "10s", "x": "x"}
	for left, want := range cases {
		if got := steadyCap(strings.Replace(text, "X", left, 1)); got != strings.Replace(text, "X", want, 1) {
			t.Errorf("%s: %s", left, got)
		}
	}
	if got := steadyCap("something else"); got != "something else" {
		t.Errorf("another text became %q", got)
	}
}
