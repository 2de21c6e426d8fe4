package agentfile

import (
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whatever the Vault Agent takes is taken here, with a warning where its effect
// is not what its author most likely means.
func TestTakesWhatTheVaultAgentTakes(t *testing.T) {
	template := func(change func(*Template)) func(*Document) {
		return func(d *Document) {
			one := NewTemplate()
			one.Contents = "x"
			change(&one)
			d.Templates = []Template{one}
		}
	}
	cases := map[string]struct {
		src      string
		want     func(*Document)
		warnings []string
		reason   string
	}{
		"label of a template": {
			src: `template "db" { contents = "x" }`, want: template(func(*Template) {}),
			warnings: []string{`f:1: the label "db" of a template has no effect`},
		},
		"wait and exec repeat": {
			src: "template {\ncontents = \"x\"\nwait { min = 1 }\nwait { min = 2 max = 3 }\nexec { command = \"a\" }\nexec { command = \"b\" }\n}",
			want: template(func(t *Template) {
				t.Wait = &Wait{Min: 2 * time.Second, Max: 3 * time.Second}
				t.Exec = newTemplateExec()
				t.Exec.Command = []string{"b"}
			}),
			warnings: []string{`f:4: block "template.wait" stands more than once; the last one counts`, `f:6: block "template.exec" stands more than once; the last one counts`},
		},
		"exec repeats in JSON": {
			src: `{"template": [{"contents": "x", "exec": [{"command": "a"}, {"command": "b"}]}]}`,
			want: template(func(t *Template) {
				t.Exec = newTemplateExec()
				t.Exec.Command = []string{"b"}
			}),
			warnings: []string{`f:1: block "template.exec" stands more than once; the last one counts`},
		},
		"denylists add up": {
			src:    "template {\ncontents = \"x\"\nfunction_denylist = \"env, file\"\nfunction_blacklist = [\"plugin\"]\n}",
			want:   template(func(t *Template) { t.FunctionDenylist = []string{"env", "file", "plugin"} }),
			reason: "an entry that gets lost would allow what is forbidden",
		},
		"environment lists add up": {
			src: "template {\ncontents = \"x\"\nexec { env {\nallowlist = \"PATH,HOME\"\nwhitelist = [\"LANG\"]\ndenylist = [\"A,B\"]\nblacklist = \"C\"\n} } }",
			want: template(func(t *Template) {
				t.Exec = newTemplateExec()
				t.Exec.Env = CommandEnv{Allowlist: []string{"PATH", "HOME", "LANG"}, Denylist: []string{"A,B", "C"}}
			}),
		},
		"mode without a zero": {
			src: `template { contents = "x" perms = 640 }`, want: template(func(t *Template) { t.Perms = ptr(fs.FileMode(0o200)) }),
			warnings: []string{`f:1: key "template.perms" is 640, of which only 0200 counts: write 0640 in HCL, or 416 in JSON, which has no octal numbers`},
		},
		"mode with more bits": {
			src: `template { contents = "x" perms = "01755" }`, want: template(func(t *Template) { t.Perms = ptr(fs.FileMode(0o755)) }),
			warnings: []string{`f:1: key "template.perms" is 01755, of which only 0755 counts: write 0640 in HCL, or 416 in JSON, which has no octal numbers`},
		},
		"mode of a sink": {
			src: `auto_auth { method "jwt" {} sink "file" { config { path = "/a" mode = 640 } } }`,
			want: func(d *Document) {
				d.AutoAuth = &AutoAuth{Method: Method{Type: "jwt"}, Sinks: []Sink{{Type: "file", Path: "/a", Mode: 0o200}}}
			},
			warnings: []string{`f:1: key "auto_auth.sink.config.mode" is 640, of which only 0200 counts: write 0640 in HCL, or 416 in JSON, which has no octal numbers`},
		},
		"threshold": {
			src: `template_config { lease_renewal_threshold = 1.5 max_connections_per_host = -3 }`, want: func(*Document) {},
			warnings: []string{`f:1: key "template_config.lease_renewal_threshold" is 1.5, not above 0 and below 1; 0.9 is used`},
		},
		"threshold zero":  {src: `template_config { lease_renewal_threshold = "0" }`, want: func(*Document) {}},
		"empty restart":   {src: `exec { restart_on_secret_changes = "" }`, want: func(d *Document) { d.Exec = newExec() }},
		"log rotation":    {src: "log_rotate_bytes = -5\nlog_rotate_max_files = \"-9\"", want: func(d *Document) { d.Log.RotateMaxFiles = -1 }},
		"split seconds":   {src: `log_rotate_duration = 90.5`, want: func(d *Document) { d.Log.RotateDuration = 90 * time.Second }},
		"seconds, quoted": {src: `log_rotate_duration = " 90.5 "`, want: func(d *Document) { d.Log.RotateDuration = 90 * time.Second }},
		"a server's keys": {
			src: "ui = true\nstorage \"raft\" { path = \"/x\" }\ndisable_mlock = true\nenable_raw_log = 1\n" +
				"listener \"unix\" {\naddress = \"/s\"\nhttp_read_timeout = 5\ntelemetry { unauthenticated_metrics_access = true }\nproxy_api { enable_quit = true }\n}",
			want: func(d *Document) { d.Listeners = []Listener{{Type: "unix", Address: "/s"}} },
			warnings: []string{
				`f:1: key "ui" has no effect: it is for a Vault server`,
				`f:2: key "storage" has no effect: it is for a Vault server`,
				`f:7: key "listener.http_read_timeout" has no effect: it is for a Vault server`,
				`f:8: key "listener.telemetry" has no effect: it is for a Vault server`,
				`f:9: key "listener.proxy_api" has no effect: it is for a Vault server`,
			},
		},
		"enterprise": {
			src:      "auto_auth {\nmethod \"jwt\" {}\ntpm_cert {}\n}",
			want:     func(d *Document) { d.AutoAuth = &AutoAuth{Method: Method{Type: "jwt"}} },
			warnings: []string{`f:3: key "auto_auth.tpm_cert" has no effect: it is for Vault Enterprise`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := Decode("f", []byte(tc.src))
			if err != nil {
				t.Fatal(err)
			}
			want := New()
			tc.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s\n%s", diff, tc.reason)
			}
			var texts []string
			for _, w := range warnings {
				texts = append(texts, w.String())
			}
			if diff := cmp.Diff(tc.warnings, texts); diff != "" {
				t.Errorf("warnings -want +got\n%s", diff)
			}
			_, again, err := Load(saved(t, got))
			if err != nil || len(again) > 0 {
				t.Errorf("what was taken, written again: %v %v", again, err)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

// saved writes a document to a file, for Load.
func saved(t *testing.T, doc *Document) []string {
	t.Helper()
	out, err := Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"doc.json": string(out)})
	return []string{dir}
}
