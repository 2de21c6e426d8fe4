package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// half is the middle of all random numbers.
func half() float64 { return 0.5 }

// pass lets virtual time go by, and everything that is due in it happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// world is the reconcilers between a cluster and a Vault that are not real, in
// virtual time.
type world struct {
	t       *testing.T
	vault   *fakevault.Server
	cluster client.WithWatch
	kinds   *Kinds
	store   *secret.Store
	tally   *tally.Tally
	key     mac.Key
	writer  *destination.Writer

	mu       gosync.Mutex
	sessions map[string]*fakeSession // by Vault namespace
	loginErr error
	writes   map[string]int // verb and kind
	visits   int
	events   []string
	restarts []rollout.Request
	restart  func(rollout.Request) (rollout.Outcome, error)
	rolled   func(rollout.Request) (bool, error)
	client   string        // of the tokens; "": "client". A test sets it while nothing runs
	tokenTTL time.Duration // of the tokens, likewise
}

// newWorld starts the reconcilers with some objects in the cluster.
func newWorld(t *testing.T, objects ...client.Object) *world {
	return newWorldWith(t, func(*Options) {}, objects...)
}

func newWorldWith(t *testing.T, change func(*Options), objects ...client.Object) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1beta1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, vault: fakevault.New(), tally: tally.New(nil), writes: map[string]int{}, sessions: map[string]*fakeSession{}}
	w.vault.EnableKV("secret", 2)
	w.vault.EnableKV("old", 1)
	w.cluster = interceptor.NewClient(fake.NewClientBuilder().WithScheme(scheme).WithReturnManagedFields().WithObjects(objects...).
		WithStatusSubresource(&v1beta1.VaultStaticSecret{}, &v1beta1.VaultDynamicSecret{}, &v1beta1.VaultPKISecret{}, &v1beta1.SecretTransformation{}).
		Build(), w.counting())
	var err error
	if w.key, err = mac.NewKey(strings.NewReader("0123456789abcdef")); err != nil {
		t.Fatal(err)
	}
	w.writer = destination.New(w.cluster, w.cluster)
	o := Options{
		Client: w.cluster, Live: w.cluster, Login: w.login, Destination: w.writer, Restarts: w, Key: w.key, Events: w, Tally: w.tally, Random: half,
		Drift: func(string) handler.EventHandler { return handler.Funcs{} }, Process: "process",
	}
	change(&o)
	w.kinds = New(o)
	w.run()
	return w
}

// counting counts what is written to the cluster.
func (w *world) counting() interceptor.Funcs {
	count := func(verb string, o client.Object) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.writes[verb+" "+strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", o), "*v1beta1."), "*v1.")]++
	}
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			count("create", o)
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			count("patch", o)
			return c.Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			count("delete", o)
			return c.Delete(ctx, o, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			count(sub, o)
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}
}

// run works on what the bells ring for, as a controller would with one worker.
func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	var running gosync.WaitGroup
	schedule := lease.NewSchedule(10)
	w.store = secret.NewStore(schedule, secret.Options{Rand: half})
	running.Go(func() { _ = schedule.Run(ctx) })
	var queues []workqueue.TypedRateLimitingInterface[reconcile.Request]
	for _, r := range w.kinds.all {
		queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](100*time.Millisecond, 30*time.Second))
		queues = append(queues, queue)
		if err := r.bell.Start(ctx, queue); err != nil {
			w.t.Fatal(err)
		}
		running.Go(func() { w.work(ctx, r, queue) })
	}
	w.t.Cleanup(func() {
		cancel()
		for _, q := range queues {
			q.ShutDown()
		}
		running.Wait()
	})
}

