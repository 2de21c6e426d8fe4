package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
)

// env makes a LookupEnv of a map, so that tests do not depend on the process.
func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "vaultk8s.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func defaults() *Config {
	return &Config{
		Vault: Vault{Address: "https://127.0.0.1:8200", Timeout: time.Minute},
		Auth:  Auth{Method: "kubernetes", MinBackoff: time.Second, MaxBackoff: 5 * time.Minute},
		Log:   Log{Level: "info", Format: "text", RotateDuration: 24 * time.Hour},

		Injector: defaultInjector(),
		CSI: CSI{
			Endpoints: []string{"/tmp/vault.sock"}, HealthAddress: ":8080", HMACSecret: "vault-csi-provider-hmac-key", CacheSize: 1000,
			AuthMount: "kubernetes", RefreshInterval: time.Minute, MountTimeout: time.Minute, OrphanAfter: 2 * time.Hour,
			Share: "service-account", ServeStale: "running", StaleMaxAge: 24 * time.Hour, Events: true, Templates: true, AllowSkipVerify: true,
		},
		Operator: defaultOperator(),
	}
}

func compare(t *testing.T, want, got *Config) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLoadDefaults(t *testing.T) {
	got, err := Load(LoadOptions{LookupEnv: env(nil)})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, defaults(), got)
}

func TestLoadEveryKey(t *testing.T) {
	got, err := Load(LoadOptions{File: "testdata/full.yaml", LookupEnv: env(nil)})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, &Config{
		Vault: Vault{
			Address: "https://vault.example.com:8200", Namespace: "team-a",
			CACert: "/etc/vault/ca.pem", CAPath: "/etc/vault/ca",
			CACertBytes: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
			ClientCert:  "/etc/vault/tls.crt", ClientKey: "/etc/vault/tls.key",
			TLSServerName: "vault.internal", TLSSkipVerify: true,
			ProxyAddress: "http://user:canary-proxy@proxy.example.com:3128",
			Timeout:      30 * time.Second, RateLimit: 100, RateBurst: 200, MaxRetries: 5, MaxConns: 20,
			NoKeepAlive: true, NoIdle: true,
			Headers: []Header{{"X-Vault-Request", "true"}, {"X-Trace-ID", "canary-header"}},
		},
		Auth: Auth{
			Method: "approle", Mount: "auth/orders", Namespace: "team-b", Role: "orders",
			Options: map[string]string{
				"role_id_file_path": "/etc/approle/role", "secret_id": "canary-option",
				"remove_secret_id_file_after_reading": "false",
			},
			MinBackoff: 2 * time.Second, MaxBackoff: 10 * time.Minute,
			ExitOnErr: true, WrapTTL: time.Minute, Reauth: true,
		},
		Log: Log{
			Level: "warn", Format: "text", File: "/var/log/vaultk8s",
			RotateBytes: 1 << 20, RotateDuration: 24 * time.Hour, RotateMaxFiles: -1,
		},
		Telemetry: Telemetry{Address: ":9090"},
		Agent: Agent{
			ExitAfterAuth: true, PIDFile: "/run/agent.pid", RevokeOnShutdown: true,
			DisableIdleConnections: []string{"auto-auth", "templating"},
			DisableKeepAlives:      []string{"caching", "proxying"},
		},
		Injector: fullInjector(),
		CSI: CSI{
			Endpoints: []string{"/provider/vault.sock", "/provider/openbao.sock"}, HealthAddress: ":8081", HMACSecret: "key", CacheSize: -1,
			AuthMount: "k8s/prod", RefreshInterval: 2 * time.Minute, MountTimeout: 45 * time.Second, OrphanAfter: 3 * time.Hour,
			Share: "pod", ServeStale: "restarting", StaleMaxAge: 4 * time.Hour, NodeName: "node-1",
			AllowedAddresses: []string{"https://*.example.com:8200"}, AllowedMounts: []string{"k8s/*"}, AllowNodeIdentity: true,
		},
		Operator: fullOperator(),
	}, got)
}

