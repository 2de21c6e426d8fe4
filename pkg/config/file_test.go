package config

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

func TestBadFiles(t *testing.T) {
	cases := map[string]struct {
		yaml   string
		want   []string
		reason string
	}{
		"unknown key": {
			yaml: "vault:\n  adress: https://vault:8200\n",
			want: []string{`FILE:2: key "vault.adress" is unknown; did you mean "address"?`},
		},
		"unknown section": {
			yaml: "\nvalt:\n  address: x\ncolor: red\n",
			want: []string{`FILE:2: key "valt" is unknown; did you mean "vault"?`, `FILE:4: key "color" is unknown`},
		},
		"section without keys": {
			yaml: "injector:\n  port: 8080\ncsi: {}\noperator: {a: 1}\n",
			want: []string{
				`FILE:2: key "injector.port" is unknown`,
				`FILE:4: key "operator.a" is unknown`,
			},
		},
		"all at once, by line": {
			yaml: "log:\n  rotate_bytes: many\n  level: loud\nvault:\n  timeout: soon\n  max_retries: -2\n  x: 1\n",
			want: []string{
				`FILE:2: key "log.rotate_bytes": "many" is not an integer`,
				`FILE:3: key "log.level": "loud" is none of trace, debug, info, warn, error`,
				`FILE:5: key "vault.timeout": "soon" is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)`,
				`FILE:6: key "vault.max_retries": -2 is below -1`,
				`FILE:7: key "vault.x" is unknown`,
			},
		},
		"duplicate keys": {
			yaml: "vault:\n  address: https://a\n  address: https://b\nvault: {}\n",
			want: []string{
				`FILE:3: key "vault.address" is set twice, first in line 2`,
				`FILE:4: key "vault" is set twice, first in line 1`,
			},
		},
		"shapes": {
			yaml: "vault: https://vault\nlog:\n  level: [info]\n  file: {a: b}\nagent:\n  disable_keep_alives:\n  - [caching]\n  - {a: b}\nauth:\n- kubernetes\n",
			want: []string{
				`FILE:1: section "vault" must be a mapping, not a single value`,
				`FILE:3: key "log.level" must be a single value (string), not a list`,
				`FILE:4: key "log.file" must be a single value (string), not a mapping`,
				`FILE:7: key "agent.disable_keep_alives" must be a list of words, with no list in it`,
				`FILE:8: key "agent.disable_keep_alives" must be a list of words, with no mapping in it`,
				`FILE:9: section "auth" must be a mapping, not a list`,
			},
		},
		"root is a list": {yaml: "- vault\n", want: []string{`FILE:1: the file must be a mapping of sections, not a list`}},
		"syntax":         {yaml: "vault:\n  address: [\n", want: []string{`FILE:2: did not find expected node content`}},
		"two documents": {
			yaml: "vault: {}\n---\nlog: {}\n",
			want: []string{`FILE:2: a second document starts here; only one is read`},
		},
		"headers": {
			yaml: "vault:\n  headers:\n  - name: A\n    val: canary\n  - canary\n  - value: canary\n  - {name: A, name: B}\n  - {name: A, value: [canary]}\n",
			want: []string{
				`FILE:4: key "vault.headers" must hold pairs of name and value, with nothing else in them`,
				`FILE:5: key "vault.headers" must hold pairs of name and value, not a single value`,
				`FILE:6: key "vault.headers" holds a header without a name`,
				`FILE:7: key "vault.headers.name" is set twice, first in line 7`,
				`FILE:8: key "vault.headers" must hold pairs of name and value, with nothing else in them`,
			},
		},
		"headers as a map": {
			yaml: "vault:\n  headers: {X-Key: canary}\n", reason: "a map would lose the case of names",
			want: []string{`FILE:2: key "vault.headers" must be a list of name and value, not a mapping`},
		},
		"options": {
			yaml: "auth:\n  options:\n    a: [1]\n    b: {c: d}\n",
			want: []string{
				`FILE:3: key "auth.options.a" must be a single value, not a list`,
				`FILE:4: key "auth.options.b" must be a single value, not a mapping`,
			},
		},
		"options as a list": {yaml: "auth: {options: [a]}", want: []string{`FILE:1: key "auth.options" must be a mapping, not a list`}},
		"choices": {
			yaml: "auth: {method: kuberntes}\nlog: {format: xml}\nagent: {disable_keep_alives: autoauth}\n",
			want: []string{
				`FILE:1: key "auth.method": "kuberntes" is none of kubernetes, jwt, approle, cert, aws, gcp, azure, ldap, userpass, token_file; did you mean "kubernetes"?`,
				`FILE:2: key "log.format": "xml" is none of text, json`,
				`FILE:3: key "agent.disable_keep_alives": "autoauth" is none of auto-auth, caching, proxying, templating; did you mean "auto-auth"?`,
			},
		},
		"addresses": {
			yaml: "vault:\n  address: vault:8200\n  proxy_address: 'http://'\ntelemetry: {address: '9090'}\n",
			want: []string{
				`FILE:2: key "vault.address": not a URL of a server: write https://HOST:PORT, http://HOST:PORT or unix:///PATH`,
				`FILE:3: key "vault.proxy_address": not a URL of a proxy: write http://HOST:PORT`,
				`FILE:4: key "telemetry.address": "9090" is not an address to listen on: write HOST:PORT or :PORT`,
			},
		},
		"together": {
			yaml: "vault:\n  client_cert: a\nauth:\n  min_backoff: 10m\n",
			want: []string{
				`FILE:2: key "vault.client_cert" needs "vault.client_key" as well`,
				`FILE:4: key "auth.min_backoff": 10m0s is longer than "auth.max_backoff", 5m0s`,
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := file(t, tc.yaml)
			_, err := Load(LoadOptions{File: path, LookupEnv: env(nil)})
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), path, "FILE")
			if diff := cmp.Diff(tc.want, strings.Split(got, "\n")); diff != "" {
				t.Errorf("-want +got\n%s\n%s", diff, tc.reason)
			}
			if strings.Contains(got, "canary") {
				t.Errorf("a secret is in the error: %s", got)
			}
		})
	}
}

