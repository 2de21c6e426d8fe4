package e2e_test

import (
	"net"
	"strings"
	"testing"
)

// badFeature is a document that is refused.
type badFeature struct{ document, want string }

// expectRefused runs agents that end at once and send nothing to Vault.
func expectRefused(t *testing.T, cases map[string]badFeature) {
	t.Helper()
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

func TestBadSink(t *testing.T) {
	t.Parallel()
	wrapped := strings.Replace(sinking(""), `config = { role`, "wrap_ttl = \"5m\"\n config = { role", 1)
	expectRefused(t, map[string]badFeature{
		"wrapped twice":          {strings.Replace(wrapped, `sink "file" {`, "sink \"file\" {\n wrap_ttl = \"5m\"", 1), `wrapping enabled both on auth method and sink`},
		"login without a sink":   {strings.Replace(login, `config = { role`, "wrap_ttl = \"5m\"\n config = { role", 1) + kv, `wrapping enabled on auth method and 0 or many sinks defined`},
		"key without its kind":   {sinking(`dh_path = "DIR/key"`), `'dh_type' and 'dh_path' must be specified together`},
		"unknown kind of key":    {sinking("dh_type = \"rsa\"\ndh_path = \"DIR/key\""), `dh_type: "rsa" is none of curve25519`},
		"data without a key":     {sinking(`aad = "x"`), `'aad' needs 'dh_type' and 'dh_path'`},
		"derivation without key": {sinking(`derive_key = true`), `'derive_key' needs 'dh_type' and 'dh_path'`},
		"no path":                {strings.Replace(sinking(""), `path = "DIR/token"`, "", 1), `sink "file": 'path' must be specified in its config`},
		"unknown kind":           {strings.Replace(sinking(""), `"file"`, `"socket"`, 1), `unknown sink type "socket": only "file" exists`},
		"mode as a text":         {strings.Replace(sinking(""), `path =`, `mode = "rw", path =`, 1), `DOC:5: key "auto_auth.sink.config.mode" must be an integer, not a string: write 0640 in HCL, or 416 in JSON, which has no octal numbers`},
		"token given away":       {wrapped + "api_proxy { use_auto_auth_token = true }\n" + tcpAt("127.0.0.1:0", ""), `use_auto_auth_token is set, but the auto_auth method wraps its token`},
		"nothing to do":          {login, `auto_auth requires at least one sink or at least one template or api_proxy.use_auto_auth_token=true`},
	})
}

// tcpAt is a listener at an address, with further keys.
func tcpAt(address, settings string) string {
	return "listener \"tcp\" {\n  address = \"" + address + "\"\n  tls_disable = true\n  " + settings + "\n}\n"
}

func TestBadListener(t *testing.T) {
	t.Parallel()
	const proxy = "api_proxy {}\n"
	secure := "listener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_cert_file = \"DIR/none\"\n  tls_key_file = \"DIR/none\"\n"
	expectRefused(t, map[string]badFeature{
		"unknown kind":           {login + kv + strings.Replace(tcpAt("127.0.0.1:0", ""), `"tcp"`, `"udp"`, 1), `listener[0]: type must be tcp or unix, not "udp"`},
		"TLS without files":      {login + kv + strings.Replace(tcpAt("127.0.0.1:0", ""), "tls_disable = true", "", 1), `listener[0]: tls_cert_file and tls_key_file must be specified unless tls_disable is true`},
		"unknown role":           {login + kv + tcpAt("127.0.0.1:0", `role = "metric"`), `listener[0]: role must be default or metrics_only, not "metric"`},
		"client certificates":    {login + kv + secure + "tls_require_and_verify_client_cert = true\ntls_disable_client_certs = true\n}\n", `listener[0]: tls_require_and_verify_client_cert and tls_disable_client_certs exclude each other`},
		"token of nobody":        {"api_proxy { use_auto_auth_token = true }\n" + tcpAt("127.0.0.1:0", ""), `use_auto_auth_token is set, but there is no auto_auth block`},
		"token in both places":   {login + "cache { use_auto_auth_token = true }\napi_proxy { use_auto_auth_token = true }\n" + tcpAt("127.0.0.1:0", ""), `use_auto_auth_token is set in both cache and api_proxy; keep the one in api_proxy`},
		"token sometimes":        {login + "api_proxy { use_auto_auth_token = \"sometimes\" }\n" + tcpAt("127.0.0.1:0", ""), `DOC:5: key "api_proxy.use_auto_auth_token" must be true, false or force, not "sometimes"`},
		"proxy without any":      {login + kv + proxy, `configuring the api_proxy requires at least 1 listener to be defined`},
		"no consistency of ours": {login + "api_proxy { enforce_consistency = \"often\" }\n" + tcpAt("127.0.0.1:0", "") + kv, `api_proxy.enforce_consistency: "often" is none of never, always`},
	})
}

// TestListenerThatCannotBeHad ends an agent that has logged in or is about to.
func TestListenerThatCannotBeHad(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	secure := "listener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_cert_file = \"DIR/jwt\"\n  tls_key_file = \"DIR/none\"\n"
	cases := map[string]badFeature{
		"taken":           {tcpAt(taken.Addr().String(), ""), `listener "TAKEN": address: listen tcp TAKEN: bind: address already in use`},
		"no address":      {tcpAt("localhost", ""), `listener "localhost": address: listen tcp: address localhost: missing port in address`},
		"no certificate":  {secure + "}\n", `listener "127.0.0.1:0": tls_cert_file, tls_key_file: read the pair "DIR/jwt" and "DIR/none": open DIR/none: no such file or directory`},
		"unknown version": {secure + "tls_min_version = \"tls9\"\n}\n", `listener "127.0.0.1:0": tls_min_version: "tls9" is none of tls10, tls11, tls12, tls13`},
		"no socket there": {
			strings.NewReplacer(`"tcp"`, `"unix"`, "127.0.0.1:0", "DIR/jwt").Replace(tcpAt("127.0.0.1:0", "")),
			`listener "DIR/jwt": address: something that is not a socket lies there`,
		},
		"mode of a socket": {
			strings.NewReplacer(`"tcp"`, `"unix"`, "127.0.0.1:0", "DIR/s.sock").Replace(tcpAt("127.0.0.1:0", `socket_mode = "rw"`)),
			`listener "DIR/s.sock": socket_mode: "rw" is not an octal mode such as "0600"`,
		},
		"owner of a socket": {
			strings.NewReplacer(`"tcp"`, `"unix"`, "127.0.0.1:0", "DIR/s.sock").Replace(tcpAt("127.0.0.1:0", `socket_user = "nobody-of-this-name"`)),
			`listener "DIR/s.sock": socket_user: nobody is called "nobody-of-this-name" here, and it is no number`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t)
			a := p.start(login + kv + "api_proxy {}\n" + tc.document)
			code := a.wait()
			if want := strings.ReplaceAll(p.text(tc.want), "TAKEN", taken.Addr().String()); code != 1 || failure(a.printed()) != want {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), want)
			}
		})
	}
}