// The file names every key, so that a key without a test is noticed.
func TestEveryKeyIsInTheFullFile(t *testing.T) {
	c, err := Load(LoadOptions{File: "testdata/full.yaml", LookupEnv: env(nil)})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Settings() {
		if !strings.HasPrefix(s.Source, "file testdata/full.yaml:") {
			t.Errorf("%s comes from %s", s.Key, s.Source)
		}
		if strings.Contains(s.Value, "canary") {
			t.Errorf("%s shows a secret: %s", s.Key, s.Value)
		}
	}
}

func TestPrecedence(t *testing.T) {
	yaml := "vault: {address: 'https://file:1'}\nlog: {level: trace}\n"
	cases := map[string]struct {
		flags    []string
		env      map[string]string
		document map[string]string
		file     string
		want     string
		source   string
		reason   string
	}{
		"flag wins": {
			flags: []string{"--address=https://flag:1"}, env: map[string]string{"VAULTK8S_VAULT_ADDRESS": "https://own:1"}, file: yaml,
			want: "https://flag:1", source: "flag --address",
		},
		"own variable before Vault's": {
			env: map[string]string{"VAULT_ADDR": "https://std:1", "VAULTK8S_VAULT_ADDRESS": "https://own:1"}, file: yaml,
			want: "https://own:1", source: "env VAULTK8S_VAULT_ADDRESS",
		},
		"Vault's variable before the file": {
			env: map[string]string{"VAULT_ADDR": "https://std:1", "BAO_ADDR": "https://bao:1"}, file: yaml,
			want: "https://std:1", source: "env VAULT_ADDR",
		},
		"OpenBao's variable": {
			env: map[string]string{"BAO_ADDR": "https://bao:1"}, file: yaml,
			want: "https://bao:1", source: "env BAO_ADDR",
		},
		"environment before the document": {
			env: map[string]string{"BAO_ADDR": "https://bao:1"}, document: map[string]string{"vault.address": "https://doc:1"},
			want: "https://bao:1", source: "env BAO_ADDR",
		},
		"document before the file": {
			document: map[string]string{"vault.address": "https://doc:1"}, file: yaml,
			want: "https://doc:1", source: "document agent.hcl",
		},
		"file before the default": {
			flags: []string{"--namespace=x"}, env: map[string]string{"VAULT_ADDR": ""}, document: map[string]string{"vault.address": ""}, file: yaml,
			want: "https://file:1", source: "file FILE:1", reason: "what is empty is not set",
		},
		"default": {
			flags: []string{"--address="}, file: "vault:\n  address: ''\n",
			want: "https://127.0.0.1:8200", source: "default", reason: "what is empty is not set",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := LoadOptions{LookupEnv: env(tc.env), Document: tc.document, DocumentName: "agent.hcl", File: file(t, tc.file)}
			o.Flags = pflag.NewFlagSet("test", pflag.ContinueOnError)
			AddFlags(o.Flags, "vault")
			if err := o.Flags.Parse(tc.flags); err != nil {
				t.Fatal(err)
			}
			c, err := Load(o)
			if err != nil {
				t.Fatal(err)
			}
			got := c.Settings()[0]
			got.Source = strings.ReplaceAll(got.Source, o.File, "FILE")
			if diff := cmp.Diff(Setting{"vault.address", tc.want, tc.source}, got); diff != "" {
				t.Errorf("%s\n%s", diff, tc.reason)
			}
			if c.Vault.Address != tc.want {
				t.Errorf("typed value is %q", c.Vault.Address)
			}
		})
	}
}

