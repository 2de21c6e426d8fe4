package problem

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProblemString(t *testing.T) {
	cases := map[string]struct {
		problem Problem
		want    string
	}{
		"file and line": {Problem{"a.yaml", 3, "is bad"}, "a.yaml:3: is bad"},
		"source only":   {Problem{"env VAULT_ADDR", 0, "is bad"}, "env VAULT_ADDR: is bad"},
		"text only":     {Problem{"", 7, "is bad"}, "is bad"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.problem.String(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestErr(t *testing.T) {
	if err := (List{}).Err(); err != nil {
		t.Errorf("an empty list is an error: %v", err)
	}
	var l List
	l.Add("b", 1, "x")
	l.Add("a", 10, "z %q", "q")
	l.Add("a", 9, "y")
	l.Add("a", 9, "b")
	l.Add("b", 1, "x")
	err := l.Err()
	want := "a:9: b\na:9: y\na:10: z \"q\"\nb:1: x"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	var list List
	if !errors.As(err, &list) || len(list) != 4 {
		t.Errorf("errors.As gives %v", list)
	}
	if l[0].File != "b" {
		t.Error("the list itself was reordered")
	}
}

func TestUnknownKey(t *testing.T) {
	known := []string{"namespace", "address", "ca_cert", "ca_path"}
	cases := map[string]struct{ path, name, want, reason string }{
		"missing letter":  {"vault.adress", "adress", `key "vault.adress" is unknown; did you mean "address"?`, ""},
		"swapped letters": {"vault.adrdess", "adrdess", `key "vault.adrdess" is unknown; did you mean "address"?`, "one swap is one slip"},
		"too far":         {"vault.color", "color", `key "vault.color" is unknown`, "a different word"},
		"tie":             {"ca_xxxt", "ca_caxt", `key "ca_xxxt" is unknown; did you mean "ca_cert"?`, ""},
		"short":           {"x", "x", `key "x" is unknown`, "one slip turns x into nothing that is known"},
		"empty":           {"vault.", "", `key "vault." is unknown`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := UnknownKey(tc.path, tc.name, known); got != tc.want {
				t.Errorf("got %q, want %q; %s", got, tc.want, tc.reason)
			}
		})
	}
}

func TestNearestSettlesTiesByAlphabet(t *testing.T) {
	for _, known := range [][]string{{"bat", "cat", "rat"}, {"rat", "cat", "bat"}} {
		if got := Nearest("hat", known); got != "bat" {
			t.Errorf("of %q got %q", known, got)
		}
	}
}

func TestDistance(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want int
	}{
		"same":        {"role", "role", 0},
		"from empty":  {"", "role", 4},
		"to empty":    {"role", "", 4},
		"insert":      {"rle", "role", 1},
		"delete":      {"roole", "role", 1},
		"replace":     {"rule", "role", 1},
		"swap":        {"orle", "role", 1},
		"swap at end": {"roel", "role", 1},
		"far":         {"kitten", "sitting", 3},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := distance(tc.a, tc.b); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("address", "adress")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 64 || len(b) > 64 {
			return
		}
		d := distance(a, b)
		if d != distance(b, a) {
			t.Errorf("distance of %q and %q depends on the order", a, b)
		}
		if (d == 0) != (a == b) || d > max(len(a), len(b)) {
			t.Errorf("distance of %q and %q is %d", a, b, d)
		}
	})
}
