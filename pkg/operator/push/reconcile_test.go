package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// world is the reconciler between a cluster and a Vault that are not real.
type world struct {
	t          *testing.T
	vault      *fakevault.Server
	client     *vault.Client
	cluster    client.Client
	reconciler reconcile.Reconciler
	sources    *sources
	tally      *tally.Tally
	loginErr   error
	events     []string
}

// newWorld has the VaultPushSecret shop/out of the Secret shop/app, which is not there
// yet.
func newWorld(t *testing.T, edit func(*v1beta1.VaultPushSecretSpec)) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1beta1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, vault: fakevault.New(), sources: newSources(nil, func() float64 { return 0 }), tally: tally.New(nil)}
	w.vault.EnableKV("secret", 2)
	w.vault.EnableKV("old", 1)
	p := &v1beta1.VaultPushSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "out", Generation: 1},
		Spec:       v1beta1.VaultPushSecretSpec{Mount: "secret", Path: "app", Type: v1beta1.KVV2, Source: v1beta1.PushSource{SecretName: "app"}},
	}
	edit(&p.Spec)
	w.cluster = fake.NewClientBuilder().WithScheme(scheme).WithObjects(p).WithStatusSubresource(p).Build()
	var err error
	if w.client, err = vault.NewClient(config.Vault{Address: "http://vault"}, vault.WithTransport(w.vault)); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Live: w.cluster, Key: testKey(t), Events: w, Tally: w.tally, Backoff: lease.Backoff{Initial: time.Second, Max: time.Minute, Multiplier: 2},
		Login: func(context.Context, session.Ask) (Session, error) { return w, w.loginErr },
	}
	w.reconciler = kind(o, w.cluster, w.sources)
	return w
}

// Do implements Session.
func (w *world) Do(ctx context.Context, r vault.Request) (*vault.Response, error) {
	return w.client.Do(ctx, sensitive.New(w.vault.RootToken()), "", r)
}

// Meta implements Session.
func (w *world) Meta() v1beta1.VaultClientMeta {
	return v1beta1.VaultClientMeta{CacheKey: "key", ID: "id"}
}

// Event implements visit.Recorder.
func (w *world) Event(_ runtime.Object, kind, reason, message string) {
	w.events = append(w.events, kind+" "+reason+": "+message)
}

// source writes the Secret.
func (w *world) source(value string) {
	w.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"}, Data: map[string][]byte{"a": []byte(value)}}
	if err := w.cluster.Update(w.t.Context(), s); err == nil {
		return
	}
	if err := w.cluster.Create(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
}

// visit looks at the object once.
func (w *world) visit() time.Duration {
	w.t.Helper()
	result, err := w.reconciler.Reconcile(w.t.Context(), reconcile.Request{NamespacedName: name("out")})
	if err != nil {
		w.t.Fatal(err)
	}
	return result.RequeueAfter
}

// numbers are those of the object: writes, failures, seconds since it was synced.
func (w *world) numbers() string {
	all := w.tally.Objects()
	if len(all) != 1 {
		return fmt.Sprintf("%d objects", len(all))
	}
	o, age := all[0], "never"
	if !o.Synced.IsZero() {
		age = time.Since(o.Synced).String()
	}
	return fmt.Sprintf("%d %d %s", o.Syncs, o.Failures, age)
}

func (w *world) want(numbers string, events ...string) {
	w.t.Helper()
	if got := w.numbers(); got != numbers {
		w.t.Errorf("numbers %q, want %q", got, numbers)
	}
	if diff := cmp.Diff(events, w.events); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
	w.events = nil
}

// TestNumbers follows an object of each engine from its first look to its end.
func TestNumbers(t *testing.T) {
	type spec = v1beta1.VaultPushSecretSpec
	cases := map[string]struct {
		edit  func(*spec)
		first string // message when it was written
		next  string
	}{
		"Version1": {
			func(s *spec) { s.Mount, s.Type = "old", v1beta1.KVV1 },
			"the secret in Vault is as the Secret is", "the secret in Vault is as the Secret is",
		},
		"Version2": {
			func(*spec) {}, "version 1 of the secret in Vault is as the Secret is", "version 2 of the secret in Vault is as the Secret is",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWorld(t, tc.edit).follow(tc.first, tc.next) })
		})
	}
}