func TestGoodFiles(t *testing.T) {
	cases := map[string]struct {
		yaml string
		want func(*Config)
	}{
		"empty":        {"", func(*Config) {}},
		"only a mark":  {"---\n", func(*Config) {}},
		"only comment": {"# nothing\n", func(*Config) {}},
		"empty keys":   {"vault:\n  address:\n  headers:\nlog: ~\n", func(*Config) {}},
		"socket":       {"vault: {address: 'unix:///run/vault.sock'}", func(c *Config) { c.Vault.Address = "unix:///run/vault.sock" }},
		"alias": {
			"log: {file: &f /x}\nagent: {pid_file: *f}\n",
			func(c *Config) { c.Log.File, c.Agent.PIDFile = "/x", "/x" },
		},
		"option names keep their case": {
			"auth: {options: {Role_ID: A}}",
			func(c *Config) { c.Auth.Options = map[string]string{"Role_ID": "A"} },
		},
		"same header twice": {
			"vault: {headers: [{name: A, value: '1'}, {name: A, value: '2'}]}",
			func(c *Config) { c.Vault.Headers = []Header{{"A", "1"}, {"A", "2"}} },
		},
		"synonyms": {
			"log: {level: Notice, format: standard}",
			func(*Config) {},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := defaults()
			tc.want(want)
			got, err := Load(LoadOptions{File: file(t, tc.yaml), LookupEnv: env(nil)})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, want, got)
		})
	}
}

func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(full), "vault: &a {x: *a}", "a: b\n---\n", "? [a]\n: b", "vault: !!binary x", "<<: {vault: {}}"} {
		f.Add(seed)
	}
	table := keys()
	f.Fuzz(func(t *testing.T, src string) {
		var problems problem.List
		l := newLoader(LoadOptions{LookupEnv: env(nil)})
		l.file = parse("f", []byte(src), table, &problems)
		if l.file == nil {
			t.Fatal("no document")
		}
		c := l.build()
		l.check(c)
		if len(c.Settings()) != len(table) {
			t.Errorf("%d settings", len(c.Settings()))
		}
	})
}