func (w *world) work(ctx context.Context, r *Reconciler, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	for {
		q, closed := queue.Get()
		if closed {
			return
		}
		w.mu.Lock()
		w.visits++
		w.mu.Unlock()
		result, err := r.Reconcile(ctx, q)
		switch {
		case err != nil:
			queue.AddRateLimited(q)
		case result.RequeueAfter > 0:
			queue.Forget(q)
			queue.AddAfter(q, result.RequeueAfter)
		default:
			queue.Forget(q)
		}
		queue.Done(q)
	}
}

// login implements Login.
func (w *world) login(_ context.Context, a session.Ask) (Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loginErr != nil {
		return nil, w.loginErr
	}
	s := w.sessions[a.VaultNamespace]
	if s == nil {
		s = w.newSession(a.VaultNamespace, len(w.sessions)+1)
		w.sessions[a.VaultNamespace] = s
	}
	return s, nil
}

// fakeSession is a session whose token never ends.
type fakeSession struct {
	world  *world
	client *vault.Client
	space  string
	id     secret.Identity
	key    string
	held   time.Time
}

func (w *world) newSession(space string, number int) *fakeSession {
	c, err := vault.NewClient(config.Vault{Address: "http://vault"}, vault.WithTransport(w.vault))
	if err != nil {
		w.t.Fatal(err)
	}
	s := &fakeSession{world: w, client: c, space: space, id: secret.Identity{Connection: "vault", Namespace: space, Role: fmt.Sprint(number)}, key: "kubernetes-0123456789abcdef012345"}
	if space != "" {
		s.key += "-" + space
	}
	w.store.Attach(s.id, s, secret.Policy{Poll: secret.Never, Threshold: 0.85, Backoff: lease.Backoff{Initial: 5 * time.Second, Max: time.Minute, Multiplier: 1.5, Jitter: 0.5}})
	w.store.TokenChanged(s.id, s.Token())
	return s
}

func (s *fakeSession) CacheKey() string     { return s.key }
func (s *fakeSession) ClientID() string     { return s.world.clientID() }
func (s *fakeSession) Hold(until time.Time) { s.held = until }

func (s *fakeSession) Token() vault.TokenState {
	return vault.TokenState{Epoch: 1, Token: &auth.Token{Value: sensitive.New(s.world.vault.RootToken()), TTL: s.world.tokenTTL}}
}

func (s *fakeSession) Do(ctx context.Context, r vault.Request) (*vault.Response, error) {
	return s.client.Do(ctx, s.Token().Token.Value, s.space, r)
}

func (s *fakeSession) Watch(q secret.Query, notify func()) *secret.Watch {
	return s.world.store.Watch(s.id, q, notify)
}

func (s *fakeSession) Announce(q secret.Query, spread time.Duration) {
	s.world.store.Notify(s.id, q, spread)
}

// Event implements Recorder.
func (w *world) Event(o runtime.Object, kind, reason, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var name string
	switch o := o.(type) {
	case client.Object:
		name = o.GetName()
	case *corev1.ObjectReference:
		name = o.Name
	}
	w.events = append(w.events, strings.Join([]string{name, kind, reason, message}, " | "))
}

// Restart implements Restarts.
func (w *world) Restart(_ context.Context, q rollout.Request) (rollout.Outcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.restarts = append(w.restarts, q)
	if w.restart != nil {
		return w.restart(q)
	}
	return rollout.Outcome{Restarted: []string{`Deployment "app"`}}, nil
}

// Rolled implements Restarts.
func (w *world) Rolled(_ context.Context, q rollout.Request) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rolled != nil {
		return w.rolled(q)
	}
	return true, nil
}

func (w *world) clientID() string {
	return orElse(w.client, "client")
}

// wake makes an object be looked at, as its watch would, and lets that happen.
func (w *world) wake(o client.Object) {
	w.t.Helper()
	w.kinds.Wake(strings.TrimPrefix(fmt.Sprintf("%T", o), "*v1beta1."), client.ObjectKeyFromObject(o))
	synctest.Wait()
	pass(time.Millisecond)
}

