package agent_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/agent"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is in every secret value of these tests, and in no log line.
const canary = "canary-7f3a"

// world is a Vault, a pod's files and the agents that run in it.
type world struct {
	t     *testing.T
	vault *fakevault.Server
	dir   string // the pod's volumes
	mu    sync.Mutex
	logs  bytes.Buffer
}

// Write implements io.Writer for the agents' logs.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(p)
}

func (w *world) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.String()
}

// newWorld sets up a Vault with one of everything, and a service-account token.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, vault: fakevault.New(), dir: t.TempDir()}
	v := w.vault
	v.EnableKV("secret", 2)
	v.PutKV("secret", "app", map[string]any{"password": canary + "-1"})
	v.EnableDatabase("database")
	v.DynamicRole("database", "app", time.Hour, 3*time.Hour)
	v.StaticRole("database", "fixed", 24*time.Hour)
	v.EnablePKI("pki")
	v.PKIRole("pki", "web", 100*24*time.Hour)
	v.EnableKubernetesAuth("kubernetes")
	v.Policy("app", map[string][]string{
		"secret/data/app": {"read"}, "secret/data/other": {"read"}, "database/creds/app": {"read"}, "database/static-creds/fixed": {"read"}, "pki/issue/web": {"create", "update"},
	})
	v.KubernetesRole("kubernetes", "app", fakevault.KubernetesRole{
		ServiceAccounts: []string{"app"}, Namespaces: []string{"shop"}, Audience: "vault",
		Token: fakevault.TokenRole{Policies: []string{"app"}, TTL: time.Hour, MaxTTL: 24 * time.Hour},
	})
	jwt := serviceAccountToken()
	v.SetJWT(jwt, fakevault.JWT{Namespace: "shop", ServiceAccount: "app", Audiences: []string{"vault"}})
	w.file("token", jwt)
	t.Cleanup(func() {
		if strings.Contains(w.log(), canary) {
			t.Error("a log line shows a secret value")
		}
		if t.Failed() {
			t.Log(w.log())
		}
	})
	return w
}

// serviceAccountToken has the form of a token that is valid for a year.
func serviceAccountToken() string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	claims := fmt.Sprintf(`{"sub":"system:serviceaccount:shop:app","aud":["vault"],"exp":%d}`, time.Now().Add(365*24*time.Hour).Unix())
	return part(`{"alg":"RS256"}`) + "." + part(claims) + "." + part("signature")
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) file(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// read returns a file of the pod, "" where there is none.
func (w *world) read(name string) string {
	content, _ := os.ReadFile(w.path(name))
	return string(content)
}

// document completes the part of an agent document that a test is about.
func (w *world) document(body string) string {
	return strings.NewReplacer("DIR", w.dir).Replace(`
auto_auth {
  method "kubernetes" { config = { role = "app", token_path = "DIR/token" } }
  sink "file" { config = { path = "DIR/vault-token", mode = 0600 } }
}
` + body)
}

const kvTemplate = `
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/out/kv"
}
`

const dbTemplate = `
template {
  contents    = "{{ with secret \"database/creds/app\" }}{{ .Data.username }}:{{ .Data.password }}{{ end }}"
  destination = "DIR/out/db"
}
`

// options makes an agent of a document.
func (w *world) options(document string) agent.Options {
	w.t.Helper()
	c, doc, err := w.decode(document)
	if err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return agent.Options{Config: c, Document: doc, Log: log, Metrics: telemetry.NewMetrics(), Environ: os.Environ(), Transport: w.vault}
}

// decode reads a document the way the command does.
func (w *world) decode(document string) (*config.Config, *agentfile.Document, error) {
	doc, _, err := agentfile.Decode("test.hcl", []byte(document))
	if err != nil {
		return nil, nil, err
	}
	if err := doc.Validate(); err != nil {
		return nil, nil, err
	}
	settings := doc.Settings()
	settings["vault.address"] = "http://vault.test:8200"
	c, err := config.Load(config.LoadOptions{Document: settings, LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		return nil, nil, err
	}
	agent.Apply(c, doc)
	return c, doc, nil
}

// reloading runs a sidecar in a bubble whose document changes. Each call of
// change puts another in place and sends a hangup.
func (w *world) reloading(document string) (change func(document string)) {
	w.t.Helper()
	exchange := w.reloads(w.t, document, make(chan os.Signal, 1))
	synctest.Wait()
	return func(document string) {
		exchange(document)
		synctest.Wait()
	}
}

// reloads is reloading without a bubble.
func (w *world) reloads(t *testing.T, document string, hangup chan os.Signal) (change func(document string)) {
	t.Helper()
	var mu sync.Mutex
	current := document
	o := w.options(current)
	o.Signals = hangup
	o.Reload = func() (*config.Config, *agentfile.Document, error) {
		mu.Lock()
		defer mu.Unlock()
		return w.decode(current)
	}
	w.beside(o)
	return func(document string) {
		mu.Lock()
		current = document
		mu.Unlock()
		hangup <- syscall.SIGHUP
	}
}

// sidecar runs an agent until the returned function is called, which returns
// what Run returned.
func (w *world) sidecar(body string) (stop func() error) {
	w.t.Helper()
	return w.start(w.options(w.document(body)))
}

// start runs an agent beside the test.
func (w *world) start(o agent.Options) (stop func() error) {
	w.t.Helper()
	stop = w.beside(o)
	synctest.Wait()
	return stop
}

// beside runs an agent beside the test, on whatever time there is.
func (w *world) beside(o agent.Options) (stop func() error) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, o) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() {
			cancel()
			err = <-done
		})
		return err
	}
	w.t.Cleanup(func() {
		if err := stop(); err != nil {
			w.t.Errorf("Run() = %v", err)
		}
	})
	return stop
}

// init runs an agent to its end.
func (w *world) init(body string) error {
	w.t.Helper()
	return w.run(w.document("exit_after_auth = true\n" + body))
}

// run runs an agent with a whole document to its end.
func (w *world) run(document string) error {
	w.t.Helper()
	return agent.Run(w.t.Context(), w.options(document))
}

// pass lets virtual time go by, and everything that is due in it happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// inBubble runs a test on virtual time.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}
