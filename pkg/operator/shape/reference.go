package shape

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// reference takes what a resource wants of one SecretTransformation.
func (c *collector) reference(i int, ref v1beta1.TransformationRef) {
	name := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
	if name.Namespace == "" {
		name.Namespace = c.options.Object.Namespace
	}
	if c.refs[name] {
		c.fail("transformationRefs[%d]: SecretTransformation %s is referred to twice", i, name)
		return
	}
	c.refs[name] = true
	if c.options.Lookup == nil {
		c.fail("transformationRefs[%d]: SecretTransformation %s does not exist", i, name)
		return
	}
	t, err := c.options.Lookup(name)
	switch {
	case err != nil:
		c.fail("transformationRefs[%d]: %w", i, err)
		return
	case !t.Status.Valid:
		c.fail("transformationRefs[%d]: SecretTransformation %s is not valid: see its status", i, name)
		return
	}
	if len(ref.TemplateRefs) > 0 {
		c.selected(i, name, t, ref.TemplateRefs)
	} else {
		c.all(name, t)
	}
	for n, source := range t.Spec.SourceTemplates {
		c.add(nameOr(source.Name, name, n), source.Text, "")
	}
	if !ref.IgnoreIncludes {
		c.includes = append(slices.Clip(c.includes), t.Spec.Includes...)
	}
	if !ref.IgnoreExcludes {
		c.excludes = append(slices.Clip(c.excludes), t.Spec.Excludes...)
	}
}

// selected takes the templates that are named.
func (c *collector) selected(i int, name types.NamespacedName, t *v1beta1.SecretTransformation, refs []v1beta1.TemplateRef) {
	for n, ref := range refs {
		template, ok := t.Spec.Templates[ref.Name]
		if !ok {
			c.fail("transformationRefs[%d].templateRefs[%d]: SecretTransformation %s has no template %q", i, n, name, ref.Name)
			continue
		}
		key := ref.Name
		if ref.KeyOverride != "" {
			key = ref.KeyOverride
		}
		c.add(nameOr(template.Name, name, ref.Name), template.Text, key)
	}
}

// all takes every template whose key is still free: the first wins.
func (c *collector) all(name types.NamespacedName, t *v1beta1.SecretTransformation) {
	for _, key := range slices.Sorted(maps.Keys(t.Spec.Templates)) {
		if _, taken := c.keys[key]; !taken {
			c.add(nameOr(t.Spec.Templates[key].Name, name, key), t.Spec.Templates[key].Text, key)
		}
	}
}