// create puts an object into the cluster, and tells.
func (w *world) create(o client.Object) {
	w.t.Helper()
	o.SetUID(types.UID("uid-of-" + o.GetName()))
	o.SetGeneration(1)
	o.SetCreationTimestamp(metav1.Now())
	if err := w.cluster.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
	w.forgetWrites()
	w.wake(o)
}

// edit changes the newest object in the cluster as a user would, and tells.
func (w *world) edit(o client.Object, change func()) {
	w.t.Helper()
	w.get(o)
	before := o.DeepCopyObject().(client.Object)
	change()
	o.SetGeneration(o.GetGeneration() + 1)
	if err := w.cluster.Patch(w.t.Context(), o, client.MergeFrom(before)); err != nil {
		w.t.Fatal(err)
	}
	w.forgetWrites()
	w.wake(o)
}

// get reads an object anew.
func (w *world) get(o client.Object) {
	w.t.Helper()
	if err := w.cluster.Get(w.t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		w.t.Fatal(err)
	}
}

// secret reads a Secret; nil where there is none.
func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	s := &corev1.Secret{}
	err := w.cluster.Get(w.t.Context(), types.NamespacedName{Namespace: "shop", Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// wantData compares the data of a Secret, without _raw.
func (w *world) wantData(name string, want map[string]string) {
	w.t.Helper()
	s := w.secret(name)
	if s == nil {
		w.t.Fatalf("there is no Secret %s", name)
	}
	got := map[string]string{}
	for key, value := range s.Data {
		if key != "_raw" {
			got[key] = string(value)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("data of Secret %s (-want +got):\n%s", name, diff)
	}
}

// wantCondition compares a condition of an object, read anew: status, reason and
// the beginning of the message.
func (w *world) wantCondition(o client.Object, kind string, is metav1.ConditionStatus, reason, message string) {
	w.t.Helper()
	w.get(o)
	for _, c := range *status.Of(o) {
		if c.Type != kind {
			continue
		}
		if c.Status != is || c.Reason != reason || !strings.HasPrefix(c.Message, message) {
			w.t.Errorf("condition %s: %s %s %q, want %s %s %q", kind, c.Status, c.Reason, c.Message, is, reason, message)
		}
		return
	}
	w.t.Errorf("there is no condition %s among %+v", kind, *status.Of(o))
}

// wantEvents compares the events since the last time.
func (w *world) wantEvents(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	got := w.events
	w.events = nil
	w.mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("events (-want +got):\n%s", diff)
	}
}

// wantWrites compares what was written to the cluster since the last time.
func (w *world) wantWrites(want map[string]int) {
	w.t.Helper()
	w.mu.Lock()
	got := w.writes
	w.writes = map[string]int{}
	w.mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func (w *world) forgetWrites() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = map[string]int{}
}

// takeRestarts returns the restarts since the last time.
func (w *world) takeRestarts() []rollout.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.restarts
	w.restarts = nil
	return got
}

// wantReads compares how often paths were read since the last time.
func (w *world) wantReads(want map[string]int) {
	w.t.Helper()
	got := map[string]int{}
	for _, r := range w.vault.Requests() {
		if r.Method == http.MethodGet || r.Method == "LIST" {
			got[r.Path]++
		}
	}
	w.vault.ResetRequests()
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("reads of Vault (-want +got):\n%s", diff)
	}
}

// staticSecret is a VaultStaticSecret that reads secret/app/db into Secret db.
func staticSecret(name string, change ...func(*v1beta1.VaultStaticSecret)) *v1beta1.VaultStaticSecret {
	s := &v1beta1.VaultStaticSecret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: v1beta1.VaultStaticSecretSpec{
			Mount: "secret", Path: "app/db", Type: v1beta1.KVV2,
			Destination: v1beta1.Destination{Name: name, Create: true},
		},
	}
	for _, edit := range change {
		edit(s)
	}
	return s
}
