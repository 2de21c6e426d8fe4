package operator

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shard"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// program over a cluster in memory.
func programOver(t *testing.T, objects ...client.Object) *program {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1beta1.AddToScheme, corev1.AddToScheme, appsv1.AddToScheme, coordinationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	live := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return &program{
		config: config.Operator{Namespace: "vso", UninstallTimeout: time.Minute}, log: slog.New(slog.DiscardHandler),
		cluster: &cluster{scheme: scheme, live: live},
	}
}

func named(namespace, name string, finalizers ...string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Finalizers: finalizers}
}

func TestUninstallFreesAllKindsInAllNamespaces(t *testing.T) {
	objects := []client.Object{
		&v1beta1.VaultConnection{ObjectMeta: named("a", "c", v1beta1.FinalizerVaultConnection)},
		&v1beta1.VaultAuth{ObjectMeta: named("b", "v", v1beta1.FinalizerVaultAuth, "somebody/else")},
		&v1beta1.VaultStaticSecret{ObjectMeta: named("a", "s", v1beta1.FinalizerVaultStaticSecret)},
		&v1beta1.VaultDynamicSecret{ObjectMeta: named("b", "d", v1beta1.FinalizerVaultDynamicSecret)},
		&v1beta1.VaultPKISecret{ObjectMeta: named("c", "p", v1beta1.FinalizerVaultPKISecret)},
		&v1beta1.VaultPushSecret{ObjectMeta: named("c", "u", v1beta1.FinalizerVaultPushSecret)},
		&v1beta1.ClusterVaultSecret{ObjectMeta: named("", "x", v1beta1.FinalizerClusterVaultSecret)},
	}
	p := programOver(t, objects...)
	if err := p.uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if err := p.cluster.live.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Error(err)
		}
		want := []string(nil)
		if o.GetName() == "v" {
			want = []string{"somebody/else"}
		}
		if diff := cmp.Diff(want, o.GetFinalizers()); diff != "" {
			t.Errorf("%T: %s", o, diff)
		}
	}
}

func TestUninstallKeepsToItsNamespaces(t *testing.T) {
	mine := &v1beta1.VaultStaticSecret{ObjectMeta: named("mine", "s", v1beta1.FinalizerVaultStaticSecret)}
	theirs := &v1beta1.VaultStaticSecret{ObjectMeta: named("theirs", "s", v1beta1.FinalizerVaultStaticSecret)}
	p := programOver(t, mine, theirs)
	p.cluster.watched = []string{"vso", "mine"}
	if n, err := p.free(t.Context(), v1beta1.Kind("VaultStaticSecret"), v1beta1.FinalizerVaultStaticSecret); n != 1 || err != nil {
		t.Errorf("freed %d, %v", n, err)
	}
}

func deployment(namespace, image string, replicas *int32) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: named(namespace, "o")}
	d.Labels = map[string]string{"app.kubernetes.io/name": "vault-secrets-operator"}
	d.Spec.Replicas = replicas
	d.Spec.Template.Spec.Containers = []corev1.Container{{Image: "registry/kube-rbac-proxy:1"}, {Image: image}}
	return d
}

