package session

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
)

// tidyAfter gathers the changes of a moment: a leader that starts is told of every
// VaultAuth, and the kept tokens are listed once for all of them.
const tidyAfter = 2 * time.Second

// Changed tells that an object was changed or deleted: kind is VaultAuth,
// VaultAuthGlobal or VaultConnection. Sessions that would be made differently now
// end, in memory and among the kept tokens. It may be called at any time, and does
// nothing where nothing changed.
func (s *Sessions) Changed(kind string, name types.NamespacedName) {
	s.mu.Lock()
	s.changed[reference{kind, name}] = struct{}{}
	s.mu.Unlock()
	s.tasks.review.Wake(time.Now())
	s.tasks.tidy.Wake(time.Now().Add(tidyAfter))
}

// review is the task that ends the sessions of what has changed.
func (s *Sessions) review(ctx context.Context) time.Time {
	s.mu.Lock()
	changed := s.changed
	s.changed = map[reference]struct{}{}
	s.mu.Unlock()
	for _, l := range s.all() {
		if slices.ContainsFunc(l.made.references, func(r reference) bool { _, ok := changed[r]; return ok }) {
			s.reviewOne(ctx, l)
		}
	}
	return time.Time{}
}

// reviewOne ends a login that would be made differently now. What cannot be told
// for the moment is told when the session is asked for next.
func (s *Sessions) reviewOne(ctx context.Context, l *login) {
	now, err := s.resolve(ctx, l.made.ask)
	if now != nil && l.made.transient {
		now.key = l.made.key
	}
	var e *effective.Error
	if err == nil && l.made.same(now) || err != nil && !asError(err, &e) {
		return
	}
	l.end(true)
}

// tidy is the task that gives up kept tokens which nobody can use any more: all of
// them where none are to be kept, otherwise those of objects that changed or are
// gone.
func (s *Sessions) tidy(ctx context.Context) time.Time {
	err := s.prune(ctx)
	if err == nil || ctx.Err() != nil {
		return time.Time{}
	}
	s.o.Log.WarnContext(ctx, "kept tokens that are of no use could not be deleted", "error", err)
	return time.Now().Add(time.Minute)
}

func (s *Sessions) prune(ctx context.Context) error {
	operation := opPrune
	if s.o.Persistence == PersistNone {
		operation = opPurge
	}
	kept := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "SecretList"}}
	err := s.o.Live.List(ctx, kept, client.InNamespace(s.o.OperatorNamespace), client.MatchingLabels(store.Labels()))
	if err != nil {
		return s.stored(operation, fmt.Errorf("list the kept tokens: %w", err))
	}
	current, err := s.current(ctx)
	if err != nil {
		return err
	}
	left := map[string]struct{}{}
	for i := range kept.Items {
		item := &kept.Items[i]
		if s.o.Persistence != PersistNone && current.has(item.Labels) {
			left[item.Name] = struct{}{}
			continue
		}
		if err := s.stored(operation, s.giveUp(ctx, item.Name)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.kept = left
	s.mu.Unlock()
	return nil
}

// generations are the objects of the cluster that sessions may be made of, each as
// the labels of a kept token name it.
type generations struct{ auths, connections map[string]bool }

// has tells whether a kept token is one of objects as they are now.
func (g generations) has(labels map[string]string) bool {
	return g.auths[labels["auth/UID"]+"/"+labels["auth/generation"]] &&
		g.connections[labels["connection/UID"]+"/"+labels["connection/generation"]]
}

func (s *Sessions) current(ctx context.Context) (generations, error) {
	g := generations{map[string]bool{}, map[string]bool{}}
	if s.o.Persistence == PersistNone {
		return g, nil
	}
	auths, connections := &v1beta1.VaultAuthList{}, &v1beta1.VaultConnectionList{}
	for _, list := range []client.ObjectList{auths, connections} {
		if err := s.o.Cached.List(ctx, list); err != nil {
			return g, fmt.Errorf("list what sessions are made of: %w", err)
		}
	}
	for i := range auths.Items {
		g.auths[generation(&auths.Items[i])] = true
	}
	for i := range connections.Items {
		g.connections[generation(&connections.Items[i])] = true
	}
	return g, nil
}

func generation(o metav1.Object) string {
	return string(o.GetUID()) + "/" + strconv.FormatInt(o.GetGeneration(), 10)
}