func TestStandardVariables(t *testing.T) {
	vars := map[string]string{
		"VAULT_ADDR": "http://vault:8200", "VAULT_NAMESPACE": "ns", "VAULT_CACERT": "ca", "VAULT_CAPATH": "cas", "VAULT_CACERT_BYTES": "pem",
		"VAULT_CLIENT_CERT": "crt", "VAULT_CLIENT_KEY": "key", "VAULT_TLS_SERVER_NAME": "sni", "VAULT_SKIP_VERIFY": "1",
		"VAULT_HTTP_PROXY": "http://proxy:1", "VAULT_CLIENT_TIMEOUT": "5", "VAULT_RATE_LIMIT": "2.5:7", "VAULT_MAX_RETRIES": "-1",
		"VAULT_LOG_LEVEL": "err", "VAULT_LOG_FORMAT": "JSON",
		"VAULT_AGENT_DISABLE_IDLE_CONNECTIONS": "auto-auth,caching", "VAULT_AGENT_DISABLE_KEEP_ALIVES": "proxying",
	}
	want := defaults()
	want.Vault = Vault{
		Address: "http://vault:8200", Namespace: "ns", CACert: "ca", CAPath: "cas", CACertBytes: "pem", ClientCert: "crt", ClientKey: "key",
		TLSServerName: "sni", TLSSkipVerify: true, ProxyAddress: "http://proxy:1", Timeout: 5 * time.Second, RateLimit: 2.5, RateBurst: 7, MaxRetries: -1,
	}
	want.Log.Level, want.Log.Format = "error", "json"
	want.Agent.DisableIdleConnections, want.Agent.DisableKeepAlives = []string{"auto-auth", "caching"}, []string{"proxying"}
	bao := map[string]string{}
	for name, value := range vars {
		bao[strings.Replace(name, "VAULT_", "BAO_", 1)] = value
	}
	for name, set := range map[string]map[string]string{"Vault": vars, "OpenBao": bao} {
		t.Run(name, func(t *testing.T) {
			got, err := Load(LoadOptions{LookupEnv: env(set)})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, want, got)
		})
	}
}

func TestFileNamedByVariable(t *testing.T) {
	name := file(t, "log: {level: debug}")
	c, err := Load(LoadOptions{LookupEnv: env(map[string]string{"VAULTK8S_CONFIG": name})})
	if err != nil || c.Log.Level != "debug" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestProcessEnvironment(t *testing.T) {
	t.Setenv("VAULTK8S_LOG_LEVEL", "debug")
	c, err := Load(LoadOptions{})
	if err != nil || c.Log.Level != "debug" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(LoadOptions{File: "testdata/none.yaml", LookupEnv: env(nil)})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if want := "read configuration: open testdata/none.yaml: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestProblemsOfEnvironmentAndFlags(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags, "vault", "log")
	if err := flags.Parse([]string{"--log-level=loud", "--tls-skip-verify"}); err != nil {
		t.Fatal(err)
	}
	_, err := Load(LoadOptions{Flags: flags, LookupEnv: env(map[string]string{
		"VAULT_SKIP_VERIFY": "maybe", "VAULT_MAX_RETRIES": "x", "VAULT_CLIENT_KEY": "k",
		"VAULT_ADDR": "https://user:canary@", "VAULT_PROXY_ADDR": ":canary", "VAULT_RATE_LIMIT": "fast",
	})})
	want := []string{
		`env VAULT_ADDR: key "vault.address": not a URL of a server: write https://HOST:PORT, http://HOST:PORT or unix:///PATH`,
		`env VAULT_CLIENT_KEY: key "vault.client_key" needs "vault.client_cert" as well`,
		`env VAULT_MAX_RETRIES: key "vault.max_retries": "x" is not an integer`,
		`env VAULT_PROXY_ADDR: key "vault.proxy_address": not a URL of a proxy: write http://HOST:PORT`,
		`env VAULT_RATE_LIMIT: key "vault.rate_limit": "fast" is not a rate: write requests per second (100), or with a burst (100:200)`,
		`flag --log-level: key "log.level": "loud" is none of trace, debug, info, warn, error`,
	}
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(want, strings.Split(problems.Error(), "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRetries(t *testing.T) {
	for limit, want := range map[int]int{-1: 0, 0: 12, 1: 1, 20: 20} {
		if got := (Vault{MaxRetries: limit}).Retries(); got != want {
			t.Errorf("MaxRetries %d: got %d, want %d", limit, got, want)
		}
	}
}

// An agent without a shared file loads at every start of a pod: this must stay
// far below a millisecond.
func BenchmarkLoadWithoutFile(b *testing.B) {
	lookup := env(map[string]string{"VAULT_ADDR": "https://vault:8200"})
	for b.Loop() {
		if _, err := Load(LoadOptions{LookupEnv: lookup}); err != nil {
			b.Fatal(err)
		}
	}
}
