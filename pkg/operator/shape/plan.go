package shape

import (
	"errors"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// Lookup finds a SecretTransformation. Its error names the object.
type Lookup func(types.NamespacedName) (*v1beta1.SecretTransformation, error)

// Options is what a plan is made of.
type Options struct {
	Object         types.NamespacedName // the resource; templates are named after it, and references are in its namespace
	Transformation v1beta1.Transformation
	Labels         map[string]string // templates, by label
	Annotations    map[string]string // templates, by annotation
	ExcludeRaw     bool              // the operator's option for all resources
	Lookup         Lookup            // may be nil where there are no references
}

// Plan says how data is made. It may be used by several goroutines at once.
type Plan struct {
	set         *render.Set
	keys        map[string]string // keys of the Secret, to the names of their templates
	labels      map[string]string // labels, to the names of their templates
	annotations map[string]string
	rename      *render.Set // the template of source keys; nil: they stay
	filter      filter
	excludeRaw  bool
}

// NewPlan reads what a resource says. All that is wrong is in one error, one
// problem a line.
func NewPlan(o Options) (*Plan, error) {
	c := &collector{options: o, names: map[string]bool{}, keys: map[string]string{}, refs: map[types.NamespacedName]bool{}}
	c.inline()
	for i, ref := range o.Transformation.TransformationRefs {
		c.reference(i, ref)
	}
	p := &Plan{keys: c.keys, excludeRaw: o.ExcludeRaw || o.Transformation.ExcludeRaw}
	p.labels = c.texts("labelTemplates", o.Labels)
	p.annotations = c.texts("annotationTemplates", o.Annotations)
	p.filter = c.compile()
	if !p.excludeRaw && p.keys[RawKey] != "" {
		c.fail("templates: the key %q is that of the whole answer: set excludeRaw to use it", RawKey)
	}
	var err error
	if p.set, err = render.ParseSet(c.templates); err != nil {
		c.problems = append(c.problems, err)
	}
	if text := o.Transformation.KeyTemplate; text != "" {
		if p.rename, err = render.ParseSet([]render.SetTemplate{{Name: keyTemplate, Text: text}}); err != nil {
			c.problems = append(c.problems, err)
		}
	}
	if err := errors.Join(c.problems...); err != nil {
		return nil, err
	}
	return p, nil
}

// Keyed tells whether any key comes from a template.
func (p *Plan) Keyed() bool { return len(p.keys) > 0 }

// Check reads a SecretTransformation as NewPlan would. The error is for its status.
func Check(t *v1beta1.SecretTransformation) error {
	checked := t.DeepCopy()
	checked.Status.Valid = true
	name := types.NamespacedName{Namespace: t.Namespace, Name: t.Name}
	_, err := NewPlan(Options{
		Object:         name,
		Transformation: v1beta1.Transformation{ExcludeRaw: true, TransformationRefs: []v1beta1.TransformationRef{{Name: t.Name}}},
		Lookup:         func(types.NamespacedName) (*v1beta1.SecretTransformation, error) { return checked, nil },
	})
	return err
}

// keyTemplate is the name of the template that renames keys, as errors show it.
const keyTemplate = "keyTemplate"

// collector gathers templates, filters and problems.
type collector struct {
	options            Options
	templates          []render.SetTemplate
	names              map[string]bool // of templates
	keys               map[string]string
	refs               map[types.NamespacedName]bool
	includes, excludes []string
	problems           []error
}

func (c *collector) fail(format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf(format, args...))
}

// add takes a template of a name, for a key unless that is empty.
func (c *collector) add(name, text, key string) {
	if c.names[name] {
		c.fail("template %q: there are two of this name", name)
		return
	}
	if _, taken := c.keys[key]; taken {
		c.fail("template %q: there is another for key %q", name, key)
		return
	}
	c.names[name] = true
	c.templates = append(c.templates, render.SetTemplate{Name: name, Text: text})
	if key != "" {
		c.keys[key] = name
	}
}

func (c *collector) inline() {
	t := c.options.Transformation
	c.includes, c.excludes = t.Includes, t.Excludes
	for _, key := range slices.Sorted(maps.Keys(t.Templates)) {
		if key == "" {
			c.fail("templates: a key is empty")
			continue
		}
		c.add(nameOr(t.Templates[key].Name, c.options.Object, key), t.Templates[key].Text, key)
	}
}

// texts takes the templates of labels or annotations.
func (c *collector) texts(field string, templates map[string]string) map[string]string {
	names := make(map[string]string, len(templates))
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		names[key] = nameOr("", c.options.Object, field+"/"+key)
		c.add(names[key], templates[key], "")
	}
	return names
}

// nameOr names a template that has no name after the object that it is in.
func nameOr(name string, object types.NamespacedName, key any) string {
	if name != "" {
		return name
	}
	return fmt.Sprintf("%s/%v", object, key)
}

func (c *collector) compile() filter {
	var f filter
	var err error
	if f.includes, err = compile("includes", c.includes); err != nil {
		c.problems = append(c.problems, err)
	}
	if f.excludes, err = compile("excludes", c.excludes); err != nil {
		c.problems = append(c.problems, err)
	}
	return f
}

// reason is what is wrong with a pattern, without the pattern.
func reason(err error) string {
	var bad *syntax.Error
	if errors.As(err, &bad) {
		return bad.Code.String()
	}
	return "it cannot be compiled"
}
