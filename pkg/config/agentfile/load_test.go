package agentfile

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoadMergesInOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"20.hcl":  "pid_file = \"/20\"\nexit_after_auth = true\nvault { address = \"a\" namespace = \"n\" }\ntemplate { contents = \"20\" }\nauto_auth { method \"jwt\" {} sink \"file\" {} }\ntemplate_config { exit_on_retry_failure = true }\ndisable_keep_alives = [\"caching\"]",
		"10.json": `{"pid_file": "/10", "log_level": "debug", "template": [{"contents": "10"}], "listener": [{"type": "tcp"}], "cache": {"use_auto_auth_token": true}}`,
	})
	last := filepath.Join(t.TempDir(), "last.conf")
	write(t, filepath.Dir(last), map[string]string{
		"last.conf": "exit_after_auth = false\nvault { ca_cert = \"c\" }\nauto_auth { method \"cert\" {} }\ntemplate { contents = \"last\" }\nenv_template \"A\" {}\nlistener \"unix\" {}\ntemplate_config { max_connections_per_host = 3 }\ndisable_keep_alives = [\"proxying\"]",
	})
	got, warnings, err := Load([]string{dir, last})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	want := New()
	want.PIDFile, want.Log.Level = "/20", "debug"
	want.Vault = &Vault{CACert: "c"}
	want.AutoAuth = &AutoAuth{Method: Method{Type: "cert"}}
	want.Cache = &Cache{UseAutoAuthToken: UseTokenTrue}
	want.Listeners = []Listener{{Type: "tcp", Address: DefaultListenerAddress}, {Type: "unix"}}
	want.EnvTemplates = []EnvTemplate{NewEnvTemplate("A")}
	want.TemplateConfig.MaxConnectionsPerHost = 3
	want.DisableKeepAlives = []string{"proxying"}
	for _, contents := range []string{"10", "20", "last"} {
		one := NewTemplate()
		one.Contents = contents
		want.Templates = append(want.Templates, one)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLoadTakesOnlyDocumentsOfADirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.hcl": `pid_file = "/a"`, "b.hcl~": "{", ".#c.hcl": "{", "#d.hcl#": "{", "e.txt": "{", ".f.hcl.swp": "{", "g.HCL": "{",
	})
	write(t, t.TempDir(), nil)
	if err := os.Mkdir(filepath.Join(dir, "sub.hcl"), 0o700); err != nil {
		t.Fatal(err)
	}
	// A ConfigMap's files are links into a hidden directory; one may point nowhere for a moment.
	if err := os.Mkdir(filepath.Join(dir, "..data"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "..data"), map[string]string{"z.json": `{"pid_file": "/z"}`, "hidden.hcl": "{"})
	for link, target := range map[string]string{"z.json": "..data/z.json", "y.json": "..data/none.json"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	doc, _, err := Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if doc.PIDFile != "/z" {
		t.Errorf("pid_file is %q", doc.PIDFile)
	}
}

func TestLoadReportsAllFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.hcl": "vault {", "b.json": `{"vault": 1, "x": 2}`, "c.hcl": "\ntemplate { x = 1 }"})
	doc, warnings, err := Load([]string{dir})
	var problems Problems
	if !errors.As(err, &problems) || doc != nil {
		t.Fatalf("got %v, %v", doc, err)
	}
	want := []string{
		`D/a.hcl:1: object expected closing RBRACE got: EOF`,
		`D/b.json:1: key "vault" must be a block, not a number`,
		`D/c.hcl:2: key "template.x" is unknown`,
	}
	if diff := cmp.Diff(want, strings.Split(strings.ReplaceAll(err.Error(), dir, "D"), "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(warnings) != 1 || warnings[0].Text != `key "x" is unknown` {
		t.Errorf("warnings: %v", warnings)
	}
}

func TestLoadOfNothing(t *testing.T) {
	_, _, err := Load([]string{"testdata/none.hcl"})
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "read agent configuration: stat testdata/none.hcl: no such file or directory" {
		t.Errorf("got %v", err)
	}
	doc, _, err := Load(nil)
	if diff := cmp.Diff(New(), doc); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestLoadVariableWithAFileOverIt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"more.hcl": "log_level = \"debug\"\ntemplate {\ncontents = \"b\"\ndestination = \"/b\"\n}\n"})
	document := "log_level = \"warn\"\ntemplate {\ncontents = \"a\"\ndestination = \"/a\"\n}\n"
	t.Setenv("A_DOCUMENT", base64.StdEncoding.EncodeToString([]byte(document)))
	doc, _, err := Load([]string{"env:A_DOCUMENT", dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Templates) != 2 || doc.Templates[0].Destination != "/a" || doc.Templates[1].Destination != "/b" || doc.Log.Level != "debug" {
		t.Errorf("got %+v", doc)
	}
}

func TestLoadVariableErrors(t *testing.T) {
	t.Setenv("A_DOCUMENT", "?")
	for path, want := range map[string]string{
		"env:A_DOCUMENT": "A_DOCUMENT: not valid base64 at byte 0",
		"env:NO_SUCH":    `read agent configuration: the variable "NO_SUCH" is not set`,
	} {
		if _, _, err := Load([]string{path}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}
