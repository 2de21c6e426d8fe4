package shard

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestOf(t *testing.T) {
	counts := map[int]int{}
	for i := range 1000 {
		name := fmt.Sprintf("namespace-%d", i)
		index := Of(name, 4)
		if index != Of(name, 4) || Of(name, 1) != 0 || Of(name, 0) != 0 {
			t.Fatalf("the shard of %s is not the same each time", name)
		}
		counts[index]++
	}
	for i := range 4 {
		if counts[i] < 200 || counts[i] > 300 {
			t.Errorf("shard %d has %d of 1000 namespaces", i, counts[i])
		}
	}
	if Of("", 4) != 0 {
		t.Error("what has no namespace is not in shard 0")
	}
}

// shelf is a cache that holds Secrets and ConfigMaps.
type shelf struct {
	cache.Cache
	objects  []client.Object
	handlers map[int]toolscache.ResourceEventHandler
	indexed  []string
	next     int
}

func (s *shelf) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	into.SetName(key.Name)
	return nil
}

func (s *shelf) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	for _, o := range s.objects {
		switch list := into.(type) {
		case *corev1.SecretList:
			list.Items = append(list.Items, corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace()}})
		case *corev1.ConfigMapList:
			list.Items = append(list.Items, corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace()}})
		}
	}
	return nil
}

func (s *shelf) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return &listener{shelf: s}, nil
}

func (s *shelf) IndexField(_ context.Context, _ client.Object, field string, _ client.IndexerFunc) error {
	s.indexed = append(s.indexed, field)
	return nil
}

type listener struct {
	cache.Informer
	shelf *shelf
}

type registration struct {
	toolscache.ResourceEventHandlerRegistration
	number int
}

func (l *listener) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	if l.shelf.handlers == nil {
		l.shelf.handlers = map[int]toolscache.ResourceEventHandler{}
	}
	l.shelf.next++
	l.shelf.handlers[l.shelf.next] = h
	return registration{number: l.shelf.next}, nil
}

func (l *listener) RemoveEventHandler(r toolscache.ResourceEventHandlerRegistration) error {
	delete(l.shelf.handlers, r.(registration).number)
	return nil
}

func secretIn(namespace string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"}}
}

func newView(t *testing.T, s *shelf, change func(*ViewOptions)) *View {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	o := ViewOptions{
		Scheme: scheme, Kinds: []schema.GroupKind{{Kind: "Secret"}}, Indexes: &Indexes{},
		Owns: func(namespace string) bool { return namespace == "mine" },
	}
	if change != nil {
		change(&o)
	}
	return NewView(s, o)
}

func TestViewGet(t *testing.T) {
	cases := map[string]struct {
		object    client.Object
		namespace string
		change    func(*ViewOptions)
		found     bool
	}{
		"own":                        {&corev1.Secret{}, "mine", nil, true},
		"of another shard":           {&corev1.Secret{}, "theirs", nil, false},
		"a kind that is not divided": {&corev1.ConfigMap{}, "theirs", nil, true},
		"one shard":                  {&corev1.Secret{}, "theirs", func(o *ViewOptions) { o.Owns = nil }, true},
		"not watched":                {&corev1.ConfigMap{}, "theirs", func(o *ViewOptions) { o.Watched = []string{"mine"} }, false},
		"without a namespace":        {&corev1.Namespace{}, "", func(o *ViewOptions) { o.Watched = []string{"mine"} }, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := newView(t, &shelf{}, c.change).Get(t.Context(), client.ObjectKey{Namespace: c.namespace, Name: "x"}, c.object)
			if found := err == nil; found != c.found || !found && !apierrors.IsNotFound(err) {
				t.Errorf("got %v, want found %v", err, c.found)
			}
		})
	}
}

func TestViewList(t *testing.T) {
	s := &shelf{objects: []client.Object{secretIn("mine"), secretIn("theirs"), secretIn("mine")}}
	v := newView(t, s, nil)
	var secrets corev1.SecretList
	var maps corev1.ConfigMapList
	if err := v.List(t.Context(), &secrets); err != nil {
		t.Fatal(err)
	}
	if err := v.List(t.Context(), &maps); err != nil {
		t.Fatal(err)
	}
	if len(secrets.Items) != 2 || len(maps.Items) != 3 {
		t.Errorf("%d Secrets and %d ConfigMaps, want 2 and 3", len(secrets.Items), len(maps.Items))
	}
}

func TestViewTellsOfItsObjectsUntilItsEnd(t *testing.T) {
	s := &shelf{}
	v := newView(t, s, nil)
	i, err := v.GetInformer(t.Context(), &corev1.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	note := func(what string) func(any) { return func(any) { heard = append(heard, what) } }
	h := toolscache.ResourceEventHandlerFuncs{AddFunc: note("add"), DeleteFunc: note("delete")}
	if _, err := i.AddEventHandler(h); err != nil {
		t.Fatal(err)
	}
	for _, h := range s.handlers {
		h.OnAdd(secretIn("mine"), true)
		h.OnAdd(secretIn("theirs"), true)
		h.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: secretIn("mine")})
		h.OnDelete(toolscache.DeletedFinalStateUnknown{Obj: secretIn("theirs")})
	}
	if diff := cmp.Diff([]string{"add", "delete"}, heard); diff != "" {
		t.Error(diff)
	}
	v.Close()
	if _, err := i.AddEventHandler(h); err != nil || len(s.handlers) != 0 {
		t.Errorf("%d handlers stay after the end, %v", len(s.handlers), err)
	}
}

func TestViewsShareIndexes(t *testing.T) {
	s := &shelf{}
	var shared Indexes
	for range 2 {
		v := newView(t, s, func(o *ViewOptions) { o.Indexes = &shared })
		for _, field := range []string{"a", "b"} {
			if err := v.IndexField(t.Context(), &corev1.Secret{}, field, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.indexed); diff != "" {
		t.Error(diff)
	}
}

func TestViewDoesNotEndTheCache(t *testing.T) {
	v := newView(t, &shelf{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Start(ctx); err != nil {
		t.Error(err)
	}
	if err := v.RemoveInformer(t.Context(), &corev1.Secret{}); err != nil {
		t.Error(err)
	}
}
