package sync

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/instant"
)

// AnnouncedBy is the Announcements of all subscriptions of the operator.
func AnnouncedBy(l *instant.Listeners) Announcements { return announced{l} }

type announced struct{ *instant.Listeners }

// Follow implements Announcements. A session that nothing can be subscribed with
// announces nothing.
func (a announced) Follow(object string, s Session, engine string, paths []string, hears instant.Hears) {
	if place, ok := s.(instant.Session); ok {
		a.Listeners.Follow(object, place, engine, paths, hears)
	}
}

// hears is what an object does when Vault tells of a change. Whether it can tell at
// all is an event of the object.
func (v *visit) hears(change func()) instant.Hears {
	about := v.reference()
	return instant.Hears{Change: change, State: func(problem error) {
		if problem != nil {
			v.r.o.Events.Event(about, corev1.EventTypeWarning, v1beta1.ReasonEventWatcherError, "Vault tells of no changes, which are found by polling until it does: "+text(problem))
			return
		}
		v.r.o.Events.Event(about, corev1.EventTypeNormal, v1beta1.ReasonEventWatcherStarted, "Vault tells of changes")
	}}
}

// reference names the object of a visit, and holds nothing else of it.
func (v *visit) reference() *corev1.ObjectReference {
	return &corev1.ObjectReference{
		APIVersion: v1beta1.GroupVersion().String(), Kind: v.r.kind.name(), Namespace: v.name.Namespace, Name: v.name.Name, UID: v.object.GetUID(),
	}
}
