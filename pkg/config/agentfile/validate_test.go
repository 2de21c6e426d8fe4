package agentfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// login is an auto_auth block with a consumer, which is not what a case is about.
const login = `auto_auth { method "kubernetes" { config { role = "r" } } sink "file" { config { path = "/t" } } }` + "\n"

const (
	plainListener = `listener "tcp" { tls_disable = true }` + "\n"
	plainTemplate = `template { contents = "x" destination = "/x" }` + "\n"
	method        = `auto_auth { method "kubernetes" {} }` + "\n"
	process       = `exec { command = "/app" }` + "\n" + `env_template "A" { contents = "x" }` + "\n"
)

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		src    string
		want   string // lines
		reason string
	}{
		"login and sink":      {src: login},
		"login and template":  {src: method + plainTemplate},
		"login and process":   {src: method + process},
		"login and proxy":     {src: method + plainListener + `api_proxy { use_auto_auth_token = true }`},
		"login and cache":     {src: method + plainListener + `cache { use_auto_auth_token = "force" }`, reason: "the word of cache counts for the proxy"},
		"cache and proxy":     {src: method + plainListener + "cache { use_auto_auth_token = true }\napi_proxy {}", reason: "api_proxy inherits"},
		"listener only":       {src: plainListener},
		"empty":               {src: ``, want: `no auto_auth, cache, or listener block found in config`},
		"template only":       {src: plainTemplate, want: `no auto_auth, cache, or listener block found in config`},
		"no consumer":         {src: method, want: `auto_auth requires at least one sink or at least one template or api_proxy.use_auto_auth_token=true`},
		"consumer turned off": {src: method + plainListener + `api_proxy { use_auto_auth_token = false }`, want: `auto_auth requires at least one sink or at least one template or api_proxy.use_auto_auth_token=true`},
		"cache alone":         {src: login + `cache {}`, want: `enabling the cache requires at least 1 template or 1 listener to be defined`},
		"proxy alone":         {src: login + `api_proxy {}`, want: `configuring the api_proxy requires at least 1 listener to be defined`},
		"token twice": {
			src:  login + plainListener + "cache {\nuse_auto_auth_token = true\nenforce_consistency = \"never\"\nwhen_inconsistent = \"fail\"\n}\napi_proxy {\nuse_auto_auth_token = false\nenforce_consistency = \"never\"\nwhen_inconsistent = \"fail\"\n}",
			want: "enforce_consistency is set in both cache and api_proxy; keep the one in api_proxy\nuse_auto_auth_token is set in both cache and api_proxy; keep the one in api_proxy\nwhen_inconsistent is set in both cache and api_proxy; keep the one in api_proxy",
		},
		"token without login": {src: plainListener + `cache { use_auto_auth_token = true }`, want: `use_auto_auth_token is set, but there is no auto_auth block`},
		"no token, no login":  {src: plainListener + `cache { use_auto_auth_token = false }`},
		"token and wrapping": {
			src:  `auto_auth { method "jwt" { wrap_ttl = "5m" } sink "file" { config { path = "/t" } } }` + "\n" + plainListener + `api_proxy { use_auto_auth_token = true }`,
			want: `use_auto_auth_token is set, but the auto_auth method wraps its token`,
		},
		"consistency": {
			src:  login + plainListener + "cache { enforce_consistency = \"sometimes\" }\napi_proxy { when_inconsistent = \"panic\" }",
			want: `api_proxy.when_inconsistent: "panic" is none of fail, retry, forward` + "\n" + `cache.enforce_consistency: "sometimes" is none of never, always`,
		},
		"persist":      {src: login + plainListener + `cache { persist {} }`, want: "cache.persist.path must be specified\npersist type must be specified"},
		"persist type": {src: login + plainListener + `cache { persist "disk" { path = "/c" } }`, want: `cache.persist.type: "disk" is none of kubernetes`},
		"method type":  {src: plainTemplate + `auto_auth { method {} }`, want: `method type must be specified`},
		"method unknown": {
			src: plainTemplate + `auto_auth { method "kuberntes" {} }`, want: `unknown auto-auth method type "kuberntes"; did you mean "kubernetes"?`,
		},
		"method strange": {src: plainTemplate + `auto_auth { method "magic" {} }`, want: `unknown auto-auth method type "magic"`},
		"backoff": {
			src: plainTemplate + `auto_auth { method "jwt" { min_backoff = "2m" max_backoff = "1m" } }`, want: `auth handler: min_backoff cannot be greater than max_backoff`,
		},
		"wrapping, no sink":   {src: plainTemplate + `auto_auth { method "jwt" { wrap_ttl = 60 } }`, want: `wrapping enabled on auth method and 0 or many sinks defined`},
		"wrapping, two sinks": {src: `auto_auth { method "jwt" { wrap_ttl = 60 } sink "file" { config { path = "/a" } } sink "file" { config { path = "/b" } } }`, want: `wrapping enabled on auth method and 0 or many sinks defined`},
		"wrapping twice":      {src: `auto_auth { method "jwt" { wrap_ttl = 60 } sink "file" { wrap_ttl = 60 config { path = "/a" } } }`, want: `wrapping enabled both on auth method and sink`},
		"sink type":           {src: `auto_auth { method "jwt" {} sink { config { path = "/a" } } }`, want: `sink type must be specified`},
		"sink unknown":        {src: `auto_auth { method "jwt" {} sink "s3" { config { path = "/a" } } }`, want: `unknown sink type "s3": only "file" exists`},
		"sink path":           {src: `auto_auth { method "jwt" {} sink "file" {} }`, want: `sink "file": 'path' must be specified in its config`},
		"sink dh":             {src: `auto_auth { method "jwt" {} sink "file" { dh_type = "curve25519" config { path = "/a" } } }`, want: `'dh_type' and 'dh_path' must be specified together`},
		"sink dh type":        {src: `auto_auth { method "jwt" {} sink "file" { dh_type = "rsa" dh_path = "/d" config { path = "/a" } } }`, want: `dh_type: "rsa" is none of curve25519`},
		"sink aad":            {src: `auto_auth { method "jwt" {} sink "file" { aad = "x" derive_key = true config { path = "/a" } } }`, want: "'aad' needs 'dh_type' and 'dh_path'\n'derive_key' needs 'dh_type' and 'dh_path'"},
		"listener": {
			src:  "listener \"udp\" { address = \"x\" tls_disable = true }\nlistener \"unix\" { tls_disable = true role = \"x\" }\nlistener \"tcp\" { tls_cert_file = \"c\" tls_disable_client_certs = true tls_require_and_verify_client_cert = true }",
			want: "listener[0]: type must be tcp or unix, not \"udp\"\nlistener[1]: address must be specified\nlistener[1]: role must be default or metrics_only, not \"x\"\nlistener[2]: tls_cert_file and tls_key_file must be specified unless tls_disable is true\nlistener[2]: tls_require_and_verify_client_cert and tls_disable_client_certs exclude each other",
		},
		"template": {
			src:  login + "template {}\ntemplate { source = \"a\" contents = \"b\" destination = \"c\" wait { min = 5 max = 1 } }\ntemplate { contents = \"a\" destination = \"b\" command = \"x\" exec { command = \"y\" kill_signal = \"KILL\" reload_signal = \"sighup\" } }",
			want: "template[0]: destination must be specified\ntemplate[0]: one of source and contents must be specified\ntemplate[1]: source and contents exclude each other\ntemplate[1]: wait.min cannot be greater than wait.max\ntemplate[2]: exec.kill_signal: \"KILL\" is not the name of a signal such as SIGHUP",
		},
		"template_config": {
			src: login + `template_config { lease_renewal_threshold = 1 max_connections_per_host = -1 }`, reason: "the Vault Agent takes both",
		},
		"threshold zero":      {src: login + `template_config { lease_renewal_threshold = 0 }`},
		"exec alone":          {src: login + `exec { command = "x" }`, want: `exec requires at least one env_template or template`},
		"env_template alone":  {src: login + `env_template "A" { contents = "x" }`, want: `env_template requires an exec block`},
		"process and file":    {src: method + process + plainTemplate, reason: "the Vault Agent refuses it; ours serves both"},
		"process and proxy":   {src: method + process + plainListener + `api_proxy {}`, reason: "as above"},
		"process and nothing": {src: method + "exec {\nrestart_on_secret_changes = \"maybe\"\nrestart_stop_signal = \"STOP\"\n}\nenv_template \"A=\" {}\nenv_template \"B\" {\nsource = \"a\"\ncontents = \"b\"\n}\nenv_template \"B\" { source = \"a\" }", want: "env_template \"A=\": not the name of an environment variable\nenv_template \"A=\": one of source and contents must be specified\nenv_template \"B\": source and contents exclude each other\nenv_template \"B\": the name is used twice\nexec.command must be specified\nexec.restart_on_secret_changes: \"maybe\" is none of always, never\nexec.restart_stop_signal: \"STOP\" is not the name of a signal such as SIGTERM"},
		"connections":         {src: login + "disable_idle_connections = [\"auto-auth\", \"x\"]\ndisable_keep_alives = [\"y\"]", want: "disable_idle_connections: \"x\" is none of auto-auth, caching, proxying, templating\ndisable_keep_alives: \"y\" is none of auto-auth, caching, proxying, templating"},
		"log":                 {src: login + "log_level = \"loud\"\nlog_format = \"xml\"\nlog_rotate_bytes = -1\nlog_rotate_max_files = -2", want: "log_format: \"xml\" is none of standard, text, json\nlog_level: \"loud\" is none of trace, debug, info, notice, warn, warning, error, err"},
		"log in any case":     {src: login + "log_level = \"WARN\"\nlog_format = \"Standard\""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			doc, _, err := Decode("f", []byte(tc.src))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := doc.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(strings.Split(tc.want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("-want +got\n%s\n%s", diff, tc.reason)
			}
		})
	}
}

func TestUseAutoAuthToken(t *testing.T) {
	cases := map[string]struct {
		doc  Document
		want string
	}{
		"nothing":     {Document{}, ""},
		"cache":       {Document{Cache: &Cache{UseAutoAuthToken: UseTokenTrue}}, UseTokenTrue},
		"proxy wins":  {Document{Cache: &Cache{UseAutoAuthToken: UseTokenTrue}, APIProxy: &APIProxy{UseAutoAuthToken: UseTokenFalse}}, UseTokenFalse},
		"proxy mute":  {Document{Cache: &Cache{UseAutoAuthToken: UseTokenForce}, APIProxy: &APIProxy{}}, UseTokenForce},
		"proxy alone": {Document{APIProxy: &APIProxy{UseAutoAuthToken: UseTokenForce}}, UseTokenForce},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.doc.UseAutoAuthToken(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
