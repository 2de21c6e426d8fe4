package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

func testJob(t *testing.T) job {
	t.Helper()
	return job{
		dir: filepath.Join(t.TempDir(), "job"), address: "http://127.0.0.1:1", role: "/r", secret: "/s",
		templates: 3, paths: 2, exit: true, interval: "20ms", round: 4,
	}
}

// What is written must mean what the job says: both agents read this document.
func TestJobDocument(t *testing.T) {
	j := testJob(t)
	if err := j.prepare(); err != nil {
		t.Fatal(err)
	}
	document, warnings, err := agentfile.Load([]string{j.documentPath()})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", warnings, err)
	}
	if err := document.Validate(); err != nil {
		t.Fatal(err)
	}
	wantMethod := agentfile.Method{Type: "approle", Config: map[string]string{
		"role_id_file_path": "/r", "secret_id_file_path": "/s", "remove_secret_id_file_after_reading": "false",
	}}
	if diff := cmp.Diff(wantMethod, document.AutoAuth.Method); diff != "" {
		t.Errorf("method (-want +got):\n%s", diff)
	}
	if !document.ExitAfterAuth || document.Vault.Address != j.address || document.TemplateConfig.StaticSecretRenderInterval != 20*time.Millisecond {
		t.Errorf("got %+v, %+v", document, document.TemplateConfig)
	}
	var contents []string
	for i, template := range document.Templates {
		if template.Destination != j.destination(i) {
			t.Errorf("template %d goes to %q", i, template.Destination)
		}
		contents = append(contents, template.Contents)
	}
	text := func(path string) string {
		return `{{ with secret "secret/data/bench/` + path + `" }}username={{ .Data.data.username }}` + "\npassword={{ .Data.data.password }}\n{{ end }}"
	}
	if diff := cmp.Diff([]string{text("app-0"), text("app-1"), text("app-0")}, contents); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}

func TestJobShortPath(t *testing.T) {
	j := testJob(t)
	j.short = true
	if got := j.contents(1); !strings.HasPrefix(got, `{{ with secret "secret/bench/app-1" }}`) {
		t.Errorf("got %q", got)
	}
}

func TestJobDefaultInterval(t *testing.T) {
	j := testJob(t)
	j.interval = ""
	config, ok := j.document()["template_config"].(map[string]any)
	if _, said := config["static_secret_render_interval"]; !ok || said {
		t.Errorf("the document says %v", config)
	}
}

// deliver does what an agent would do.
func deliver(t *testing.T, j job) {
	t.Helper()
	if err := j.prepare(); err != nil {
		t.Fatal(err)
	}
	for i := range j.templates {
		if err := os.WriteFile(j.destination(i), []byte(j.rendered(i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJobCheck(t *testing.T) {
	j := testJob(t)
	deliver(t, j)
	if err := j.check(); err != nil {
		t.Error(err)
	}
	stale := j
	stale.round = 5
	want := `rendered file "` + j.destination(0) + `" holds "username=user-0\npassword=round-4\n", want "username=user-0\npassword=round-5\n"`
	if err := stale.check(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := os.Remove(j.destination(2)); err != nil {
		t.Fatal(err)
	}
	want = "rendered file: open " + j.destination(2) + ": no such file or directory"
	if err := j.check(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestJobPrepareEmpties(t *testing.T) {
	j := testJob(t)
	deliver(t, j)
	if err := j.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := j.check(); err == nil {
		t.Error("the files of the job before are still there")
	}
}

func TestJobDelivered(t *testing.T) {
	j := testJob(t)
	deliver(t, j)
	last := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := os.Chtimes(j.destination(1), last, last); err != nil {
		t.Fatal(err)
	}
	if got, err := j.delivered(); err != nil || !got.Equal(last) {
		t.Errorf("got %v, %v, want %v", got, err, last)
	}
	if err := os.RemoveAll(j.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := j.delivered(); err == nil {
		t.Error("files that are not there were delivered")
	}
}
