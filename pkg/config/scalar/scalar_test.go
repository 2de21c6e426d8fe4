package scalar

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const notDuration = " is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)"

func TestDuration(t *testing.T) {
	cases := map[string]struct {
		want time.Duration
		err  string
	}{
		"30":                   {want: 30 * time.Second},
		"0":                    {},
		" 5m ":                 {want: 5 * time.Minute},
		"1h30m":                {want: 90 * time.Minute},
		"250ms":                {want: 250 * time.Millisecond},
		"2d":                   {want: 48 * time.Hour},
		"9223372036":           {want: 9223372036 * time.Second},
		"9223372037":           {err: `"9223372037"` + notDuration},
		"106752d":              {err: `"106752d"` + notDuration},
		"":                     {err: `""` + notDuration},
		"soon":                 {err: `"soon"` + notDuration},
		"1.5":                  {err: `"1.5"` + notDuration},
		"d":                    {err: `"d"` + notDuration},
		"-5":                   {err: `"-5" is a negative duration`},
		"-1s":                  {err: `"-1s" is a negative duration`},
		"99999999999999999999": {err: `"99999999999999999999"` + notDuration},
	}
	for text, tc := range cases {
		t.Run(text, func(t *testing.T) {
			got, err := Duration(text)
			check(t, got, tc.want, err, tc.err)
		})
	}
}

func TestBool(t *testing.T) {
	cases := map[string]struct {
		want bool
		err  string
	}{
		"true": {want: true}, "True": {want: true}, "1": {want: true}, " t ": {want: true},
		"false": {}, "0": {}, "F": {},
		"":      {err: `"" is not a boolean: write true or false`},
		"maybe": {err: `"maybe" is not a boolean: write true or false`},
	}
	for text, tc := range cases {
		t.Run(text, func(t *testing.T) {
			got, err := Bool(text)
			check(t, got, tc.want, err, tc.err)
		})
	}
}

func TestInt(t *testing.T) {
	cases := map[string]struct {
		want int
		err  string
	}{
		"12": {want: 12}, " -1 ": {want: -1}, "010": {want: 10},
		"":    {err: `"" is not an integer`},
		"1.0": {err: `"1.0" is not an integer`},
	}
	for text, tc := range cases {
		t.Run(text, func(t *testing.T) {
			got, err := Int(text)
			check(t, got, tc.want, err, tc.err)
		})
	}
}

func TestFloat(t *testing.T) {
	cases := map[string]struct {
		want float64
		err  string
	}{
		"0.9": {want: 0.9}, "1": {want: 1},
		"NaN": {err: `"NaN" is not a number`},
		"Inf": {err: `"Inf" is not a number`},
		"x":   {err: `"x" is not a number`},
	}
	for text, tc := range cases {
		t.Run(text, func(t *testing.T) {
			got, err := Float(text)
			check(t, got, tc.want, err, tc.err)
		})
	}
}

func check[T comparable](t *testing.T, got, want T, err error, wantErr string) {
	t.Helper()
	if got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != wantErr {
		t.Errorf("error %q, want %q", text, wantErr)
	}
}

func TestWords(t *testing.T) {
	cases := map[string][]string{
		"":            nil,
		" , ":         nil,
		"a":           {"a"},
		" a , b c ,,": {"a", "b c"},
	}
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			if diff := cmp.Diff(want, Words(text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"30", "5m", "2d", "-1s", "106752d", "9223372037"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Duration(text)
		if err != nil && d != 0 || d < 0 {
			t.Errorf("Duration(%q) = %v, %v", text, d, err)
		}
		if again, e := Duration(d.String()); err == nil && (e != nil || again != d) {
			t.Errorf("Duration(%q) = %v reads back as %v, %v", text, d, again, e)
		}
	})
}
