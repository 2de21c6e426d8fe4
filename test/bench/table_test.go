package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	all := newComparisons(
		comparison{"wall", "ms", 19.66, 106.2, 1.0 / 3},
		comparison{"CPU", "ms", 27.5, 123, 1.0 / 5},
		comparison{"peak", "MiB", 17, 0, 0},
	)
	all.note("Medians of %d runs.", 3)
	all.note("And more.")
	wantText := `what  vaultk8s  vault agent  ratio               target  result
wall  19.7 ms   106 ms       19.7 / 106 = 0.19   ≤ 0.33  met
CPU   27.5 ms   123 ms       27.5 / 123 = 0.22   ≤ 0.20  missed: 1.12 times the target
peak  17.0 MiB  0.00 MiB     17.0 / 0.00 = 0.00  –       –
Medians of 3 runs.
And more.
`
	if diff := cmp.Diff(wantText, all.text()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	wantMarkdown := `| what | vaultk8s | vault agent | ratio | target | result |
|---|---|---|---|---|---|
| wall | 19.7 ms | 106 ms | 19.7 / 106 = 0.19 | ≤ 0.33 | met |
| CPU | 27.5 ms | 123 ms | 27.5 / 123 = 0.22 | ≤ 0.20 | missed: 1.12 times the target |
| peak | 17.0 MiB | 0.00 MiB | 17.0 / 0.00 = 0.00 | – | – |

Medians of 3 runs.

And more.
`
	if diff := cmp.Diff(wantMarkdown, all.markdown()); diff != "" {
		t.Errorf("markdown (-want +got):\n%s", diff)
	}
}

func TestVerdict(t *testing.T) {
	cases := map[string]struct {
		got, limit float64
		want       string
	}{
		"NoTarget":    {5, 0, "–"},
		"Met":         {0.19, 0.2, "met"},
		"MetExactly":  {0.2, 0.2, "met"},
		"Missed":      {0.3, 0.2, "missed: 1.50 times the target"},
		"MissedByFar": {8, 2, "missed: 4.00 times the target"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := verdict(tc.got, tc.limit); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDigits(t *testing.T) {
	for n, want := range map[float64]string{0: "0.00", 0.126: "0.13", 1.5: "1.50", 9.996: "10.00", 17.55: "17.6", 123.4: "123", 14431.2: "14431"} {
		if got := digits(n); got != want {
			t.Errorf("%v is shown as %q, want %q", n, got, want)
		}
	}
}
