package sync

import (
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
	s, id := objectOf[*v1beta1.VaultStaticSecret](v), k.name()+" "+v.name.String()
	if s.Spec.SyncConfig == nil || !s.Spec.SyncConfig.InstantUpdates {
		k.o.Announced.Forget(id)
		return
	}
	queries := map[Session][]secret.Query{}
	for p := range r.used {
		if p.query.Op == secret.Read {
			queries[p.session] = append(queries[p.session], p.query)
		}
	}
	for session, all := range queries {
		k.o.Announced.Follow(id, session, "kv*", pathsOf(all), v.hears(func() {
			for _, q := range all {
				session.Announce(q, 0) // what is new wakes the object
			}
		}))
	}
}

// pathsOf returns where queries read.
func pathsOf(queries []secret.Query) []string {
	var all []string
	for _, q := range queries {
		at, _, _ := strings.Cut(q.Path, "?")
		all = append(all, at)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
