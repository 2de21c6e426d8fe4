package shard

import (
	"context"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// ViewOptions say what a View shows.
type ViewOptions struct {
	Scheme *runtime.Scheme
	// Kinds are divided among shards; objects of all others are shown to everybody.
	Kinds []schema.GroupKind
	// Owns tells whether the objects of a namespace are shown. nil: all are.
	Owns func(namespace string) bool
	// Watched are the only namespaces that the cache fills; nil: all. Objects of
	// others look absent, which the cache itself answers with an error.
	Watched []string
	// Indexes are shared by all views of one cache.
	Indexes *Indexes
}

// View is a cache without the objects of other shards. It neither starts nor stops
// the cache that it shows.
type View struct {
	cache.Cache
	o       ViewOptions
	kinds   map[schema.GroupKind]bool
	watched map[string]bool

	mu     sync.Mutex
	closed bool
	undo   []func()
}

// Indexes remembers which indexes a cache has: a second one of the same name would
// be an error.
type Indexes struct {
	mu   sync.Mutex
	done map[string]bool
}

// NewView makes a view of a cache. Close it at the end of the term.
func NewView(c cache.Cache, o ViewOptions) *View {
	v := &View{Cache: c, o: o, kinds: map[schema.GroupKind]bool{}}
	for _, k := range o.Kinds {
		v.kinds[k] = true
	}
	if o.Watched != nil {
		v.watched = map[string]bool{}
		for _, n := range o.Watched {
			v.watched[n] = true
		}
	}
	return v
}

// Close takes the handlers of events away from the cache.
func (v *View) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	for _, undo := range v.undo {
		undo()
	}
	v.undo = nil
}

// Start waits for the end of ctx: the cache runs by itself.
func (v *View) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// RemoveInformer does nothing, because others use the informer.
func (v *View) RemoveInformer(context.Context, client.Object) error { return nil }

// IndexField adds an index, unless the cache has it.
func (v *View) IndexField(ctx context.Context, o client.Object, field string, by client.IndexerFunc) error {
	gvk, err := apiutil.GVKForObject(o, v.o.Scheme)
	if err != nil {
		return err
	}
	x := v.o.Indexes
	if x == nil {
		return v.Cache.IndexField(ctx, o, field, by)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	name := gvk.String() + "\x00" + field
	if x.done[name] {
		return nil
	}
	if err := v.Cache.IndexField(ctx, o, field, by); err != nil {
		return err
	}
	if x.done == nil {
		x.done = map[string]bool{}
	}
	x.done[name] = true
	return nil
}

// Get reads an object; that of another shard is not found.
func (v *View) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	gvk, err := apiutil.GVKForObject(into, v.o.Scheme)
	if err != nil {
		return err
	}
	if !v.shows(gvk.GroupKind(), key.Namespace) {
		return apierrors.NewNotFound(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, key.String())
	}
	return v.Cache.Get(ctx, key, into, o...)
}

// List reads objects, without those of other shards.
func (v *View) List(ctx context.Context, into client.ObjectList, o ...client.ListOption) error {
	if err := v.Cache.List(ctx, into, o...); err != nil {
		return err
	}
	gvk, err := apiutil.GVKForObject(into, v.o.Scheme)
	if err != nil {
		return err
	}
	kind := schema.GroupKind{Group: gvk.Group, Kind: strings.TrimSuffix(gvk.Kind, "List")}
	if !v.divided(kind) {
		return nil
	}
	items, err := meta.ExtractList(into)
	if err != nil {
		return err
	}
	shown := items[:0]
	for _, item := range items {
		if o, err := meta.Accessor(item); err == nil && v.shows(kind, o.GetNamespace()) {
			shown = append(shown, item)
		}
	}
	return meta.SetList(into, shown)
}

func (v *View) divided(kind schema.GroupKind) bool { return v.o.Owns != nil && v.kinds[kind] }

func (v *View) shows(kind schema.GroupKind, namespace string) bool {
	if v.watched != nil && namespace != "" && !v.watched[namespace] {
		return false
	}
	return !v.divided(kind) || v.o.Owns(namespace)
}

// GetInformer returns an informer that tells of the shown objects only.
func (v *View) GetInformer(ctx context.Context, o client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	gvk, err := apiutil.GVKForObject(o, v.o.Scheme)
	if err != nil {
		return nil, err
	}
	i, err := v.Cache.GetInformer(ctx, o, opts...)
	if err != nil {
		return nil, err
	}
	return &informer{Informer: i, view: v, kind: gvk.GroupKind()}, nil
}

// GetInformerForKind is GetInformer by the name of a kind.
func (v *View) GetInformerForKind(ctx context.Context, gvk schema.GroupVersionKind, opts ...cache.InformerGetOption) (cache.Informer, error) {
	i, err := v.Cache.GetInformerForKind(ctx, gvk, opts...)
	if err != nil {
		return nil, err
	}
	return &informer{Informer: i, view: v, kind: gvk.GroupKind()}, nil
}

// informer tells of a view's objects.
type informer struct {
	cache.Informer
	view *View
	kind schema.GroupKind
}

func (i *informer) filter(h toolscache.ResourceEventHandler) toolscache.ResourceEventHandler {
	if !i.view.divided(i.kind) {
		return h
	}
	return toolscache.FilteringResourceEventHandler{Handler: h, FilterFunc: func(event any) bool {
		if gone, ok := event.(toolscache.DeletedFinalStateUnknown); ok {
			event = gone.Obj
		}
		o, err := meta.Accessor(event)
		return err == nil && i.view.shows(i.kind, o.GetNamespace())
	}}
}

// remember sees to it that a handler ends with the view.
func (i *informer) remember(r toolscache.ResourceEventHandlerRegistration, err error) (toolscache.ResourceEventHandlerRegistration, error) {
	if err != nil {
		return nil, err
	}
	v := i.view
	undo := func() { _ = i.RemoveEventHandler(r) } // it fails for what was removed already
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		undo()
		return r, nil
	}
	v.undo = append(v.undo, undo)
	return r, nil
}

// AddEventHandler is that of the informer, for shown objects.
func (i *informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.remember(i.Informer.AddEventHandler(i.filter(h)))
}

// AddEventHandlerWithResyncPeriod is that of the informer, for shown objects.
func (i *informer) AddEventHandlerWithResyncPeriod(h toolscache.ResourceEventHandler, d time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.remember(i.Informer.AddEventHandlerWithResyncPeriod(i.filter(h), d))
}

// AddEventHandlerWithOptions is that of the informer, for shown objects.
func (i *informer) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, o toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.remember(i.Informer.AddEventHandlerWithOptions(i.filter(h), o))
}
