package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/injector/certs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settings are those of the environment.
func settings(t *testing.T, vars map[string]string) *config.Config {
	t.Helper()
	c, err := config.Load(config.LoadOptions{LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }})
	must(t, err)
	return c
}

// Without settings, the defaults are those of package injector.
func TestDefaults(t *testing.T) {
	got, err := Defaults(settings(t, map[string]string{"VAULT_ADDR": "https://vault:8200", "VAULT_NAMESPACE": "team"}), nil)
	must(t, err)
	want := injector.DefaultOptions()
	want.VaultAddress, want.VaultNamespace, want.Flavor = "https://vault:8200", "team", "auto"
	got.CheckTemplate = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestDefaultsOfTheInjectorComeFirst(t *testing.T) {
	got, err := Defaults(settings(t, map[string]string{"VAULT_ADDR": "https://common:8200", "AGENT_INJECT_VAULT_ADDR": "https://own:8200", "AGENT_INJECT_CPU_LIMIT": "none"}), nil)
	if err != nil || got.VaultAddress != "https://own:8200" || got.CPULimit != "" {
		t.Errorf("%q, %q, %v", got.VaultAddress, got.CPULimit, err)
	}
}

func TestRunRefuses(t *testing.T) {
	const address = "No Vault service configured: set AGENT_INJECT_VAULT_ADDR, --vault-address or vault.address"
	const certificate = "no certificate: set --tls-auto to the name of the MutatingWebhookConfiguration, or --tls-cert-file and --tls-key-file"
	cases := map[string]struct {
		vars map[string]string
		want string
	}{
		"nothing":   {nil, address + "\n" + certificate},
		"no hosts":  {map[string]string{"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_TLS_AUTO": "cfg"}, "--tls-auto needs --tls-auto-hosts, the names that the API server calls the injector by"},
		"no key":    {map[string]string{"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_TLS_CERT_FILE": "c"}, "--tls-cert-file and --tls-key-file need each other"},
		"no pod":    {map[string]string{"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_TLS_AUTO": "cfg", "AGENT_INJECT_TLS_AUTO_HOSTS": "h"}, "this is not a pod (KUBERNETES_SERVICE_HOST is not set): name the API server"},
		"addresses": {map[string]string{"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_TLS_CERT_FILE": "c", "AGENT_INJECT_TLS_KEY_FILE": "k", "AGENT_INJECT_ALLOWED_ADDRESSES": "v"}, `allowed address "v": write https://HOST:PORT, with * for a part of the host`},
		"options":   {map[string]string{"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_TLS_CERT_FILE": "c", "AGENT_INJECT_TLS_KEY_FILE": "k", "AGENT_INJECT_DEFAULT_TEMPLATE": "xml"}, `defaults of the injector: error creating new agent sidecar: invalid default template type: xml: vault.hashicorp.com/agent-inject-default-template must be map or json`},
		"suites":    {map[string]string{"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_LISTEN": "127.0.0.1:0", "AGENT_INJECT_TLS_CERT_FILE": "c", "AGENT_INJECT_TLS_KEY_FILE": "k", "AGENT_INJECT_TLS_CIPHER_SUITES": "ROT13"}, `listener "127.0.0.1:0": tls_cipher_suites: nothing is known of "ROT13"`},
		"no file":   {map[string]string{"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_LISTEN": "127.0.0.1:0", "AGENT_INJECT_TLS_CERT_FILE": "none", "AGENT_INJECT_TLS_KEY_FILE": "k", "AGENT_INJECT_DRAIN_DELAY": "0s", "VAULTK8S_INJECTOR_DRAIN_DELAY": "1ms"}, "read serving certificate: open none: no such file or directory"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := Run(t.Context(), Options{Config: settings(t, tc.vars), Log: slog.New(slog.DiscardHandler), LookupEnv: func(string) (string, bool) { return "", false }})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// files are a certificate and its key, as a mounted Secret has them.
type files struct {
	t         *testing.T
	dir       string
	authority *certs.Authority
}

func newFiles(t *testing.T) *files {
	f := &files{t: t, dir: t.TempDir()}
	f.renew()
	return f
}

func (f *files) renew() {
	f.t.Helper()
	var err error
	f.authority, err = certs.NewAuthority(time.Now())
	must(f.t, err)
	c, err := f.authority.Issue([]string{"127.0.0.1"}, time.Now())
	must(f.t, err)
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	must(f.t, err)
	must(f.t, os.WriteFile(filepath.Join(f.dir, "key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	must(f.t, os.WriteFile(filepath.Join(f.dir, "crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), 0o600))
}

func (f *files) get(address, path string) (int, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.authority.PEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	r, err := http.NewRequestWithContext(context.WithoutCancel(f.t.Context()), http.MethodGet, "https://"+address+path, http.NoBody)
	must(f.t, err)
	answer, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Body.Close()
}

// With files, nothing of a cluster is needed; they are read again when they
// change, and the end is in order.
func TestRunWithFiles(t *testing.T) {
	f := newFiles(t)
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Config: settings(t, map[string]string{
				"AGENT_INJECT_VAULT_ADDR": "http://v", "AGENT_INJECT_LISTEN": "127.0.0.1:0", "VAULTK8S_INJECTOR_DRAIN_DELAY": "1s",
				"AGENT_INJECT_TLS_CERT_FILE": f.dir + "/crt", "AGENT_INJECT_TLS_KEY_FILE": f.dir + "/key",
			}),
			Log: slog.New(slog.NewTextHandler(&log, nil)), LookupEnv: func(string) (string, bool) { return "", false },
			Listening: func(a string) { address <- a },
		})
	}()
	at := <-address
	for _, path := range []string{"/readyz", "/livez"} {
		if code, err := f.get(at, path); code != http.StatusOK || err != nil {
			t.Errorf("%s: %d, %v", path, code, err)
		}
	}
	f.renew()
	begun := time.Now()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		if code, err := f.get(at, "/health/ready"); err == nil && code == http.StatusNoContent {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatal("the new certificate is not shown")
		}
		<-look.C
	}
	cancel()
	unready := false
	for !unready {
		code, err := f.get(at, "/health/ready")
		if err != nil {
			t.Fatalf("the end of serving comes before that of readiness: %v", err)
		}
		unready = code == http.StatusServiceUnavailable
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := f.get(at, "/livez"); err == nil {
		t.Error("it is still served")
	}
	if strings.Contains(log.String(), "PRIVATE") || !strings.Contains(log.String(), "injector drains") {
		t.Errorf("log:\n%s", &log)
	}
}

func TestHeard(t *testing.T) {
	var log bytes.Buffer
	s := &server{log: slog.New(slog.NewTextHandler(&log, nil))}
	s.complain("message")(errors.New("cause"))
	if !strings.Contains(log.String(), `level=WARN msg=message error=cause`) {
		t.Errorf("log %s", &log)
	}
}
