package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// TestStepsAreTold guards what somebody who watches reads.
func TestStepsAreTold(t *testing.T) {
	for _, s := range steps() {
		if s.title == "" || s.plan == "" || s.run == nil {
			t.Errorf("step %q has no title, plan or deed", s.title)
		}
		if s.within < 20*time.Second || s.within > 2*time.Minute {
			t.Errorf("step %q has %s, which is too little on a slow machine, or too much to watch", s.title, s.within)
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

// TestPerform plays steps that succeed, fail and take too long.
func TestPerform(t *testing.T) {
	tests := map[string]struct {
		run  func(*demo, context.Context) (string, error)
		want []outcome
		err  string
	}{
		"seen": {
			run:  func(*demo, context.Context) (string, error) { <-time.After(time.Second); return "all of it", nil },
			want: []outcome{{title: "A step", seen: "all of it", took: time.Second}},
		},
		"failed": {
			run: func(*demo, context.Context) (string, error) { return "half of it", errors.New("no") },
			err: "no",
		},
		"too late": {
			run: func(_ *demo, ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", fmt.Errorf("nothing came: %w", context.Cause(ctx))
			},
			err: "nothing came: 20s have passed",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				d := &demo{screen: newScreen(&out)}
				err := d.perform(t.Context(), step{"A step", "It does this.", 20 * time.Second, tt.run}, 1, 2)
				if diff := cmp.Diff(tt.want, d.outcomes, cmp.AllowUnexported(outcome{})); diff != "" || errorText(err) != tt.err {
					t.Errorf("got error %q, want %q; outcomes differ (-want +got):\n%s", errorText(err), tt.err, diff)
				}
				if !strings.Contains(out.String(), "1/2  A step") || !strings.Contains(out.String(), "  It does this.\n") {
					t.Errorf("the step was not announced: %q", out.String())
				}
			})
		})
	}
}

func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		d := &demo{screen: newScreen(&out), outcomes: []outcome{
			{title: "First", seen: "this", took: 1500 * time.Millisecond},
			{title: "Second one", seen: "that and more", took: 12 * time.Second},
		}}
		<-time.After(14 * time.Second)
		d.summarize()
		want := `
What was seen, in 14 s:
  STEP           SEEN           TOOK
  1  First       this           1.5 s
  2  Second one  that and more  12.0 s
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("the summary differs (-want +got):\n%s", diff)
		}
	})
}

// TestRemoveTwice is the way out after the last step, and after a failure before the first.
func TestRemoveTwice(t *testing.T) {
	d := &demo{screen: newScreen(&strings.Builder{})}
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

func TestLeftBehind(t *testing.T) {
	cause := errors.New("busy")
	err := fmt.Errorf("step: %w", leftBehind{cause})
	if !errors.Is(err, cause) || err.Error() != "step: not everything was removed: busy" {
		t.Errorf("got %q", err)
	}
}
