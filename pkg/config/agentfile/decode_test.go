package agentfile

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// compare holds a document, written out field by field, against a file.
func compare(t *testing.T, name string, doc *Document) {
	t.Helper()
	got, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, append(got, '\n'), name)
}

func decode(t *testing.T, name string, src []byte) *Document {
	t.Helper()
	doc, warnings, err := Decode(name, src)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	return doc
}

func TestGoldens(t *testing.T) {
	for _, name := range []string{"configmap.hcl", "injected.json", "full.hcl", "process.hcl"} {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			doc := decode(t, name, src)
			compare(t, filepath.Join("testdata", name+".golden"), doc)
			roundTrip(t, doc)
		})
	}
}

func TestGoldensAreValid(t *testing.T) {
	for _, name := range []string{"configmap.hcl", "injected.json", "full.hcl", "process.hcl"} {
		doc, _, err := Load([]string{filepath.Join("testdata", name)})
		if err != nil {
			t.Fatal(err)
		}
		if err := doc.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every notation that is in use for the same thing gives the same document.
func TestNotations(t *testing.T) {
	cases := map[string]struct {
		want     func(*Document)
		variants []string
	}{
		"method": {
			want: func(d *Document) {
				d.AutoAuth = &AutoAuth{Method: Method{Type: "jwt", MountPath: "auth/x", Config: map[string]string{"role": "r", "n": "60", "b": "true"}}}
			},
			variants: []string{
				`auto_auth { method "jwt" { mount_path = "auth/x/"  config = { role = "r", n = 60, b = true } } }`,
				`auto_auth { method { type = "jwt"  mount_path = "/auth/x"  config { role = "r" n = "60" b = "true" } } }`,
				`"auto_auth" = { "method" "JWT" { mount_path = "auth/x" config { role = "r" } config { n = 60 b = true } } }`,
				`AUTO_AUTH { Method "jwt" { Mount_Path = "auth/x" config { role = "r" n = 074 b = true } } }`,
				`{"auto_auth": {"method": {"type": "jwt", "mount_path": "auth/x", "config": {"role": "r", "n": 60, "b": true}}}}`,
				`{"auto_auth": [{"method": [{"type": "jwt", "mount_path": "auth/x", "config": [{"role": "r", "n": "60", "b": "true"}]}]}]}`,
				` {"auto_auth": [{"method": [{"jwt": [{"mount_path": "auth/x", "config": {"role": "r", "n": 60, "b": true}}]}]}], "cache": null}`,
				`{"auto_auth": {"method": {"jwt": {"mount_path": "auth/x", "config": {"role": "r", "n": 60, "b": true, "no": null}}}}}`,
			},
		},
		"sinks": {
			want: func(d *Document) {
				d.AutoAuth = &AutoAuth{Method: Method{Type: "jwt"}, Sinks: []Sink{
					{Type: "file", Path: "/a", Mode: 0o640}, {Type: "file", Path: "/b", Mode: 0o600},
				}}
			},
			variants: []string{
				"auto_auth {\nmethod \"jwt\" {}\nsink \"file\" { config { path = \"/a\" } }\nsink \"file\" { config { path = \"/b\" mode = 0600 } } }",
				"auto_auth {\nmethod \"jwt\" {}\nsinks \"file\" { config { path = \"/a\" } }\nsinks { type = \"file\" config { path = \"/b\" mode = 384 } } }",
				`{"auto_auth": {"method": {"type": "jwt"}, "sink": [{"type": "file", "config": {"path": "/a"}}, {"file": {"config": {"path": "/b", "mode": 384}}}]}}`,
				`{"auto_auth": {"method": {"type": "jwt"}, "sinks": [{"file": [{"config": {"path": "/a", "mode": 416}}, {"config": [{"path": "/b", "mode": 384}]}]}]}}`,
			},
		},
		"listeners": {
			want: func(d *Document) {
				d.Listeners = []Listener{{Type: "tcp", Address: "127.0.0.1:8200", TLSDisable: true, EnableQuit: true}, {Type: "unix", Address: "/s", TLSCipherSuites: []string{"A", "B"}}}
			},
			variants: []string{
				"listener \"tcp\" { tls_disable = true agent_api { enable_quit = true } }\nlistener \"unix\" { address = \"/s\" tls_cipher_suites = \"A, B\" }",
				`{"listener": [{"type": "tcp", "tls_disable": "true", "agent_api": {"enable_quit": true}}, {"type": "unix", "address": "/s", "tls_cipher_suites": ["A", "B"]}]}`,
				`{"listener": [{"tcp": {"tls_disable": true, "agent_api": [{"enable_quit": "true"}]}}, {"unix": {"address": "/s", "tls_cipher_suites": "A,B"}}]}`,
			},
		},
		"command with commas": {
			want: func(d *Document) {
				one := NewTemplate()
				one.Command, one.Contents = []string{"sh -c 'echo a,b; x' && $(y)"}, "c"
				d.Templates = []Template{one}
			},
			variants: []string{
				`template { command = "sh -c 'echo a,b; x' && $(y)" contents = "c" }`,
				`template { command = ["sh -c 'echo a,b; x' && $(y)"] contents = "c" wait {} }` + "\n",
				`{"template": [{"command": "sh -c 'echo a,b; x' && $(y)", "contents": "c"}]}`,
				`{"template": {"command": ["sh -c 'echo a,b; x' && $(y)"], "contents": "c"}}`,
			},
		},
		"texts": {
			want: func(d *Document) {
				one := NewTemplate()
				one.Contents = "{{ \"x\" }}\n  y\n"
				d.Templates = []Template{one}
			},
			variants: []string{
				"template { contents = <<EOT\n{{ \"x\" }}\n  y\nEOT\n}",
				"template {\r\n contents = <<-EOT\r\n    {{ \"x\" }}\r\n      y\r\n    EOT\r\n}",
				`template { contents = "{{ \"x\" }}\n  y\n" left_delimiter = "" }`,
				`{"template": [{"contents": "{{ \"x\" }}\n  y\n"}]}`,
			},
		},
		"token": {
			want: func(d *Document) { d.Cache = &Cache{UseAutoAuthToken: "true"} },
			variants: []string{
				`cache { use_auto_auth_token = true }`, `cache { use_auto_auth_token = "1" }`,
				`{"cache": {"use_auto_auth_token": "True"}}`, `{"cache": [{"use_auto_auth_token": true}]}`,
			},
		},
		"nothing": {want: func(*Document) {}, variants: []string{"", "# only a comment\n", "{}", " \n{ }\n", "/* x */ // y"}},
		"env_template": {
			want: func(d *Document) {
				one := NewEnvTemplate("source")
				one.Contents = "x"
				d.EnvTemplates = []EnvTemplate{one}
			},
			variants: []string{
				`env_template "source" { contents = "x" }`,
				`{"env_template": {"source": {"contents": "x"}}}`,
				`{"env_template": [{"source": [{"contents": "x"}]}]}`,
			},
		},
		"wait": {
			want: func(d *Document) {
				one := NewTemplate()
				one.Wait = &Wait{Min: 2e9, Max: 8e9}
				d.Templates = []Template{one}
			},
			variants: []string{
				`template { wait { min = "2s" } }`, `template { wait { min = 2 max = 8 } }`, `template { wait = "2s" }`, `template { wait = "2:8s" }`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := New()
			tc.want(want)
			for _, src := range tc.variants {
				got, _, err := Decode("f", []byte(src))
				if err != nil {
					t.Errorf("%s\n%v", src, err)
					continue
				}
				if name == "command with commas" {
					got.Templates[0].Wait = nil
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s\n-want +got\n%s", src, diff)
				}
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	cases := map[string]struct {
		src  string
		want []string
	}{
		"unknown keys": {
			"hue = 1\nvault {\n  adress = \"x\"\n  retry { retries = 1 }\n}\nlog_levl = \"info\"\n",
			[]string{
				`f:1: key "hue" is unknown`,
				`f:3: key "vault.adress" is unknown; did you mean "address"?`,
				`f:4: key "vault.retry.retries" is unknown`,
				`f:6: key "log_levl" is unknown; did you mean "log_level"?`,
			},
		},
		"unknown keys in JSON": {
			"{\n \"cache\": {\n  \"cache_static_secrets\": true\n },\n\n \"x\": [1,\n 2],\n \"listener\": [{\"type\": \"tcp\",\n \"y\": {}}]}",
			[]string{
				`f:3: key "cache.cache_static_secrets" has no effect: it is for Vault Proxy`,
				`f:6: key "x" is unknown`,
				`f:9: key "listener.y" is unknown`,
			},
		},
		"duplicates": {
			"pid_file = \"a\"\npid_file = \"b\"\ntemplate {\n  contents = \"a\"\n  contents = \"b\"\n}\n",
			[]string{
				`f:2: key "pid_file" is set more than once; the last one counts`,
				`f:5: key "template.contents" is set more than once; the last one counts`,
			},
		},
		"duplicates in JSON": {
			"{\"pid_file\": \"a\",\n\"pid_file\": \"b\"}",
			[]string{`f:2: key "pid_file" is set more than once; the last one counts`},
		},
		"keys of a server": {"disable_mlock = true\nenable_x = 1\n", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			doc, warnings, err := Decode("f", []byte(tc.src))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range warnings {
				got = append(got, w.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if strings.HasPrefix(name, "duplicates") && doc.PIDFile != "b" {
				t.Errorf("pid_file is %q", doc.PIDFile)
			}
		})
	}
}

func TestDecodeBase64(t *testing.T) {
	text := base64.StdEncoding.EncodeToString([]byte(`{"pid_file": "/run/agent.pid"}`))
	doc, _, err := DecodeBase64("env VAULT_CONFIG", text[:10]+"\n"+text[10:]+"\n")
	if err != nil || doc.PIDFile != "/run/agent.pid" {
		t.Errorf("got %v, %v", doc, err)
	}
	_, _, err = DecodeBase64("env VAULT_CONFIG", "canary!")
	if want := "env VAULT_CONFIG: not valid base64 at byte 6"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, _, err = DecodeBase64("env VAULT_CONFIG", base64.StdEncoding.EncodeToString([]byte("\nvault {")))
	if want := "env VAULT_CONFIG:2: object expected closing RBRACE got: EOF"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
