package preview_test

import (
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/preview"
)

func TestCheckTemplate(t *testing.T) {
	cases := map[string]struct{ text, left, right, want string }{
		"right":            {`{{ with secret "secret/app" }}{{ .Data.x }}{{ end }}`, "{{", "}}", ""},
		"other delimiters": {`{{ with }} << .x >>`, "<<", ">>", ""},
		"unknown function": {"a\n{{ sekret \"x\" }}", "{{", "}}", `line 2`},
		"not closed":       {"{{ with secret \"x\" }}", "{{", "}}", "unexpected EOF"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := preview.CheckTemplate(tc.text, tc.left, tc.right)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