func TestOldOperators(t *testing.T) {
	const old = "hashicorp/vault-secrets-operator:1.4.1"
	p := programOver(t,
		deployment("running", old, nil), deployment("two", old, new(int32(2))), deployment("stopped", old, new(int32(0))),
		deployment("vso", old, nil), deployment("ours", "registry/vaultk8s:1", nil),
	)
	got, err := p.oldOperators(t.Context())
	if diff := cmp.Diff([]string{"running/o", "two/o"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func readyAt(namespace, name string, is metav1.ConditionStatus) *v1beta1.VaultConnection {
	c := &v1beta1.VaultConnection{ObjectMeta: named(namespace, name)}
	c.Status.Conditions = []metav1.Condition{{Type: v1beta1.ConditionReady, Status: is}}
	return c
}

func TestBoard(t *testing.T) {
	b := newBoard(2)
	const kind = "VaultConnection"
	spaces := map[int]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		spaces[shard.Of(name, 2)] = name
	}
	b.see(kind, readyAt(spaces[0], "x", metav1.ConditionTrue))
	b.see(kind, readyAt(spaces[0], "y", metav1.ConditionFalse))
	b.see(kind, readyAt(spaces[1], "z", metav1.ConditionFalse))
	b.see(kind, readyAt(spaces[1], "z", metav1.ConditionFalse))
	check := func(shards map[int]bool, ready, unready int) {
		t.Helper()
		r, u := b.count(shards)
		if r[kind] != ready || u[kind] != unready {
			t.Errorf("shards %v: %d ready and %d not, want %d and %d", shards, r[kind], u[kind], ready, unready)
		}
	}
	check(map[int]bool{0: true}, 1, 1)
	check(map[int]bool{0: true, 1: true}, 1, 2)
	if names, count := b.away(); count != 2 || len(names) != 2 {
		t.Errorf("away: %v, %d", names, count)
	}
	b.see(kind, readyAt(spaces[1], "z", metav1.ConditionTrue))
	b.forget(kind, toolscache.DeletedFinalStateUnknown{Obj: readyAt(spaces[0], "y", metav1.ConditionFalse)})
	b.forget(kind, readyAt(spaces[0], "y", metav1.ConditionFalse))
	check(map[int]bool{0: true, 1: true}, 2, 0)

	// What has no namespace counts where the first shard is worked on.
	b.see(kindCluster, &v1beta1.ClusterVaultSecret{ObjectMeta: named("", "x")})
	for index, want := range []int{1, 0} {
		if _, unready := b.count(map[int]bool{index: true}); unready[kindCluster] != want {
			t.Errorf("shard %d has %d ClusterVaultSecrets, want %d", index, unready[kindCluster], want)
		}
	}
}

func TestConditionsOfEveryKind(t *testing.T) {
	for _, kind := range append(required(), kindCSI, kindPush, kindCluster) {
		scheme := programOver(t).cluster.scheme
		o, err := scheme.New(v1beta1.Kind(kind))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(`{"status":{"conditions":[{"type":"Ready","reason":"Known"}]}}`), o); err != nil {
			t.Fatal(err)
		}
		if got := status.Ready(o.(client.Object)); got.Reason != "Known" {
			t.Errorf("%s: Ready is %v", kind, got)
		}
	}
	if got := status.Ready(&corev1.Secret{}); got.Type != "" {
		t.Errorf("Ready of a Secret is %v", got)
	}
}

// reviewer is an API server that knows the token "good" of "reader", who may get
// /metrics, and the token "other" of somebody who may not.
func reviewer(t *testing.T) *cluster {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in struct {
			Spec struct {
				Token, User           string
				NonResourceAttributes struct{ Path, Verb string }
			}
		}
		if err := json.Unmarshal(body, &in); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		out := map[string]any{}
		if strings.HasSuffix(r.URL.Path, "/tokenreviews") {
			user := map[string]string{"good": "reader", "other": "somebody"}[in.Spec.Token]
			out["status"] = map[string]any{"authenticated": user != "", "user": map[string]any{"username": user}}
		} else {
			at := in.Spec.NonResourceAttributes
			out["status"] = map[string]any{"allowed": in.Spec.User == "reader" && at.Path == "/metrics" && at.Verb == "get"}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(s.Close)
	return &cluster{rest: &rest.Config{Host: s.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, http: s.Client()}
}

func TestAdmissionToMetrics(t *testing.T) {
	a := &admission{cluster: reviewer(t), next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "numbers") })}
	cases := map[string]struct {
		header, path string
		code         int
		body         string
	}{
		"admitted":   {"Bearer good", "/metrics", 200, "numbers"},
		"other path": {"Bearer good", "/secrets", 403, "reader may not get /secrets\n"},
		"other user": {"Bearer other", "/metrics", 403, "somebody may not get /metrics\n"},
		"unknown":    {"Bearer bad", "/metrics", 401, "the API server does not know the token\n"},
		"no token":   {"", "/metrics", 401, "a token is needed: Authorization: Bearer TOKEN\n"},
		"password":   {"Basic good", "/metrics", 401, "a token is needed: Authorization: Bearer TOKEN\n"},
	}
	for name, c := range cases {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, http.NoBody)
		r.Header.Set("Authorization", c.header)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != c.code || w.Body.String() != c.body {
			t.Errorf("%s: %d %q, want %d %q", name, w.Code, w.Body, c.code, c.body)
		}
	}
}

func TestCertificateForMetrics(t *testing.T) {
	p := programOver(t)
	if got, err := p.secure(); got != nil || err != nil {
		t.Errorf("%v %v", got, err)
	}
	p.config.MetricsSecure = true
	made, err := p.secure()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := made.Certificate(nil); err != nil || len(c.Certificate) != 1 {
		t.Errorf("%v %v", c, err)
	}
	p.config.MetricsCert, p.config.MetricsKey = "a", "b"
	if got, err := p.secure(); err != nil || got.CertFile != "a" || got.KeyFile != "b" {
		t.Errorf("%v %v", got, err)
	}
}

func TestLeaseNames(t *testing.T) {
	if diff := cmp.Diff([]string{"b0d477c0.hashicorp.com", "b0d477c0.hashicorp.com-1"}, []string{shardLease(0), shardLease(1)}); diff != "" {
		t.Error(diff)
	}
}

func TestBounds(t *testing.T) {
	if c := bounded(&rest.Config{QPS: 5}, config.Operator{}); c.QPS != -1 || c.RateLimiter != nil {
		t.Errorf("without a bound: %v %v", c.QPS, c.RateLimiter)
	}
	if c := bounded(&rest.Config{}, config.Operator{KubeQPS: 2.5}); c.RateLimiter == nil || c.RateLimiter.QPS() != 2.5 {
		t.Error("no bound")
	}
}

func TestPatience(t *testing.T) {
	p := programOver(t)
	p.config.Shards = 2
	if got := p.patience(); got != 0 {
		t.Errorf("without a quota: %v", got)
	}
	p.config.ShardQuota = 1
	if got := p.patience(); got != 0 {
		t.Errorf("below the quota: %v", got)
	}
	p.holding.Add(1)
	if got := p.patience(); got != quotaPatience {
		t.Errorf("at the quota: %v", got)
	}
}

func TestShownSettings(t *testing.T) {
	got := shown(config.Operator{BackoffInitial: 5 * time.Second, BackoffMultiplier: 1.5, PersistenceModel: "none", TransformationOptions: []string{"exclude-raw"}, MaxConcurrent: 100})
	for name, want := range map[string]string{
		"backoffInitialInterval": "5s", "backoffMultiplier": "1.5", "clientCachePersistenceModel": "none", "globalTransformationOptions": "exclude-raw", "maxConcurrentReconciles": "100",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// The rights are few: no kind of object may be made or deleted that is not ours.
func TestRights(t *testing.T) {
	r := RightsOfOperator()
	for _, rule := range r.Objects {
		for _, group := range rule.APIGroups {
			for _, verb := range rule.Verbs {
				if verb == "*" || group == "*" {
					t.Errorf("rule %v allows everything", rule)
				}
				if verb == "delete" && group != v1beta1.Group && rule.Resources[0] != "secrets" {
					t.Errorf("rule %v allows to delete", rule)
				}
			}
		}
	}
}
