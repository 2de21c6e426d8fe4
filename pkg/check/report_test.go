package check

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

func TestHealthyReport(t *testing.T) {
	r := Judge(healthy(t))
	if r.Code() != 0 || r.Errors+r.Warnings != 0 || len(r.Findings) < len(checks())-3 {
		t.Errorf("code %d, %s", r.Code(), r.Summary())
	}
	compare(t, r, "healthy")
}

func TestIllReport(t *testing.T) {
	f := healthy(t)
	f.Cluster.Webhooks[0].Bundle = nil
	f.Cluster.Webhooks[0].Injected = false
	f.Cluster.Driver.Spec.RequiresRepublish = false
	f.Vault.Sealed, f.Vault.Login.Tried = true, false
	r := Judge(f)
	if r.Code() != 2 {
		t.Errorf("code %d", r.Code())
	}
	compare(t, r, "ill")
}

func compare(t *testing.T, r *Report, name string) {
	t.Helper()
	for _, form := range Forms() {
		var b strings.Builder
		if err := r.Write(&b, form); err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, []byte(b.String()), "testdata/"+name+"."+form)
	}
}

func TestCode(t *testing.T) {
	for level, want := range map[Level]int{OK: 0, Unknown: 1, Warning: 1, Failure: 2} {
		r := &Report{}
		r.add(Finding{Level: OK})
		r.add(Finding{Check: "c", Level: level})
		if r.Code() != want {
			t.Errorf("%s: code %d", level, r.Code())
		}
		if link := r.Findings[1].Link; (level == OK) != (link == "") || level != OK && link != Page+"#c" {
			t.Errorf("%s: link %q", level, link)
		}
	}
}

func TestForms(t *testing.T) {
	err := (&Report{}).Write(nil, "xml")
	if diff := cmp.Diff(`output "xml" is unknown: use table, short, json`, err.Error()); diff != "" {
		t.Error(diff)
	}
}
