package e2e_test

import (
	"os"
	"strings"
	"testing"
)

// TestBadDocument runs the program with documents that are wrong by themselves:
// it ends at once with everything that is wrong, and sends nothing to Vault.
func TestBadDocument(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ document, want string }{
		"wrong types": {
			document: login + "exit_after_auth = \"maybe\"\ntemplate {\n  destination = [\"a\"]\n  contents = \"x\"\n  perms = \"rw\"\n}\n",
			want: `DOC:5: key "exit_after_auth": "maybe" is not a boolean: write true or false
DOC:7: key "template.destination" must be a string, not a list
DOC:9: key "template.perms": "rw" is not an octal mode such as "0640"`,
		},
		"unknown key in a template": {
			document: login + "template {\n  contents    = \"x\"\n  destinaton = \"DIR/out\"\n}\n",
			want:     `DOC:7: key "template.destinaton" is unknown; did you mean "destination"?`,
		},
		"bad duration": {
			document: login + kv + "template_config { static_secret_render_interval = \"5 minutes\" }\n",
			want: `DOC:10: key "template_config.static_secret_render_interval": "5 minutes" is not a duration: ` +
				`write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`,
		},
		"two methods": {
			document: strings.Replace(login, "}\n}", "}\n  method \"approle\" {}\n}", 1) + kv,
			want:     `DOC:2: auto_auth: one and only one "method" block is required`,
		},
		"no method": {
			document: "auto_auth {}\n" + kv,
			want:     `DOC:1: auto_auth: one and only one "method" block is required`,
		},
		"unknown method": {
			document: strings.Replace(login, `"kubernetes"`, `"kubernets"`, 1) + kv,
			want:     `unknown auto-auth method type "kubernets"; did you mean "kubernetes"?`,
		},
		"syntax of HCL": {
			document: login + "template {\n  contents = \"x\"\n",
			want:     `DOC:7: object expected closing RBRACE got: EOF`,
		},
		"syntax of templates": {
			document: login + strings.Replace(kv, "{{ end }}", "{{ ende }}", 1) + strings.NewReplacer("{{ end }}", "", "out/kv", "out/second").Replace(kv),
			want: `template "DIR/out/kv", line 1, column 69: function "ende" not defined
template "DIR/out/second", line 1: unexpected EOF`,
		},
		"option of a method and a template's file, at once": {
			document: strings.Replace(login, `role = "NAME", `, "", 1) + "template {\n  source = \"DIR/none.tpl\"\n  destination = \"DIR/out\"\n}\n",
			want: `auth method "kubernetes": option "role" is required
read template: open DIR/none.tpl: no such file or directory`,
		},
	}
	p := newPod(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := p.start(tc.document)
			code := a.wait()
			want := strings.ReplaceAll(p.text(tc.want), "DOC", p.path("agent.hcl"))
			if code != 1 || failure(a.printed()) != want {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), want)
			}
		})
	}
	if n := p.logins(); n != 0 {
		t.Errorf("%d logins with documents that are wrong, want none", n)
	}
}

func TestBadCommandLine(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.file("agent.hcl", p.text(login+kv))
	cases := map[string]struct {
		args []string
		env  string
		want string
	}{
		"missing file":    {args: []string{"-config=DIR/none.hcl"}, want: "read agent configuration: stat DIR/none.hcl: no such file or directory"},
		"no document":     {want: "must specify exactly at least one config path using -config"},
		"no base64":       {env: "VAULT_CONFIG=%%%", want: "VAULT_CONFIG: not valid base64 at byte 0"},
		"unknown flag":    {args: []string{"-config=DIR/agent.hcl", "-exit-after-aut"}, want: "unknown flag: --exit-after-aut"},
		"bad log level":   {args: []string{"-config=DIR/agent.hcl", "-log-level=loud"}, want: `flag --log-level: key "log.level": "loud" is none of trace, debug, info, warn, error`},
		"bad address":     {args: []string{"-config=DIR/agent.hcl", "-address=vault:8200"}, want: `flag --address: key "vault.address": ...`},
		"taken telemetry": {args: []string{"-config=DIR/agent.hcl", "-telemetry-address=HOST"}, want: "serve telemetry: listen tcp HOST: bind: address already in use"},
	}
	fill := strings.NewReplacer("HOST", strings.TrimPrefix(p.vault.Address(), "http://"))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			args := []string{"agent"}
			for _, arg := range tc.args {
				args = append(args, fill.Replace(p.text(arg)))
			}
			a := p.execute(world.program, args, []string{tc.env}, attributes())
			if code, want := a.wait(), fill.Replace(p.text(tc.want)); code != 1 || !matches(failure(a.printed()), want) {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), want)
			}
		})
	}
}

// once makes an agent give up at the first failure.
const once = "template_config { exit_on_retry_failure = true }\nvault { retry { num_retries = -1 } }\n"

