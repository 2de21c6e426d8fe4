package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is in every secret of the world; no log or error may hold it.
const canary = "canary-19d2"

// operatorNamespace is where the operator runs.
const operatorNamespace = "vault-secrets-operator-system"

// world is a Vault and a cluster in virtual time.
type world struct {
	t       *testing.T
	vault   *fakevault.Server
	cluster client.WithWatch
	key     mac.Key

	mu      sync.Mutex
	logged  bytes.Buffer
	issued  int                   // tokens of ServiceAccounts
	reads   int                   // of objects at the API server
	changes []session.TokenChange // that were announced
	broken  func(string) error    // what the API server says of a verb, nil for nothing
}

// Write implements io.Writer for the log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logged.Write(p)
}

// newWorld makes a world with the VaultAuth shop/orders, which logs in as the
// ServiceAccount orders of whoever uses it. It belongs into a synctest bubble.
func newWorld(t *testing.T, more ...client.Object) *world {
	t.Helper()
	w := &world{t: t, vault: fakevault.New()}
	w.setVault()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	objects := append([]client.Object{
		connection("default", operatorNamespace, 1, v1beta1.VaultConnectionSpec{Address: "http://vault.test:8200"}),
		vaultAuth("orders", "shop", 2, v1beta1.VaultAuthSpec{
			Method: "kubernetes", Mount: "kubernetes", AllowedNamespaces: []string{"team"},
			AuthMethods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: "orders", ServiceAccount: "orders", Audiences: []string{"vault"}}},
		}),
		account("orders", "shop", 3), account("orders", "team", 4),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}},
		&corev1.ConfigMap{ObjectMeta: meta("kube-root-ca.crt", "shop", 5)},
	}, more...)
	w.cluster = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(w.interceptors()).Build()
	var err error
	if w.key, err = session.LoadKey(t.Context(), w.cluster, w.cluster, operatorNamespace, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if strings.Contains(w.logged.String(), canary) {
			t.Errorf("the log holds a secret:\n%s", w.logged.String())
		}
	})
	return w
}

func (w *world) setVault() {
	v := w.vault
	all := []string{"create", "read", "update", "list"}
	v.Policy("orders", map[string][]string{"secret/*": all, "database/*": all, "sys/leases/*": all})
	v.EnableKV("secret", 2)
	v.PutKV("secret", "orders", map[string]any{"password": canary + "-1"})
	v.EnableDatabase("database")
	v.DynamicRole("database", "orders", 2*time.Hour, 24*time.Hour)
	v.EnableKubernetesAuth("kubernetes")
	v.KubernetesRole("kubernetes", "orders", fakevault.KubernetesRole{
		ServiceAccounts: []string{"orders"}, Namespaces: []string{"*"}, Audience: "vault",
		Token: fakevault.TokenRole{Policies: []string{"orders"}, TTL: time.Hour, MaxTTL: 100 * time.Hour},
	})
}

// interceptors make the API server count, fail and issue tokens that Vault takes.
func (w *world) interceptors() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			w.mu.Lock()
			w.reads++
			w.mu.Unlock()
			if err := w.fails(fmt.Sprintf("get %T", o)); err != nil {
				return err
			}
			return c.Get(ctx, key, o, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if err := w.fails(fmt.Sprintf("create %T", o)); err != nil {
				return err
			}
			return c.Create(ctx, o, options...)
		},
		SubResourceCreate: w.createToken,
	}
}

func (w *world) fails(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken == nil {
		return nil
	}
	return w.broken(what)
}

// createToken is what the API server answers to a TokenRequest.
func (w *world) createToken(ctx context.Context, c client.Client, sub string, o, r client.Object, _ ...client.SubResourceCreateOption) error {
	request, ok := r.(*authenticationv1.TokenRequest)
	if !ok || sub != "token" {
		return fmt.Errorf("unexpected %s of %T", sub, r)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), &corev1.ServiceAccount{}); err != nil {
		return err
	}
	w.mu.Lock()
	w.issued++
	number := w.issued
	w.mu.Unlock()
	expires := time.Now().Add(time.Duration(*request.Spec.ExpirationSeconds) * time.Second)
	subject := "system:serviceaccount:" + o.GetNamespace() + ":" + o.GetName()
	request.Status.Token = token(subject, number, expires)
	w.vault.SetJWT(request.Status.Token, fakevault.JWT{
		Namespace: o.GetNamespace(), ServiceAccount: o.GetName(), Audiences: request.Spec.Audiences, Expires: expires,
	})
	return nil
}

