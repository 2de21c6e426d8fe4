package visit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
)

type connection = v1beta1.VaultConnection

// stage is a Kind whose judge says what it is told to.
type stage struct {
	*Kind[connection, *connection]
	t       *testing.T
	tally   *tally.Tally
	outcome status.Outcome
	verdict Verdict
	judged  int
	events  []string
	gone    []types.NamespacedName
}

func newStage(t *testing.T) *stage {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	o := &connection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", Generation: 1}}
	s := &stage{t: t, tally: tally.New(nil), outcome: status.Outcome{Reason: "Good", Message: "one"}}
	s.Kind = &Kind[connection, *connection]{
		Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(o).WithStatusSubresource(o).Build(),
		Events: s, Tally: s.tally.Kind("VaultConnection"), Finalizer: "test/finalizer",
		Judge: func(_ context.Context, _ *connection, c *status.Conditions) Verdict {
			s.judged++
			c.Conclude(s.outcome)
			return s.verdict
		},
		Gone: func(name types.NamespacedName) { s.gone = append(s.gone, name) },
	}
	return s
}

// Event implements Recorder.
func (s *stage) Event(_ runtime.Object, kind, reason, message string) {
	s.events = append(s.events, kind+" "+reason+": "+message)
}

func (s *stage) look() (reconcile.Result, error) {
	return s.Reconcile(s.t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "a"}})
}

func (s *stage) wantEvents(want ...string) {
	s.t.Helper()
	if _, err := s.look(); err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.events); diff != "" {
		s.t.Errorf("events (-want +got):\n%s", diff)
	}
	s.events = nil
}

// TestCounts has what each end of a look is counted as.
func TestCounts(t *testing.T) {
	away := errors.New("no API server")
	bad := status.Outcome{State: status.Waiting, Reason: "Bad"}
	cases := map[string]struct {
		outcome status.Outcome
		verdict Verdict
		want    string // healthy, was synced, failures
	}{
		"Done":    {status.Outcome{Reason: "Good"}, Verdict{Again: time.Minute}, "true true 0"},
		"Failed":  {bad, Verdict{}, "false false 1"},
		"Pending": {bad, Verdict{Pending: true}, "false false 0"},
		"Error":   {status.Outcome{Reason: "Good"}, Verdict{Err: away}, "false false 1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.outcome, s.verdict = tc.outcome, tc.verdict
			result, err := s.look()
			if !errors.Is(err, tc.verdict.Err) || result.RequeueAfter != tc.verdict.Again {
				t.Errorf("again after %s, error %v", result.RequeueAfter, err)
			}
			o := s.tally.Objects()[0]
			if got := fmt.Sprintf("%t %t %d", o.Healthy, !o.Synced.IsZero(), o.Failures); got != tc.want {
				t.Errorf("counted %q, want %q", got, tc.want)
			}
			var c connection
			if err := s.Client.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "a"}, &c); err != nil {
				t.Fatal(err)
			}
			if said := status.Ready(&c).Reason; (said == "") != (tc.verdict.Err != nil) || len(c.Finalizers) != 1 {
				t.Errorf("Ready for %q, finalizers %v", said, c.Finalizers)
			}
		})
	}
}

// TestEvents: there is one where Ready says something new, or something was done.
func TestEvents(t *testing.T) {
	s := newStage(t)
	s.wantEvents("Normal Good: one")
	s.wantEvents()
	s.outcome.Message = "two"
	s.wantEvents("Normal Good: two")
	s.Rough = true
	s.outcome.Message = "three"
	s.wantEvents()
	s.outcome = status.Outcome{State: status.Stuck, Reason: "Bad", Message: "four"}
	s.wantEvents("Warning Bad: four")
}

// TestEventOfWork: what was done is told, even where Ready says the same as before.
func TestEventOfWork(t *testing.T) {
	s := newStage(t)
	look := s.Judge
	s.Judge = func(ctx context.Context, c *connection, list *status.Conditions) Verdict {
		c.Status.VaultVersion = fmt.Sprint(s.judged) // a status that differs
		return look(ctx, c, list)
	}
	s.wantEvents("Normal Good: one")
	s.wantEvents()
	s.verdict.Tell = true
	s.wantEvents("Normal Good: one")
	s.wantEvents("Normal Good: one")
}

// TestEnd: an object goes when its end has succeeded, and its numbers at once.
func TestEnd(t *testing.T) {
	s := newStage(t)
	s.wantEvents("Normal Good: one")
	stays := errors.New("not yet")
	s.End = func(context.Context, *connection) error { return stays }
	if err := s.Client.Delete(t.Context(), &connection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.look(); !errors.Is(err, stays) || len(s.tally.Objects()) > 0 {
		t.Errorf("error %v, objects %v", err, s.tally.Objects())
	}
	stays = nil
	s.wantEvents()
	var list v1beta1.VaultConnectionList
	if err := s.Client.List(t.Context(), &list); err != nil || len(list.Items) > 0 {
		t.Errorf("%v, objects %v", err, list.Items)
	}
	s.wantEvents() // it is gone
	if s.judged != 1 || len(s.gone) != 3 {
		t.Errorf("judged %d times, let go %v", s.judged, s.gone)
	}
}

// TestForeign: the objects of others are not looked at.
func TestForeign(t *testing.T) {
	s := newStage(t)
	s.Owns = func(namespace string) bool { return namespace == "mine" }
	s.wantEvents()
	if s.judged > 0 {
		t.Errorf("judged %d times", s.judged)
	}
}

// TestCanceled: what a look finds while the operator ends is not counted or written.
func TestCanceled(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithCancel(t.Context())
	look := s.Judge
	s.Judge = func(ctx context.Context, c *connection, list *status.Conditions) Verdict {
		cancel()
		return look(ctx, c, list)
	}
	_, err := s.Reconcile(ctx, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "a"}})
	if !errors.Is(err, context.Canceled) || len(s.tally.Objects()) > 0 || len(s.events) > 0 {
		t.Errorf("error %v, objects %v, events %v", err, s.tally.Objects(), s.events)
	}
}

func TestLines(t *testing.T) {
	for want, err := range map[string]error{
		"a; b": errors.Join(errors.New("a"), errors.New("b")),
		"read tcp 10.0.0.2:8200: connection reset": errors.New("read tcp 10.0.0.1:40311->10.0.0.2:8200: connection reset"),
	} {
		if got := Lines(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

var _ reconcile.Reconciler = (*Kind[connection, *connection])(nil)

var _ client.Object = (*connection)(nil)
