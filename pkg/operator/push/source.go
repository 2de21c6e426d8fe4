package push

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// values are what is written: key to text. It does not print itself.
type values map[string]string

// Format implements fmt.Formatter, so that no verb prints a value.
func (v values) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(sensitive.Redacted)) }

// bytes are the values as they are signed.
func (v values) bytes() map[string][]byte {
	out := make(map[string][]byte, len(v))
	for key, text := range v {
		out[key] = []byte(text)
	}
	return out
}

// gather makes the values of a Secret. All that is wrong is in one error.
func gather(p *v1beta1.VaultPushSecret, s *corev1.Secret) (values, error) {
	out, problems := values{}, []error(nil)
	for _, k := range selection(p, s) {
		value, there := s.Data[k.Key]
		name := k.As
		if name == "" {
			name = k.Key
		}
		_, taken := out[name]
		switch {
		case !there:
			problems = append(problems, fmt.Errorf("secret %s/%s has no key %q", s.Namespace, s.Name, k.Key))
		case taken:
			problems = append(problems, fmt.Errorf("source.keys: two keys become %q", name))
		case !utf8.Valid(value):
			problems = append(problems, fmt.Errorf("the value of key %q is no text: write it by a template that encodes it, as b64enc does", k.Key))
		default:
			out[name] = string(value)
		}
	}
	made, err := templated(p, s)
	problems = append(problems, err)
	for _, key := range slices.Sorted(maps.Keys(made)) {
		if _, taken := out[key]; taken && len(p.Spec.Source.Keys) > 0 {
			problems = append(problems, fmt.Errorf("source.templates: the key %q is one of source.keys as well", key))
		}
		out[key] = string(made[key])
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return out, nil
}

// selection is which keys are written: all that are text where there are templates
// for others, unless some are named.
func selection(p *v1beta1.VaultPushSecret, s *corev1.Secret) []v1beta1.KeySelection {
	if len(p.Spec.Source.Keys) > 0 {
		return p.Spec.Source.Keys
	}
	var all []v1beta1.KeySelection
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		if _, made := p.Spec.Source.Templates[key]; !made {
			all = append(all, v1beta1.KeySelection{Key: key})
		}
	}
	return all
}

// templated renders the templates.
func templated(p *v1beta1.VaultPushSecret, s *corev1.Secret) (map[string][]byte, error) {
	if len(p.Spec.Source.Templates) == 0 {
		return nil, nil
	}
	plan, err := shape.NewPlan(shape.Options{
		Object: types.NamespacedName{Namespace: p.Namespace, Name: p.Name},
		// Only what templates make: the keys are selected elsewhere.
		Transformation: v1beta1.Transformation{Templates: p.Spec.Source.Templates, Excludes: []string{"."}, ExcludeRaw: true},
	})
	if err != nil {
		return nil, err
	}
	tree := map[string]any{}
	for key, value := range s.Data {
		tree[key] = string(value)
	}
	answer, err := shape.FromEngine(sensitive.NewData(tree))
	if err != nil {
		return nil, err
	}
	out, err := plan.Build(answer, shape.Object{Annotations: p.Annotations, Labels: p.Labels})
	if err != nil {
		return nil, err
	}
	return out.Data, nil
}

// read gets the source from the API server; nil: there is none.
func (r *reconciler) read(ctx context.Context, name types.NamespacedName) (*corev1.Secret, error) {
	s := &corev1.Secret{}
	if err := r.o.Live.Get(ctx, name, s); err != nil {
		return nil, err
	}
	return s, nil
}
