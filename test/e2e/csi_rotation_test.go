package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/pkg/csi"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

const (
	rotatingStatus = "/apis/secrets-store.csi.x-k8s.io/v1/namespaces/shop/secretproviderclasspodstatuses/rotating-shop-rotating"
	rotatingSecret = "/api/v1/namespaces/shop/secrets/rotating"
	rotatingPod    = "/api/v1/namespaces/shop/pods/rotating"
)

// rotatingObjects are what the administrator of a cluster and the author of a pod
// write, by the path of each. The node is there for the pod alone: nobody else may
// be placed on it.
func rotatingObjects() map[string]string {
	return map[string]string{
		"/apis/storage.k8s.io/v1/csidrivers/secrets-store.csi.k8s.io": `
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: secrets-store.csi.k8s.io}
spec: {podInfoOnMount: true, attachRequired: false, volumeLifecycleModes: [Ephemeral], tokenRequests: [{audience: vault, expirationSeconds: 600}]}
`,
		"/api/v1/nodes/node-1": `
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {taints: [{key: vaultk8s.test/no-kubelet, effect: NoExecute}]}
`,
		"/apis/secrets-store.csi.x-k8s.io/v1/namespaces/shop/secretproviderclasses/rotating": `
apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: rotating, namespace: shop}
spec:
  provider: vault
  parameters:
    vaultAddress: "GATE"
    roleName: csi-rotating
    objects: |
      - {objectName: password, secretPath: secret/data/csi-rotating, secretKey: password}
      - {objectName: user, secretPath: secret/data/csi-rotating, secretKey: user}
  secretObjects:
  - secretName: rotating
    type: Opaque
    data: [{objectName: password, key: db-password}]
`,
		rotatingPod: `
apiVersion: v1
kind: Pod
metadata: {name: rotating, namespace: shop}
spec:
  nodeName: node-1
  serviceAccountName: csi-rotating
  tolerations: [{operator: Exists}]
  containers: [{name: app, image: app, volumeMounts: [{name: secrets, mountPath: /mnt/secrets}]}]
  volumes: [{name: secrets, csi: {driver: secrets-store.csi.k8s.io, readOnly: true, volumeAttributes: {secretProviderClass: rotating}}}]
`,
	}
}

