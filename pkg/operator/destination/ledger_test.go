package destination

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func secretOf(uid types.UID, version string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: uid, ResourceVersion: version}}
}

// TestLedger plays what an object does and what a watch tells, and counts who wakes.
func TestLedger(t *testing.T) {
	key := types.NamespacedName{Namespace: "shop", Name: "target"}
	type book struct {
		l    *ledger
		know func(*corev1.Secret)
		tell func(uid types.UID, version string)
		lost func(uid types.UID)
	}
	cases := map[string]struct {
		play   func(book)
		want   int
		reason string
	}{
		"Seen":    {play: func(b book) { b.know(secretOf("u", "1")); b.tell("u", "1") }},
		"Foreign": {play: func(b book) { b.know(secretOf("u", "1")); b.tell("u", "2") }, want: 1},
		"Deleted": {play: func(b book) { b.know(secretOf("u", "1")); b.lost("u") }, want: 1},
		"DeletedBefore": {
			play: func(b book) {
				b.know(secretOf("u", "1"))
				b.know(nil)
				b.know(secretOf("v", "2"))
				b.lost("u")
				b.tell("v", "2")
			},
			reason: "the Secret was made anew, and the news of the old one are late",
		},
		"DeletedByUs": {play: func(b book) { b.know(secretOf("u", "1")); b.know(nil); b.lost("u") }},
		"During": {
			play: func(b book) {
				b.know(secretOf("u", "1"))
				end := b.l.begin(key)
				b.tell("u", "2")
				b.know(secretOf("u", "2"))
				end()
			},
			reason: "the watch is faster than the answer",
		},
		"DuringForeign": {
			play: func(b book) {
				b.know(secretOf("u", "1"))
				end := b.l.begin(key)
				b.tell("u", "2")
				b.tell("u", "3")
				b.know(secretOf("u", "2"))
				end()
			},
			want: 1,
		},
		"DuringTwo": {
			play: func(b book) {
				b.know(secretOf("u", "1"))
				one, two := b.l.begin(key), b.l.begin(key)
				b.tell("u", "2")
				one()
				b.know(secretOf("u", "2"))
				two()
			},
		},
		"Late": {
			play: func(b book) {
				for _, version := range []string{"1", "2", "3", "4"} {
					b.know(secretOf("u", version))
				}
				b.tell("u", "1")
			},
		},
		"Forgotten": {
			play:   func(b book) { b.know(secretOf("u", "1")); b.l.forget(orders().ref.UID); b.tell("u", "2") },
			reason: "the object is gone",
		},
		"Unknown": {play: func(b book) { b.l.begin(key)() }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			woken := 0
			wake := func(types.NamespacedName) { woken++ }
			b := book{l: newLedger()}
			b.know = func(s *corev1.Secret) { b.l.know(key, orders(), s) }
			b.tell = func(uid types.UID, version string) {
				b.l.tell(key, "VaultStaticSecret", news{uid: uid, version: version}, wake)
			}
			b.lost = func(uid types.UID) { b.l.tell(key, "VaultStaticSecret", news{uid: uid, deleted: true}, wake) }
			tc.play(b)
			if woken != tc.want {
				t.Errorf("%s: woken %d times, want %d", tc.reason, woken, tc.want)
			}
		})
	}
}

// TestLedgerIsBounded has that no Secret is remembered by more versions than can
// still be told.
func TestLedgerIsBounded(t *testing.T) {
	l, key := newLedger(), types.NamespacedName{Name: "target"}
	for _, version := range []string{"1", "2", "3", "4", "5", "5", "6"} {
		l.know(key, orders(), secretOf("u", version))
	}
	if diff := cmp.Diff([]string{"3", "4", "5", "6"}, l.pages[key].versions); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

// TestDriftOfUnknown wakes the owner that a Secret names, of the right kind.
func TestDriftOfUnknown(t *testing.T) {
	w := New(nil, nil)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	secret := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "target", ResourceVersion: "1",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "a/b/c"}, {APIVersion: "apps/v1", Kind: "VaultStaticSecret", Name: "other"}, orders().ref},
	}}
	ctx := context.Background()
	w.Drift("VaultPKISecret").Update(ctx, event.UpdateEvent{ObjectOld: secret, ObjectNew: secret}, q)
	w.Drift("VaultStaticSecret").Create(ctx, event.CreateEvent{Object: secret}, q)
	if q.Len() != 0 {
		t.Errorf("%d were woken", q.Len())
	}
	w.Drift("VaultStaticSecret").Delete(ctx, event.DeleteEvent{Object: secret}, q)
	if got, _ := q.Get(); q.Len() != 0 || got.NamespacedName != orders().name {
		t.Errorf("woken: %v", got)
	}
	w.ledger.know(types.NamespacedName{Namespace: "shop", Name: "target"}, orders(), secretOf("u", "1"))
	w.Drift("VaultPKISecret").Update(ctx, event.UpdateEvent{ObjectOld: secret, ObjectNew: secret}, q)
	if q.Len() != 0 {
		t.Error("an object of another kind was woken")
	}
}
