package csi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is in every secret of the world; no log, error or event may hold it.
const canary = "canary-7f3a"

// world is a Vault, a provider and a node, in virtual time.
type world struct {
	t        *testing.T
	vault    *fakevault.Server
	provider *Provider
	metrics  *telemetry.Metrics
	mu       sync.Mutex
	logged   bytes.Buffer
}

// Write implements io.Writer for the log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logged.Write(p)
}

func (w *world) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logged.String()
}

// usual are the settings without any flag.
func usual() config.CSI {
	return config.CSI{
		AuthMount: "kubernetes", HMACSecret: "vault-csi-provider-hmac-key", RefreshInterval: time.Minute, MountTimeout: time.Minute,
		OrphanAfter: 2 * time.Hour, Share: "service-account", ServeStale: "running", StaleMaxAge: 24 * time.Hour, Events: true, Templates: true, AllowSkipVerify: true,
	}
}

// newWorld makes a world with the service-accounts shop/orders-sa, for the role
// orders, and shop/other-sa, for the role other. It belongs into a synctest bubble.
func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, vault: fakevault.New(), metrics: telemetry.NewMetrics()}
	w.setVault()
	o := Options{
		CSI: usual(), Vault: config.Vault{Address: "http://vault.test:8200"}, Metrics: w.metrics, Version: "v1.2.3", Transport: w.vault,
		Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})), Rand: func() float64 { return 0.5 },
	}
	for _, f := range change {
		f(&o)
	}
	w.provider = New(o)
	w.start()
	return w
}

func (w *world) setVault() {
	v := w.vault
	all := []string{"create", "read", "update", "list"}
	v.Policy("orders", map[string][]string{"secret/*": all, "kv/*": all, "database/*": all, "pki/*": all, "sys/leases/*": all, "sys/wrapping/*": all})
	v.Policy("other", map[string][]string{"secret/data/other": all})
	v.EnableKV("secret", 2)
	v.EnableKV("kv", 1)
	v.PutKV("secret", "orders/production", map[string]any{"db_pass": canary + "-db", "payment_api_key": canary + "-api"})
	v.PutKV("secret", "other", map[string]any{"x": canary + "-other"})
	v.EnableKubernetesAuth("kubernetes")
	for role, account := range map[string]string{"orders": "orders-sa", "other": "other-sa"} {
		v.KubernetesRole("kubernetes", role, fakevault.KubernetesRole{
			ServiceAccounts: []string{account}, Namespaces: []string{"shop"},
			Token: fakevault.TokenRole{Policies: []string{role}, TTL: time.Hour, MaxTTL: 100 * time.Hour},
		})
	}
}

// start works until the test ends, and looks at everything that was written then.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.provider.Work(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Work: %v", err)
		}
		_ = w.provider.removeCredentials()
		if strings.Contains(w.log(), canary) {
			w.t.Errorf("the log holds a secret:\n%s", w.log())
		}
	})
	synctest.Wait()
}

// aPod is a pod of the node; number tells several apart.
func aPod(account string, number int) pod {
	return pod{Namespace: "shop", Name: fmt.Sprintf("%s-%d", account, number), UID: fmt.Sprintf("uid-%s-%d", account, number), ServiceAccount: account}
}

// jwt makes a token of a pod that Vault accepts until its end.
func (w *world) jwt(p pod, life time.Duration) string {
	expires := time.Now().Add(life)
	part := func(v any) string {
		encoded, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(encoded)
	}
	text := part(map[string]string{"alg": "RS256"}) + "." + part(map[string]any{
		"sub": p.subject(), "exp": expires.Unix(), "kubernetes.io": map[string]any{"pod": map[string]string{"uid": p.UID}},
	}) + "." + part(canary)
	w.vault.SetJWT(text, fakevault.JWT{Namespace: p.Namespace, ServiceAccount: p.ServiceAccount, Audiences: []string{"vault"}, Expires: expires})
	return text
}

// tokensOf is what the driver passes as tokens.
func (w *world) tokensOf(p pod, life time.Duration) string {
	encoded, _ := json.Marshal(map[string]any{"vault": map[string]any{
		"token": w.jwt(p, life), "expirationTimestamp": time.Now().Add(life).UTC().Format(time.RFC3339),
	}})
	return string(encoded)
}

// call is a Mount call of the driver for a pod with the parameters of a class.
func (w *world) call(p pod, parameters map[string]string) *pb.MountRequest {
	attributes := maps.Clone(parameters)
	maps.Copy(attributes, podAttributes(p))
	if _, ok := attributes[tokensKey]; !ok {
		attributes[tokensKey] = w.tokensOf(p, time.Hour)
	}
	encoded, err := json.Marshal(attributes)
	if err != nil {
		w.t.Fatal(err)
	}
	return &pb.MountRequest{Attributes: string(encoded), Secrets: "null", TargetPath: "/pods/" + p.UID + "/volumes/v/mount", Permission: "420"}
}

func podAttributes(p pod) map[string]string {
	return map[string]string{
		"secretProviderClass": "class", "csi.storage.k8s.io/ephemeral": "true",
		"csi.storage.k8s.io/pod.name": p.Name, "csi.storage.k8s.io/pod.namespace": p.Namespace, "csi.storage.k8s.io/pod.uid": p.UID,
		"csi.storage.k8s.io/serviceAccount.name": p.ServiceAccount,
	}
}

// class are the parameters of a class with objects.
func class(role, objects string) map[string]string {
	return map[string]string{"roleName": role, "objects": objects}
}

// twoKeys is a class with two files of one secret.
const twoKeys = `
- objectName: db
  secretPath: secret/data/orders/production
  secretKey: db_pass
- objectName: api
  secretPath: secret/data/orders/production
  secretKey: payment_api_key
`

// mount mounts, and fails the test where that fails.
func (w *world) mount(p pod, parameters map[string]string) map[string]string {
	w.t.Helper()
	return w.send(w.call(p, parameters))
}

func (w *world) send(m *pb.MountRequest) map[string]string {
	w.t.Helper()
	response, err := w.provider.Mount(w.t.Context(), m)
	if err != nil {
		w.t.Fatalf("Mount: %v", err)
	}
	return filesOf(response)
}

// refuse mounts and returns the error, whose text may hold no secret.
func (w *world) refuse(m *pb.MountRequest) error {
	w.t.Helper()
	response, err := w.provider.Mount(w.t.Context(), m)
	if err == nil {
		w.t.Fatalf("Mount succeeds: %v", filesOf(response))
	}
	if strings.Contains(err.Error(), canary) {
		w.t.Errorf("the error holds a secret: %v", err)
	}
	return err
}

func filesOf(response *pb.MountResponse) map[string]string {
	files := map[string]string{}
	for _, f := range response.GetFiles() {
		files[f.GetPath()] = string(f.GetContents())
	}
	return files
}

func versionsOf(response *pb.MountResponse) map[string]string {
	versions := map[string]string{}
	for _, v := range response.GetObjectVersion() {
		versions[v.GetId()] = v.GetVersion()
	}
	return versions
}

// requests counts the requests to Vault since the last count.
func (w *world) requests() int {
	n := len(w.vault.Requests())
	w.vault.ResetRequests()
	return n
}