// TestBadSecret runs an init container whose secrets or destinations are wrong.
func TestBadSecret(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		prepare func(p *pod)
		body    string
		want    string
	}{
		"missing secret": {
			body: strings.Replace(kv, "NAME/app", "NAME/none", 1),
			want: `read secret/data/NAME/none: gave up at attempt 1: GET ADDR/v1/secret/data/NAME/none: not found (HTTP 404): no secret exists at secret/data/NAME/none`,
		},
		"missing mount": {
			body: strings.Replace(kv, "secret/data/NAME/app", "nowhere/NAME/app", 1),
			want: `read nowhere/NAME/app: gave up at attempt 1: GET ADDR/v1/nowhere/NAME/app: denied (HTTP 403): permission denied; ` +
				`hint: no policy of the token allows this on the path; for KV version 2 both the path and the policy need data/ after the mount`,
		},
		"denied path": {
			body: strings.Replace(kv, "NAME/app", "somebody/app", 1),
			want: `read secret/data/somebody/app: gave up at attempt 1: GET ADDR/v1/secret/data/somebody/app: denied (HTTP 403): permission denied; ` +
				`hint: no policy of the token allows this on the path`,
		},
		"policy without data/": {
			prepare: func(p *pod) {
				must(p.t, p.vault.Policy(p.t.Context(), p.name, p.text(`path "secret/NAME/*" { capabilities = ["read"] }`)))
			},
			body: strings.Replace(kv, "secret/data/NAME/app", "secret/NAME/app", 1),
			want: `read secret/NAME/app: gave up at attempt 1: GET ADDR/v1/secret/data/NAME/app: denied (HTTP 403): permission denied; ` +
				`hint: no policy of the token allows this on the path...`,
		},
		"missing key": {
			body: strings.NewReplacer("data.password", "data.user", "destination", "error_on_missing_key = true\n  destination").Replace(kv),
			want: `template for "DIR/out/kv": template "DIR/out/kv", line 1, column 49: map has no entry for key "user"`,
		},
		"KV version 2 read as version 1": {
			body: strings.NewReplacer(".Data.data.password", ".Data.password", "destination", "error_on_missing_key = true\n  destination").Replace(kv),
			want: `template for "DIR/out/kv": template "DIR/out/kv", line 1, column 49: map has no entry for key "password"`,
		},
		"destination is a directory": {
			prepare: func(p *pod) { must(p.t, os.MkdirAll(p.path("out/kv"), 0o755)) },
			body:    kv,
			want:    `template for "DIR/out/kv": write "DIR/out/kv": destination is a directory`,
		},
		"destination below a file": {
			body: strings.Replace(kv, "out/kv", "jwt/kv", 1),
			want: `template for "DIR/jwt/kv": write "DIR/jwt/kv": a part of its path is not a directory`,
		},
		"destination where nothing can be made": {
			body: strings.Replace(kv, "DIR/out/kv", "/proc/none/kv", 1),
			want: `template for "/proc/none/kv": write "/proc/none/kv": its directory does not exist`,
		},
		"unknown owner": {
			body: strings.Replace(kv, "destination", "user = \"nobody-of-this-name\"\n  destination", 1),
			want: `template for "DIR/out/kv": write "DIR/out/kv": unknown user "nobody-of-this-name"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t)
			if tc.prepare != nil {
				tc.prepare(p)
			}
			code, printed := p.init(once + tc.body)
			if want := p.text(tc.want); code != 1 || !matches(failure(printed), want) {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(printed), want)
			}
		})
	}
}

// TestBadLogin runs agents that end at the first failed login.
func TestBadLogin(t *testing.T) {
	t.Parallel()
	const at = `log in: log in at "auth/kubernetes/login": PUT ADDR/v1/auth/kubernetes/login: `
	cases := map[string]struct {
		jwt     string
		replace []string // in the document
		flags   []string
		want    string
	}{
		"role that is none": {
			replace: []string{`role = "NAME"`, `role = "none"`},
			want: at + `permanent (HTTP 400): invalid role name "none"; ` +
				`hint: the auth mount has no role of this name; check the role and the path of the auth mount`,
		},
		"role of other accounts": {
			replace: []string{`role = "NAME"`, `role = "stranger"`},
			want: at + `denied (HTTP 403): service account name not authorized; ` +
				`hint: the role's bound_service_account_names does not list this service account`,
		},
		"role of another audience": {
			replace: []string{`role = "NAME"`, `role = "listener"`},
			want: at + `denied (HTTP 403): invalid audience (aud) claim: audience claim does not match any expected audience; ` +
				`hint: the token is not made for the audience that the role expects; request it with the role's audience`,
		},
		"mount that is none": {
			replace: []string{`config =`, "mount_path = \"auth/none\"\nconfig ="},
			want:    `log in: log in at "auth/none/login": PUT ADDR/v1/auth/none/login: denied (HTTP 403): permission denied; hint: ...`,
		},
		"expired token":   {jwt: "eyJhbGciOiJub25lIn0.eyJleHAiOjEwMDAwMDAwMDB9.c2lnbmF0dXJl", want: `log in: the token in "DIR/jwt" expired at 2001-09-09T01:46:40Z`},
		"malformed token": {jwt: canary, want: `log in: the file "DIR/jwt" does not hold a JWT: expected three base64 parts separated by dots`},
		"empty token":     {jwt: " \n", want: `log in: the service-account token file "DIR/jwt" is empty`},
		"forged token": {
			jwt: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
			want: at + `denied (HTTP 403): permission denied; ` +
				`hint: check the role, what it is bound to (service accounts, namespaces, audience), and that Vault may review tokens`,
		},
		"missing token": {
			replace: []string{"DIR/jwt", "DIR/none"},
			want:    `log in: read the service-account token: open DIR/none: no such file or directory`,
		},
		"nobody listens": {
			flags: []string{"-address=http://127.0.0.1:1"},
			want: `log in: log in at "auth/kubernetes/login": PUT http://127.0.0.1:1/v1/auth/kubernetes/login: unavailable: dial tcp 127.0.0.1:1: connect: connection refused; ` +
				`hint: nothing listens there; check the address and the port, and that Vault runs`,
		},
	}
	p := newPod(t)
	p.strangers()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p.file("jwt", world.jwt)
			if tc.jwt != "" {
				p.file("jwt", tc.jwt)
			}
			document := strings.NewReplacer(tc.replace...).Replace(strings.Replace(login, "config =", "exit_on_err = true\nconfig =", 1))
			a := p.start(document+kv, tc.flags...)
			if code, want := a.wait(), p.text(tc.want); code != 1 || !matches(failure(a.printed()), want) {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), want)
			}
		})
	}
}
