package defaults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

const (
	// Label marks the objects that were made from a file.
	Label = v1beta1.Group + "/default"
	// owner names us among the managers of fields.
	owner = "vaultk8s-defaults"
	// firstPause and longestPause lie between attempts: the definitions may be
	// seconds younger than the operator, and an API server may be away for minutes.
	firstPause, longestPause = time.Second, time.Minute
)

// Options say what is applied, and where to.
type Options struct {
	File      string // YAML documents
	Namespace string // of all of them
	Client    client.Client
	Log       *slog.Logger
}

// Keeper applies one file.
type Keeper struct{ o Options }

// New returns a keeper, which does nothing yet.
func New(o Options) *Keeper { return &Keeper{o: o} }

// Run applies the file, however often that takes, and ends then. It ends without
// an error when ctx does.
func (k *Keeper) Run(ctx context.Context) error {
	for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, longestPause) {
		err := k.Apply(ctx)
		if err == nil {
			break
		}
		k.o.Log.Warn("the default objects are not as the values say", slog.String(telemetry.FieldError, err.Error()))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// Start is [Keeper.Run] as a manager of controllers calls it.
func (k *Keeper) Start(ctx context.Context) error { return k.Run(ctx) }

// NeedLeaderElection says that only the replica that works applies the file.
func (k *Keeper) NeedLeaderElection() bool { return true }

// Apply makes the objects of the file as they stand there, and deletes those that
// were made from it and are not there any more. All errors are reported together.
func (k *Keeper) Apply(ctx context.Context) error {
	content, err := os.ReadFile(k.o.File)
	if err != nil {
		return fmt.Errorf("read the default objects: %w", err)
	}
	objects, err := parse(content)
	if err != nil {
		return fmt.Errorf("read the default objects: %w", err)
	}
	kept := sets.New[string]()
	var failed []error
	for _, o := range objects {
		kept.Insert(o.GetKind() + "/" + o.GetName())
		failed = append(failed, k.apply(ctx, o))
	}
	failed = append(failed, k.prune(ctx, kept))
	return errors.Join(failed...)
}

// parse reads documents of our kinds.
func parse(content []byte) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for document := range bytes.SplitSeq(content, []byte("\n---\n")) {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &o.Object); err != nil {
			return nil, err
		}
		if len(o.Object) == 0 {
			continue
		}
		if kind := o.GroupVersionKind(); !known(kind) || o.GetName() == "" {
			return nil, fmt.Errorf("%s %q: expected a VaultConnection or a VaultAuth with a name", kind.Kind, o.GetName())
		}
		all = append(all, o)
	}
	return all, nil
}

func known(kind schema.GroupVersionKind) bool {
	return kind == v1beta1.Kind("VaultConnection") || kind == v1beta1.Kind("VaultAuth")
}

func (k *Keeper) apply(ctx context.Context, o *unstructured.Unstructured) error {
	what := o.GetKind() + " " + k.o.Namespace + "/" + o.GetName()
	o.SetNamespace(k.o.Namespace)
	labels := o.GetLabels()
	if labels == nil {
		labels = make(map[string]string, 1)
	}
	labels[Label] = "true"
	o.SetLabels(labels)
	err := k.o.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), client.FieldOwner(owner), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s: %w", what, err)
	}
	return nil
}

// prune deletes what was made from an earlier file.
func (k *Keeper) prune(ctx context.Context, kept sets.Set[string]) error {
	var failed []error
	for _, kind := range []string{"VaultConnection", "VaultAuth"} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1beta1.Kind(kind + "List"))
		err := k.o.Client.List(ctx, list, client.InNamespace(k.o.Namespace), client.HasLabels{Label})
		if err != nil {
			failed = append(failed, fmt.Errorf("list default objects of kind %s: %w", kind, err))
		}
		for i := range list.Items {
			o := &list.Items[i]
			if kept.Has(kind + "/" + o.Name) {
				continue
			}
			o.SetGroupVersionKind(v1beta1.Kind(kind))
			if err := client.IgnoreNotFound(k.o.Client.Delete(ctx, o)); err != nil {
				failed = append(failed, fmt.Errorf("delete %s %s/%s: %w", kind, o.Namespace, o.Name, err))
			}
		}
	}
	return errors.Join(failed...)
}
