package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

// TestStepsAreTold guards what somebody who watches reads.
func TestStepsAreTold(t *testing.T) {
	for _, s := range steps() {
		if s.Title == "" || s.Plan == "" || s.Run == nil {
			t.Errorf("step %q has no title, plan or deed", s.Title)
		}
		if s.Within < 20*time.Second || s.Within > 2*time.Minute {
			t.Errorf("step %q has %s, which is too little on a slow machine, or too much to watch", s.Title, s.Within)
		}
	}
}

// TestDocumentIsValid reads the document as the agent does.
func TestDocumentIsValid(t *testing.T) {
	d := &demo{files: files{dir: "/demo"}}
	text := d.documentFor("http://127.0.0.1:8200")
	doc, warnings, err := agentfile.Decode("agent.hcl", []byte(text))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("error %v, warnings %v in\n%s", err, warnings, text)
	}
	if err := doc.Validate(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, template := range doc.Templates {
		got = append(got, template.Destination)
		if strings.Contains(template.Contents, "  ") {
			t.Errorf("template %q keeps the indentation of the document:\n%s", template.Destination, template.Contents)
		}
	}
	if diff := cmp.Diff([]string{d.files.settings(), d.files.login(), d.files.certificate()}, got); diff != "" {
		t.Errorf("destinations differ (-want +got):\n%s", diff)
	}
	want := []string{"http://127.0.0.1:8200", "/demo/token", "/demo/handover"}
	if diff := cmp.Diff(want, []string{doc.Vault.Address, doc.AutoAuth.Method.Config["token_path"], doc.Cache.Persist.Path}); diff != "" {
		t.Errorf("the document differs (-want +got):\n%s", diff)
	}
	if strings.Contains(text, "%!") {
		t.Errorf("the document has a gap:\n%s", text)
	}
}

// TestPolicyFitsTheDocument compares what is allowed with what is asked for.
func TestPolicyFitsTheDocument(t *testing.T) {
	for _, path := range []string{settingsPath, loginPath, issuePath} {
		if !strings.Contains(document, `"`+path+`"`) || !strings.Contains(policyRules, `"`+path+`"`) {
			t.Errorf("path %q is not both in the document and in the policy", path)
		}
	}
	if n := strings.Count(policyRules, "\n"); n != 5 {
		t.Errorf("the policy has %d rules, and %q tells of five", n, planSetup)
	}
}

func TestFiles(t *testing.T) {
	f, err := newFiles()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(f.dir) })
	if strings.HasPrefix(f.dir, memoryDir+"/") != f.inMemory {
		t.Errorf("directory %q counts as in memory: %v", f.dir, f.inMemory)
	}
	info, err := os.Stat(f.dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory %q has mode %v, error %v", f.dir, info.Mode(), err)
	}
	if got, want := f.short("a "+f.settings()+" b "+f.log()), "a secrets/orders.env b agent.log"; got != want {
		t.Errorf("short text %q, want %q", got, want)
	}
}

// TestRemoveTwice is the way out after the last step, and after a failure before the first.
func TestRemoveTwice(t *testing.T) {
	d := &demo{screen: stage.NewScreen(&strings.Builder{})}
	if err := d.remove(t.Context()); err != nil {
		t.Errorf("before anything was made: %v", err)
	}
	if err := d.prepare(); err != nil {
		t.Fatal(err)
	}
	dir := d.files.dir
	for range 2 {
		if err := d.remove(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory %q is still there", dir)
	}
	d.explain() // has nothing to show any more, and does not fail
}

func TestReloadedWith(t *testing.T) {
	d := &demo{files: files{dir: t.TempDir()}}
	if _, err := d.reloadedWith("k2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before the first run: error %v", err)
	}
	content := "reloaded with API_KEY=k1 VERSION=1\nreloaded with API_KEY=k22 VERSION=2\n"
	if err := os.WriteFile(d.files.reloads(), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if line, err := d.reloadedWith("k22"); line != "reloaded with API_KEY=k22 VERSION=2" || err != nil {
		t.Errorf("got %q and error %v", line, err)
	}
	if _, err := d.reloadedWith("k2"); errorText(err) != "the command has not run for this value" {
		t.Errorf("a longer key counts: error %v", err)
	}
}
