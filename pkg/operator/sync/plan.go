package sync

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
)

// plan reads how the data of the Secret is made.
func (v *visit) plan(ctx context.Context) (*shape.Plan, *outcome) {
	d := v.parts.destination
	uses := transformations(d, v.name.Namespace)
	v.r.memories.change(func() { v.memory.uses = uses })
	var outage error // of the API server, which is nobody's mistake
	plan, err := shape.NewPlan(shape.Options{
		Object: v.name, Transformation: d.Transformation, Labels: d.LabelTemplates, Annotations: d.AnnotationTemplates,
		ExcludeRaw: v.r.o.ExcludeRaw,
		Lookup: func(name types.NamespacedName) (*v1beta1.SecretTransformation, error) {
			t := &v1beta1.SecretTransformation{}
			err := v.r.o.Client.Get(ctx, name, t)
			if apierrors.IsNotFound(err) {
				return nil, effective.Missing("SecretTransformation " + name.String())
			}
			if err != nil {
				outage = fmt.Errorf("load SecretTransformation %s: %w", name, err)
			}
			return t, err
		},
	})
	switch {
	case outage != nil:
		o := v.unsynced(ofCluster(outage))
		return nil, &o
	case err != nil:
		o := v.unsynced(stuck(v1beta1.ReasonTransformationError, err))
		return nil, &o
	}
	return plan, nil
}

// build makes the data of the Secret.
func (v *visit) build(plan *shape.Plan, answer shape.Answer) (*shape.Output, *outcome) {
	out, err := plan.Build(answer, shape.Object{Annotations: v.object.GetAnnotations(), Labels: v.object.GetLabels()})
	if err != nil {
		o := v.unsynced(stuck(v1beta1.ReasonSecretDataBuilderError, err))
		return nil, &o
	}
	return out, nil
}

// transformations are the SecretTransformations that a destination refers to.
func transformations(d *v1beta1.Destination, namespace string) []types.NamespacedName {
	var names []types.NamespacedName
	for _, ref := range d.Transformation.TransformationRefs {
		name := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
		if name.Namespace == "" {
			name.Namespace = namespace
		}
		names = append(names, name)
	}
	return names
}