// rotatingNode is a node whose driver is of the generation before, with a real API
// server: there the driver itself makes the tokens and asks at its interval.
type rotatingNode struct {
	*csiNode
	gate     *vaultGate
	provider *csi.Provider
	uid      string // of the pod
	log      *lockedBuffer
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newRotatingNode(t *testing.T) *rotatingNode {
	t.Helper()
	r := &rotatingNode{gate: newVaultGate(t, world.vault), log: &lockedBuffer{}}
	must(t, world.kubernetes.InstallSecretsStoreKinds(t.Context()))
	for _, kind := range []string{"secretproviderclasses", "secretproviderclasspodstatuses"} {
		awaitEstablished(t, world.kubernetes, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+kind+".secrets-store.csi.x-k8s.io")
	}
	must(t, world.kubernetes.CreateServiceAccount(t.Context(), "shop", "csi-rotating"))
	for path, text := range rotatingObjects() {
		var object map[string]any
		must(t, yaml.Unmarshal([]byte(strings.ReplaceAll(text, "GATE", r.gate.URL)), &object))
		made, err := world.kubernetes.Apply(t.Context(), path, object)
		must(t, err)
		if path == rotatingPod {
			r.uid = textAt(made, "metadata", "uid")
		}
	}
	r.csiNode = newCSINodeOf(t, lab.CSIDriverOptions{Old: true, Kubernetes: world.kubernetes, Rotation: 500 * time.Millisecond})
	r.target = filepath.Join(t.TempDir(), "pods", r.uid, "volumes", "kubernetes.io~csi", "secrets", "mount")
	r.provider = r.serveInProcess(r.inCluster)
	return r
}

// inCluster lets the provider keep its key and make events, as in a pod.
func (r *rotatingNode) inCluster(o *csi.Options) {
	ctx := r.t.Context()
	must(r.t, world.kubernetes.CreateServiceAccount(ctx, "csi-system", "provider"))
	must(r.t, world.kubernetes.BindClusterRole(ctx, "cluster-admin", "csi-system", "provider"))
	token, err := world.kubernetes.Token(ctx, "csi-system", "provider", "", time.Hour)
	must(r.t, err)
	file := filepath.Join(r.t.TempDir(), "token")
	must(r.t, os.WriteFile(file, []byte(token), 0o600))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(world.kubernetes.CACert())
	network := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	r.t.Cleanup(network.CloseIdleConnections)
	o.Kube = &csi.Kube{Address: world.kubernetes.URL(), Namespace: "csi-system", TokenFile: file, Transport: withoutTokens{network}}
	o.Transport, o.CSI.NodeName = nil, "node-1"
	o.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// withoutTokens lets the provider make no tokens: the driver passes them.
type withoutTokens struct{ network *http.Transport }

// RoundTrip implements http.RoundTripper.
func (w withoutTokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/token") {
		return nil, errors.New("the provider makes a token itself")
	}
	return w.network.RoundTrip(r)
}

// kubeletVolume is what the kubelet says of the pod where the CSIDriver object has no
// tokenRequests that it knows: nothing of tokens.
func (r *rotatingNode) kubeletVolume() lab.CSIVolume {
	v := r.volume("rotating", "csi-rotating")
	delete(v.Attributes, "csi.storage.k8s.io/serviceAccount.tokens")
	v.Attributes["csi.storage.k8s.io/pod.name"], v.Attributes["csi.storage.k8s.io/pod.uid"] = "rotating", r.uid
	return v
}

// answered counts the calls that the provider answered with a code.
func (r *rotatingNode) answered(code string) int {
	w := httptest.NewRecorder()
	r.provider.Health(r.t.Context()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	found := regexp.MustCompile(`vaultk8s_csi_mounts_total\{code="` + code + `"\} (\d+)`).FindStringSubmatch(w.Body.String())
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// turns waits until the driver has rotated that often from now on.
func (r *rotatingNode) turns(n int) {
	r.t.Helper()
	until := r.answered("OK") + n
	await(r.t, func() error {
		if have := r.answered("OK"); have < until {
			return fmt.Errorf("%d answers, want %d: %s", have, until, r.log)
		}
		return nil
	})
}

// seen is what the world sees of the volume.
type seen struct {
	Files    map[string]string
	Versions map[string]string
	Written  string         // resource version of the SecretProviderClassPodStatus
	Secret   map[string]any // data of the synced one
}

func (r *rotatingNode) look() seen {
	r.t.Helper()
	s := seen{Files: r.files(), Versions: map[string]string{}}
	status, err := world.kubernetes.Do(r.t.Context(), http.MethodGet, rotatingStatus, nil)
	must(r.t, err)
	s.Written = textAt(status, "metadata", "resourceVersion")
	objects, _ := fieldAt(status, "status", "objects").([]any)
	for _, o := range objects {
		o, _ := o.(map[string]any)
		s.Versions[textAt(o, "id")] = textAt(o, "version")
	}
	if synced, err := world.kubernetes.Do(r.t.Context(), http.MethodGet, rotatingSecret, nil); err == nil {
		s.Secret, _ = synced["data"].(map[string]any)
	}
	return s
}

// arrives waits until a password is in the file and in the synced Secret, and
// compares the rest with what was seen before.
func (r *rotatingNode) arrives(password string, before seen) seen {
	r.t.Helper()
	var now seen
	await(r.t, func() error {
		now = r.look()
		want := map[string]any{"db-password": base64.StdEncoding.EncodeToString([]byte(password))}
		if now.Files["password"] != password || !cmp.Equal(now.Secret, want) || now.Versions["password"] == before.Versions["password"] {
			return fmt.Errorf("want %s in %+v", password, now)
		}
		return nil
	})
	if now.Versions["user"] != before.Versions["user"] && before.Versions != nil {
		r.t.Error("the version of what did not change is another")
	}
	return now
}

// stays lets the driver rotate and compares what is seen then.
func (r *rotatingNode) stays(before seen) {
	r.t.Helper()
	r.turns(6)
	if diff := cmp.Diff(before, r.look()); diff != "" {
		r.t.Errorf("something changed (-before +now):\n%s", diff)
	}
}

func (r *rotatingNode) put(password string) {
	r.t.Helper()
	r.write("csi-rotating", map[string]any{"password": password, "user": "app"})
}

// TestCSIRotationOfTheOlderDriver: the older generation has a reconciler for what
// newer kubelets do. It makes the pod's tokens itself, tells less of the volume than
// a first call does, and passes the versions that it knows.
func TestCSIRotationOfTheOlderDriver(t *testing.T) {
	t.Parallel()
	r := newRotatingNode(t)
	r.secretOf("csi-rotating", "csi-rotating", "csi-rotating", map[string]any{"password": canary + "-1", "user": "app"})
	v := r.kubeletVolume()
	must(t, r.driver.Publish(t.Context(), v))
	first := r.arrives(canary+"-1", seen{})
	if first.Versions["password"] == "" || first.Versions["user"] == "" || first.Versions["password"] == first.Versions["user"] {
		t.Errorf("versions %v", first.Versions)
	}
	r.stays(first)

	r.put(canary + "-2")
	second := r.arrives(canary+"-2", first)
	r.stays(second)

	r.gate.shut.Store(true)
	r.missed() // what was under way before has ended then
	r.put(canary + "-3")
	r.missed()
	r.stays(second)
	r.gate.shut.Store(false)
	third := r.arrives(canary+"-3", second)
	if maps.Equal(third.Versions, first.Versions) {
		t.Error("the versions are those of the first password")
	}
	r.told(v)
}

// missed waits until Vault was asked twice.
func (r *rotatingNode) missed() {
	r.t.Helper()
	asked := r.gate.asked("GET")
	await(r.t, func() error {
		if r.gate.asked("GET") < asked+2 {
			return errors.New("Vault was not missed")
		}
		return nil
	})
}

// told looks at events and at the log, and ends the volume.
func (r *rotatingNode) told(v lab.CSIVolume) {
	r.t.Helper()
	list, err := world.kubernetes.Do(r.t.Context(), http.MethodGet, "/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name=rotating", nil)
	must(r.t, err)
	reasons := map[string]int{}
	items, _ := list["items"].([]any)
	for _, item := range items {
		item, _ := item.(map[string]any)
		reasons[textAt(item, "reason")]++
	}
	if reasons["MountRotationComplete"] == 0 || reasons["VaultSecretsDelivered"] == 0 || reasons["MountRotationFailed"] != 0 || reasons["VaultMountFailed"] != 0 {
		r.t.Errorf("events %v", reasons)
	}
	log := r.log.String()
	if strings.Contains(log, canary) || strings.Count(log, "secrets delivered") != 3 || strings.Contains(log, `class=""`) {
		r.t.Errorf("log:\n%s", log)
	}
	if n := r.gate.asked("PUT auth/kubernetes/login") + r.gate.asked("POST auth/kubernetes/login"); n != 1 {
		r.t.Errorf("%d logins", n)
	}
	must(r.t, r.driver.Unpublish(r.t.Context(), v))
}
