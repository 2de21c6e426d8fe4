package sync

import "github.com/vaultk8s/vaultk8s/pkg/operator/instant"

// AnnouncedBy is the Announcements of all subscriptions of the operator.
func AnnouncedBy(l *instant.Listeners) Announcements { return announced{l} }

type announced struct{ *instant.Listeners }

// Follow implements Announcements. A session that nothing can be subscribed with
// announces nothing.
func (a announced) Follow(object string, s Session, engine string, paths []string, notify func()) {
	if place, ok := s.(instant.Session); ok {
		a.Listeners.Follow(object, place, engine, paths, notify)
	}
}
