package sync

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// static keeps VaultStaticSecrets. What they read is in the shared store, which
// polls, repeats what failed, and wakes the object when something is new. So a visit
// reads nothing by itself, and none takes place when nothing is new.
type static struct{ o Options }

func (*static) name() string         { return "VaultStaticSecret" }
func (*static) empty() client.Object { return &v1beta1.VaultStaticSecret{} }

// release has nothing to end: a static secret causes nothing in Vault.
func (*static) release(context.Context, *visit) error { return nil }

// collected tells whether the Secret goes with its object, the only thing there is.
func (*static) collected(v *visit) bool { return destination.Collected(*v.parts.destination) }

func (k *static) forget(m *memory) {
	if k.o.Announced != nil {
		k.o.Announced.Forget(k.name() + " " + m.name.String())
	}
	if r, ok := m.own.(*reading); ok {
		r.keep(nil)
	}
}

func (k *static) sync(ctx context.Context, v *visit) outcome {
	s := objectOf[*v1beta1.VaultStaticSecret](v)
	want, err := wanted(&s.Spec)
	if err != nil {
		return v.unsynced(stuck(v1beta1.ReasonInvalidConfiguration, err))
	}
	plan, bad := v.plan(ctx)
	if bad != nil {
		return *bad
	}
	got, bad := k.read(ctx, v, want)
	switch {
	case bad != nil:
		return *bad
	case got.failure != nil:
		o := ofVault(got.failure)
		o.backoff = false // the store has it, one for all objects, and wakes this one
		return v.unsynced(o)
	case got.pending:
		return pending()
	case len(got.missing) > 0:
		return k.missing(ctx, v, s, got)
	}
	return k.write(ctx, v, s, plan, got)
}

// source is one secret or folder that an object reads, with all defaults filled in.
type source struct {
	name     string // as errors show it
	spec     v1beta1.StaticSource
	folder   bool
	interval time.Duration // between two reads
}

// wanted are the sources of an object: the one of the object itself first.
func wanted(spec *v1beta1.VaultStaticSecretSpec) ([]source, error) {
	interval, err := spec.RefreshAfter.Parse()
	if err != nil {
		return nil, fmt.Errorf("refreshAfter: %w", err)
	}
	if interval <= 0 {
		interval = secret.Never
	}
	first := v1beta1.StaticSource{
		Mount: spec.Mount, Path: spec.Path, Type: spec.Type, Namespace: spec.Namespace, Version: spec.Version, List: spec.List,
	}
	all := []source{{name: "path", spec: first, interval: interval}}
	for i, more := range spec.Sources {
		more.Mount, more.Type, more.Namespace = orElse(more.Mount, spec.Mount), orElse(more.Type, spec.Type), orElse(more.Namespace, spec.Namespace)
		all = append(all, source{name: fmt.Sprintf("sources[%d]", i), spec: more, interval: interval})
	}
	for i := range all {
		all[i].folder = all[i].spec.List != nil
	}
	return all, nil
}

func orElse[T comparable](value, otherwise T) T {
	var none T
	if value == none {
		return otherwise
	}
	return value
}
