package chart

import (
	"slices"
	"testing"

	"github.com/vaultk8s/vaultk8s/internal/pages"
)

// TestInstallationsOfPages renders what the commands on pages would install.
func TestInstallationsOfPages(t *testing.T) {
	all, err := pages.Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range all {
		commands, err := p.Calls("helm")
		if err != nil {
			t.Error(err)
		}
		for _, words := range commands {
			at := slices.Index(words, "charts/vaultk8s")
			if at < 0 {
				continue // of another chart, or of a release that is there
			}
			seen++
			words[0], words[at] = "template", chartFolder
			if _, problems, err := helm(t, words...); err != nil {
				t.Errorf("%s: helm %q: %v\n%s", p.Name, words, err, problems)
			}
		}
	}
	if seen < 3 {
		t.Errorf("%d installations on all pages", seen)
	}
}
