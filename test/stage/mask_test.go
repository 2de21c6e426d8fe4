package stage

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMask(t *testing.T) {
	tests := map[string]struct{ secret, want string }{
		"nothing":          {"", "…"},
		"one letter":       {"x", "…"},
		"short":            {"1234567", "…"},
		"eight letters":    {"12345678", "1…8"},
		"a password":       {"A1a-0123456789abcdXY", "A1…XY"},
		"a token":          {"eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.c2lnbmF0dXJl", "eyJh…dXJl"},
		"other than ASCII": {"ääääääää", "ä…ä"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Mask(tt.secret); got != tt.want {
				t.Errorf("Mask(%q) = %q, want %q", tt.secret, got, tt.want)
			}
		})
	}
}

func TestMaskIn(t *testing.T) {
	tests := map[string]struct{ text, secret, want string }{
		"once":      {`{"password": "0123456789"}`, "0123456789", `{"password": "0…9"}`},
		"twice":     {"0123456789 0123456789", "0123456789", "0…9 0…9"},
		"not there": {"nothing to hide", "0123456789", "nothing to hide"},
		"no secret": {"nothing to hide", "", "nothing to hide"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := MaskIn(tt.text, tt.secret); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzMask(f *testing.F) {
	f.Add("A1a-0123456789abcdXY")
	f.Add("")
	f.Add("äöü")
	f.Fuzz(func(t *testing.T, secret string) {
		shown := strings.Replace(Mask(secret), "…", "", 1)
		if 4*utf8.RuneCountInString(shown) > utf8.RuneCountInString(secret) {
			t.Errorf("of %q more than a quarter is shown: %q", secret, shown)
		}
		if utf8.ValidString(secret) && !utf8.ValidString(shown) {
			t.Errorf("%q cuts a letter of %q in two", shown, secret)
		}
	})
}