func TestBadApplication(t *testing.T) {
	t.Parallel()
	const run = "exec { command = [\"true\"] }\n"
	expectRefused(t, map[string]badFeature{
		"no application":    {login + variable, `env_template requires an exec block`},
		"no command":        {login + variable + "exec {}\n", `exec.command must be specified`},
		"empty command":     {login + variable + "exec { command = [\"\"] }\n", `command is empty`},
		"command of shell":  {login + variable + "exec { command = \"echo 'a\" }\n", "command \"echo\" cannot run: shell syntax: 1:6: reached EOF without closing quote `'`"},
		"restarts":          {login + variable + "exec {\n command = [\"true\"]\n restart_on_secret_changes = \"sometimes\"\n}\n", `exec.restart_on_secret_changes: "sometimes" is none of always, never`},
		"signal":            {login + variable + "exec {\n command = [\"true\"]\n restart_stop_signal = \"SIGNONE\"\n}\n", `exec.restart_stop_signal: "SIGNONE" is not the name of a signal such as SIGTERM`},
		"name":              {login + strings.Replace(variable, `"SECRET"`, `"A=B"`, 1) + run, `env_template "A=B": not the name of an environment variable`},
		"name used twice":   {login + variable + variable + run, `env_template "SECRET": the name is used twice`},
		"file of a value":   {login + strings.Replace(variable, "contents", "destination = \"DIR/x\"\n  contents", 1) + run, `DOC:7: key "destination" is not allowed in env_template "SECRET", which writes no file`},
		"unknown key":       {login + variable + "exec {\n command = [\"true\"]\n restart = \"x\"\n}\n", `DOC:11: key "exec.restart" is unknown`},
		"template of value": {login + strings.Replace(variable, "{{ end }}", "", 1) + run, `template "env SECRET", line 1: unexpected EOF`},
	})
}

func TestBadIdentity(t *testing.T) {
	t.Parallel()
	const same = "identity \"same\" {\n  method \"kubernetes\" { config = { role = \"NAME\", token_path = \"DIR/jwt\" } }\n}\n"
	expectRefused(t, map[string]badFeature{
		"not defined":    {login + strings.Replace(kv, "contents", "identity = \"partnr\"\n  contents", 1) + partner, `template[0]: identity "partnr" is not defined; did you mean "partner"?`},
		"twice":          {login + kv + same + same, `identity "same": the name is used twice`},
		"logs in alike":  {login + kv + same, `identity "same" logs in exactly as auto_auth does`},
		"no method":      {login + kv + "identity \"x\" {}\n", `DOC:10: identity: one and only one "method" block is required`},
		"unknown method": {login + kv + strings.Replace(same, `"kubernetes"`, `"kubernets"`, 1), `identity "same": unknown auto-auth method type "kubernets"; did you mean "kubernetes"?`},
		"no role":        {login + kv + strings.Replace(same, `role = "NAME", `, "", 1), `identity "same": auth method "kubernetes": option "role" is required`},
		"wrapped":        {login + kv + strings.Replace(same, "{ config", "{\n wrap_ttl = \"5m\"\n config", 1), `identity "same": wrap_ttl is for auto_auth only: here nothing takes a wrapped token`},
		"unknown key":    {login + kv + strings.Replace(same, "method", "namespace = \"x\"\n  method", 1), `DOC:11: key "identity.namespace" is unknown`},
		"secret without": {login + strings.Replace(kv, "destination", "kubernetes_secret { name = \"x\" }\n  destination", 1), `template[0]: kubernetes_secret needs name and key`},
	})
}