func (w *world) follow(first, next string) {
	w.t.Helper()
	if again := w.visit(); again <= 0 || again > time.Second {
		w.t.Errorf("tried again after %s", again)
	}
	w.want("0 1 never", "Warning InvalidResourceRef: secret shop/app does not exist")
	w.visit()
	w.want("0 2 never")
	w.source("1")
	w.visit()
	w.want("1 2 0s", "Normal SecretPushed: "+first)

	<-time.After(time.Minute)
	w.want("1 2 1m0s")
	w.visit()
	w.want("1 2 0s")
	<-time.After(time.Minute)
	w.source("2")
	w.visit()
	w.want("2 2 0s", "Normal SecretPushed: "+next)

	<-time.After(time.Minute)
	w.loginErr = effective.Missing("VaultAuth shop/x")
	w.visit()
	w.want("2 3 1m0s", "Warning VaultClientConfigError: VaultAuth shop/x: it does not exist")
	w.loginErr = nil
	w.visit()
	w.want("2 3 0s", "Normal SecretPushed: "+next)
	w.end()
}

// end deletes the object.
func (w *world) end() {
	w.t.Helper()
	p := &v1beta1.VaultPushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "out"}}
	if err := w.cluster.Delete(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
	w.visit()
	w.want("0 objects")
	if err := w.cluster.Get(w.t.Context(), name("out"), p); client.IgnoreNotFound(err) != nil || err == nil {
		w.t.Errorf("the object is still there: %v", err)
	}
	w.visit()
	w.want("0 objects")
	if len(w.sources.byUser) > 0 {
		w.t.Errorf("sources of %v are watched", w.sources.byUser)
	}
}

// TestRefusedWrite: a write that Vault refuses is one failure, and none of the writes.
func TestRefusedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *v1beta1.VaultPushSecretSpec) { s.Mount, s.Type = "old", v1beta1.KVV1 })
		w.source("1")
		w.vault.Fault(fakevault.Fault{Match: func(r *http.Request) bool { return r.Method != http.MethodGet }, Path: "old/app", Status: http.StatusForbidden})
		w.visit()
		if got := w.tally.Objects(); len(got) != 1 || got[0].Healthy || got[0].Syncs != 0 || got[0].Failures != 1 {
			t.Errorf("objects %+v", got)
		}
		if len(w.events) != 1 {
			t.Errorf("events %q", w.events)
		}
	})
}

// TestWithdraw: with its policy an object takes along what it has written, unless
// somebody else has changed that.
func TestWithdraw(t *testing.T) {
	for theirs, want := range map[bool]string{false: "", true: "theirs"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(s *v1beta1.VaultPushSecretSpec) {
				s.Mount, s.Type, s.DeletionPolicy = "old", v1beta1.KVV1, v1beta1.DeletionDelete
			})
			w.source("1")
			w.visit()
			if theirs {
				w.vault.PutKV("old", "app", map[string]any{"a": want})
			}
			w.events = nil
			p := &v1beta1.VaultPushSecret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "out"}}
			if err := w.cluster.Delete(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			w.visit()
			h, err := path{session: w, mount: "old", name: "app"}.read(t.Context())
			if got, _ := h.data["a"].(string); got != want || err != nil {
				t.Errorf("Vault has %q, want %q; %v", got, want, err)
			}
			if told := len(w.events) == 1; told != theirs || len(w.tally.Objects()) > 0 {
				t.Errorf("events %q, objects %v", w.events, w.tally.Objects())
			}
		})
	}
}

// TestHealth: what the metrics tell beside numbers.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(*v1beta1.VaultPushSecretSpec) {})
		w.source("1")
		w.visit()
		want := []telemetry.ObjectStat{{
			Kind: "VaultPushSecret", Controller: "vaultpushsecret", Namespace: "shop", Name: "out", Looked: true, Healthy: true, Syncs: 1, Synced: time.Now(),
		}}
		if diff := cmp.Diff(want, w.tally.Objects()); diff != "" {
			t.Errorf("objects (-want +got):\n%s", diff)
		}
	})
}
