package sync

import (
	"maps"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// follow has what the object reads announced by Vault, or not any more.
func (k *static) follow(v *visit, r *round) {
	if k.o.Announced == nil {
		return
	}
	s, id := v.object.(*v1beta1.VaultStaticSecret), k.name()+" "+v.name.String()
	if s.Spec.SyncConfig == nil || !s.Spec.SyncConfig.InstantUpdates {
		k.o.Announced.Forget(id)
		return
	}
	paths := map[Session][]string{}
	for p := range r.used {
		if p.query.Op == secret.Read {
			at, _, _ := strings.Cut(p.query.Path, "?")
			paths[p.session] = append(paths[p.session], at)
		}
	}
	for session, all := range maps.All(paths) {
		slices.Sort(all)
		k.o.Announced.Follow(id, session, "kv*", slices.Compact(all), r.notify)
	}
}
