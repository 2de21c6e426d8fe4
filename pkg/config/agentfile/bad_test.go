package agentfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBadDocuments(t *testing.T) {
	cases := map[string]struct {
		src    string
		want   []string
		reason string
	}{
		"unknown keys where they are errors": {
			src: "template {\n  destinaton = \"/x\"\n  exec {\n    commnd = \"x\"\n    env { x = 1 }\n  }\n  wait { mn = 1 }\n}\nenv_template \"A\" {\n  contnts = \"x\"\n}\nexec {\n  comand = [\"x\"]\n}\n",
			want: []string{
				`f:2: key "template.destinaton" is unknown; did you mean "destination"?`,
				`f:4: key "template.exec.commnd" is unknown; did you mean "command"?`,
				`f:5: key "template.exec.env.x" is unknown`,
				`f:7: key "template.wait.mn" is unknown; did you mean "min"?`,
				`f:10: key "env_template.contnts" is unknown; did you mean "contents"?`,
				`f:13: key "exec.comand" is unknown; did you mean "command"?`,
			},
		},
		"keys of files in env_template": {
			src: "env_template \"DB\" {\n  destination = \"/x\"\n  perms = \"0400\"\n  exec { command = \"x\" }\n  create_dest_dirs = true\n}\n",
			want: []string{
				`f:2: key "destination" is not allowed in env_template "DB", which writes no file`,
				`f:3: key "perms" is not allowed in env_template "DB", which writes no file`,
				`f:4: key "exec" is not allowed in env_template "DB", which writes no file`,
				`f:5: key "create_dest_dirs" is not allowed in env_template "DB", which writes no file`,
			},
		},
		"env_template without a name": {
			src:  `env_template { contents = "x" }`,
			want: []string{`f:1: an env_template needs the name of its variable: env_template "NAME" {}`},
		},
		"blocks that stand alone": {
			src: "vault {}\nvault {}\nauto_auth {}\nauto_auth { method \"jwt\" {} }\ncache { persist {} \n persist {} }\nexec {}\nexec {}\n",
			want: []string{
				`f:2: at most one "vault" block is allowed`,
				`f:3: auto_auth: one and only one "method" block is required`,
				`f:4: at most one "auto_auth" block is allowed`,
				`f:6: at most one "cache.persist" block is allowed`,
				`f:8: at most one "exec" block is allowed`,
			},
		},
		"blocks that stand alone, in JSON": {
			src:  "{\"vault\": [{},\n{}],\n\"auto_auth\": {\"method\": [{\"type\": \"jwt\"}, {\"type\": \"jwt\"}]}}",
			want: []string{`f:1: at most one "vault" block is allowed`, `f:3: auto_auth: one and only one "method" block is required`},
		},
		"wrong kinds": {
			src: "vault = 1\ntemplate = \"x\"\nlistener = true\npid_file = [\"a\"]\ntelemetry = [1]\nauto_auth { method \"jwt\" { config = 5 } }\n",
			want: []string{
				`f:1: key "vault" must be a block, not a number`,
				`f:2: key "template" must be a block without a label`,
				`f:3: key "listener" must be a block, not a boolean`,
				`f:4: key "pid_file" must be a string, not a list`,
				`f:5: key "telemetry" must be a block, not a list`,
				`f:6: key "auto_auth.method.config" must be a block, not a number`,
			},
		},
		"values": {
			src: "exit_after_auth = \"maybe\"\nlog_rotate_bytes = \"many\"\nlog_rotate_duration = \"soon\"\nlog_rotate_max_files = {}\ntemplate_config { lease_renewal_threshold = \"most\" }\ncache { use_auto_auth_token = \"maybe\" }\napi_proxy { use_auto_auth_token = [] }\n",
			want: []string{
				`f:1: key "exit_after_auth": "maybe" is not a boolean: write true or false`,
				`f:2: key "log_rotate_bytes": "many" is not an integer`,
				`f:3: key "log_rotate_duration": "soon" is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`,
				`f:4: key "log_rotate_max_files" must be an integer, not a block`,
				`f:5: key "template_config.lease_renewal_threshold": "most" is not a number`,
				`f:6: key "cache.use_auto_auth_token" must be true, false or force, not "maybe"`,
				`f:7: key "api_proxy.use_auto_auth_token" must be true, false or force, not a list`,
			},
		},
		"modes": {
			src: "{\"auto_auth\": {\"method\": {\"type\": \"jwt\"}, \"sink\": [\n{\"type\": \"file\", \"config\": {\"path\": \"a\", \"mode\": \"0640\", \"uid\": \"5\"}},\n{\"type\": \"file\", \"config\": {\"path\": \"b\", \"mode\": 640, \"gid\": 1.5}}]},\n\"template\": [{\"perms\": \"999\"},\n{\"perms\": -1}, {\"perms\": true}]}",
			want: []string{
				`f:2: key "auto_auth.sink.config.mode" must be an integer, not a string: write 0640 in HCL, or 416 in JSON, which has no octal numbers`,
				`f:2: key "auto_auth.sink.config.uid" must be an integer, not a string`,
				`f:3: key "auto_auth.sink.config.gid" must be an integer, not a number`,
				`f:4: key "template.perms": "999" is not an octal mode such as "0640"`,
				`f:5: key "template.perms" is -1, which is no mode`,
				`f:5: key "template.perms" must be an integer, not a boolean: write 0640 in HCL, or 416 in JSON, which has no octal numbers`,
			},
		},
		"lists": {
			src: "template {\n  command = { a = 1 }\n  function_denylist = [\"a\", [\"b\"]]\n  wait = \"1s:soon\"\n}\nauto_auth { method \"jwt\" { config { x = [1] } } }\n",
			want: []string{
				`f:2: key "template.command" must be a string or a list of strings, not a block`,
				`f:3: key "template.function_denylist" must be a list of strings only, not a list`,
				`f:4: key "template.wait": "soon" is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`,
				`f:6: key "auto_auth.method.config.x" must be a string, a boolean or a number, not a list`,
			},
		},
		"telemetry": {
			src: "telemetry {\n  disable_hostname = \"maybe\"\n  prometheus_retention_time = true\n  statsd_address = [\"a\"]\n}\n", reason: "the old injector dropped the whole block silently",
			want: []string{
				`f:2: key "telemetry.disable_hostname": "maybe" is not a boolean: write true or false`,
				`f:3: key "telemetry.prometheus_retention_time": "true" is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`,
				`f:4: key "telemetry.statsd_address" must be a string, not a list`,
			},
		},
		"HCL that never ends":  {src: "vault {\n  address = \"x\"\n", want: []string{`f:3: object expected closing RBRACE got: EOF`}},
		"HCL string":           {src: "pid_file = \"canary\\q\"", want: []string{`f:1: illegal char escape`}},
		"HCL number":           {src: "\nlog_rotate_bytes = 99999999999999999999", want: []string{`f:2: 99999999999999999999 is not an integer of 64 bits`}},
		"HCL octal":            {src: "\nlog_rotate_bytes = 0x", want: []string{`f:2: illegal hexadecimal number`}},
		"JSON that never ends": {src: "{\"vault\": {\n\"address\": \"canary\"\n", want: []string{`f:3: the document ends too early`}},
		"JSON syntax":          {src: "{\n\"vault\": {\n\"address\" \"canary\"}}", want: []string{`f:3: invalid character '"' after object key`}},
		"JSON with more":       {src: "{}\n{}", want: []string{`f:2: something follows the end of the document`}},
		"JSON too deep":        {src: `{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}", want: []string{`f:1: values nest deeper than 64 levels`}},
		"HCL too deep":         {src: "a = " + strings.Repeat("{ b = ", 70) + "1" + strings.Repeat("}", 70), want: []string{`f:1: values nest deeper than 64 levels`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			doc, _, err := Decode("f", []byte(tc.src))
			if err == nil {
				t.Fatal("no error")
			}
			if doc != nil {
				t.Error("there is a document, too")
			}
			if diff := cmp.Diff(tc.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("-want +got\n%s\n%s", diff, tc.reason)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Error("the error quotes a value")
			}
		})
	}
}

func TestKeysOfFilesAreErrorsInEnvTemplate(t *testing.T) {
	for _, key := range strings.Fields("destination perms command command_timeout exec backup wait user uid group gid create_dest_dirs sandbox_path") {
		_, _, err := Decode("f", []byte("env_template \"DB\" {\n"+key+" = 1\n}"))
		if want := `f:2: key "` + key + `" is not allowed in env_template "DB", which writes no file`; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
