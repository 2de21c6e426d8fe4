package main

import (
	"strings"
	"testing"
)

func TestHide(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing":         {"", ""},
		"a URL":           {"postgresql://v-shop-1:A1a-0123456789abcdXY@db:5432/shop\n", "postgresql://v-shop-1:A1…XY@db:5432/shop\n"},
		"two URLs":        {"http://u:01234567@a http://u:76543210@a", "http://u:0…7@a http://u:7…0@a"},
		"twice":           {"http://u:01234567@a and 01234567", "http://u:0…7@a and 0…7"},
		"no password":     {"http://127.0.0.1:8200 and me@host", "http://127.0.0.1:8200 and me@host"},
		"a token":         {"token hvs.CAESIJ0123456789", "token hv…89"},
		"a batch token":   {"hvb.AAAAAQ0123456789.", "hv…89."},
		"made up by us":   {"api_key=first-1", "api_key=first-1"},
		"part of a word":  {"xhvs.0123456789", "xhvs.0123456789"},
		"too short for a": {"hvs.0123", "hvs.0123"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			shower := &tour{secrets: secretForms()}
			if got := shower.hide(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzHide(f *testing.F) {
	f.Add("u", "0123456789")
	f.Fuzz(func(t *testing.T, user, password string) {
		if strings.ContainsAny(user, ":/@ \t\r\n\v\f") || strings.ContainsAny(password, "@ \t\r\n\v\f") || user == "" || len(password) < 8 ||
			strings.Contains("postgresql://"+user+"@db", password) {
			return
		}
		if got := (&tour{secrets: secretForms()}).hide("postgresql://" + user + ":" + password + "@db"); strings.Contains(got, password) {
			t.Errorf("%q shows %q", got, password)
		}
	})
}