func token(subject string, number int, expires time.Time) string {
	part := func(v any) string {
		encoded, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(encoded)
	}
	return part(map[string]string{"alg": "RS256"}) + "." + part(map[string]any{"sub": subject, "exp": expires.Unix(), "n": number}) + "." + part(canary)
}

// start makes the sessions of one process, which ends with the test or by what is
// returned.
func (w *world) start(change ...func(*session.Options)) (*session.Sessions, func()) {
	w.t.Helper()
	o := session.Options{
		OperatorNamespace: operatorNamespace, Cached: w.cluster, Live: w.cluster, Client: w.cluster, Key: w.key, DefaultGlobals: true,
		Transport: w.vault, Version: "v1.2.3", Rand: func() float64 { return 0.5 },
		Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnToken: func(c session.TokenChange) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.changes = append(w.changes, c)
		},
	}
	for _, f := range change {
		f(&o)
	}
	s := session.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.t.Cleanup(stop)
	return s, stop
}

// announced returns what was announced since it was asked last.
func (w *world) announced() []session.TokenChange {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	changes := w.changes
	w.changes = nil
	return changes
}

// fails of the API server from now on; nil ends it.
func (w *world) setBroken(f func(string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = f
}

var orders = session.Ask{Namespace: "shop", AuthRef: "orders"}

// in returns the session of an ask, which has to be there.
func in(t *testing.T, s *session.Sessions, a session.Ask) *session.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := s.For(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantError compares the whole text of the error of For.
func wantError(t *testing.T, s *session.Sessions, a session.Ask, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.For(ctx, a)
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("For(%v):\n got %s\nwant %s", a, got, want)
	}
	if strings.Contains(got, canary) {
		t.Errorf("the error holds a secret")
	}
}

func read(path string) secret.Query {
	return secret.NewQuery(secret.Read, "secret/data/"+path, nil).Literally(http.MethodGet)
}

func get(t *testing.T, s *session.Session, path string) (*vault.Response, error) {
	t.Helper()
	return s.Do(t.Context(), vault.Request{Method: http.MethodGet, Path: path})
}

func meta(name, namespace string, number int) metav1.ObjectMeta {
	uid := types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", number))
	return metav1.ObjectMeta{Name: name, Namespace: namespace, UID: uid, Generation: 1}
}

func connection(name, namespace string, number int, spec v1beta1.VaultConnectionSpec) *v1beta1.VaultConnection {
	return &v1beta1.VaultConnection{ObjectMeta: meta(name, namespace, number), Spec: spec}
}

func vaultAuth(name, namespace string, number int, spec v1beta1.VaultAuthSpec) *v1beta1.VaultAuth {
	return &v1beta1.VaultAuth{ObjectMeta: meta(name, namespace, number), Spec: spec}
}

func account(name, namespace string, number int) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: meta(name, namespace, number)}
}

// secretOf is a Secret with one key.
func secretOf(name, namespace string, number int, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: meta(name, namespace, number), Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

// change changes an object as a user does, which makes another generation.
func change[T client.Object](w *world, o T, f func(T)) {
	w.t.Helper()
	if err := w.cluster.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		w.t.Fatal(err)
	}
	f(o)
	o.SetGeneration(o.GetGeneration() + 1)
	if err := w.cluster.Update(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

// kept returns the Secrets with tokens.
func (w *world) kept() []corev1.Secret {
	w.t.Helper()
	list := &corev1.SecretList{}
	if err := w.cluster.List(w.t.Context(), list, client.MatchingLabels{"app.kubernetes.io/component": "client-cache-storage"}); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

var errAway = apierrors.NewInternalError(fmt.Errorf("etcd is away"))

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.NewTimer(d).C }
