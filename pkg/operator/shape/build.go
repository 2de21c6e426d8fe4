package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// Object is what templates see of the resource.
type Object struct {
	Annotations map[string]string
	Labels      map[string]string
}

// Output is what is written to a Secret. Do not print it.
type Output struct {
	Data        map[string][]byte
	Labels      map[string]string // of templates
	Annotations map[string]string // of templates
}

// Input is what a template sees. The names of the fields are part of the language.
type input struct {
	Secrets     map[string]any
	Metadata    map[string]any
	Annotations map[string]any
	Labels      map[string]any
	WrapData    any
}

// Build makes the data. The problems of all templates are in one error.
func (p *Plan) Build(a Answer, o Object) (*Output, error) {
	out := &Output{Data: map[string][]byte{}, Labels: map[string]string{}, Annotations: map[string]string{}}
	problems := p.render(a, o, out)
	problems = append(problems, p.copy(a, out.Data)...)
	problems = append(problems, badKeys(out.Data)...)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return out, nil
}

// render executes every template, in the order of their keys.
func (p *Plan) render(a Answer, o Object, out *Output) (problems []error) {
	run := func(keys map[string]string, take func(key string, text []byte)) {
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			text, err := p.set.Execute(keys[key], newInput(a, o), a.raw.Reveal())
			if err != nil {
				problems = append(problems, err)
				continue
			}
			if text == nil {
				text = []byte{}
			}
			take(key, text)
		}
	}
	run(p.keys, func(key string, text []byte) { out.Data[key] = text })
	run(p.labels, func(key string, text []byte) { out.Labels[key] = string(text) })
	run(p.annotations, func(key string, text []byte) { out.Annotations[key] = string(text) })
	for _, key := range slices.Sorted(maps.Keys(out.Labels)) {
		if len(validation.IsValidLabelValue(out.Labels[key])) > 0 {
			problems = append(problems, fmt.Errorf("labelTemplates: the template of %q gives no valid value of a label", key))
		}
	}
	return problems
}

// newInput is made anew for each template, so that none sees what another changed.
func newInput(a Answer, o Object) input {
	return input{
		Secrets: present(a.secrets.Reveal()), Metadata: present(a.metadata),
		Annotations: toAny(o.Annotations), Labels: toAny(o.Labels), WrapData: a.wrap,
	}
}

// present never returns nil: a template may ask a map that is not there. It is a copy,
// because templates can change it.
func present(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return secret.CopyMap(m)
}

func toAny(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

// copy adds the keys of the answer that the filters leave, and the whole answer.
// A templated key wins over one of the answer.
func (p *Plan) copy(a Answer, data map[string][]byte) (problems []error) {
	source, err := a.source()
	if err != nil {
		return []error{err}
	}
	if _, taken := source[RawKey]; taken && !p.excludeRaw {
		return []error{fmt.Errorf("the secret has a key %q, which is that of the whole answer: set excludeRaw", RawKey)}
	}
	from := map[string]string{} // keys of the Secret, to those of the answer
	for _, key := range slices.Sorted(maps.Keys(source)) {
		if !p.filter.keeps(key) {
			continue
		}
		name, err := p.renamed(key)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if other, taken := from[name]; taken {
			problems = append(problems, fmt.Errorf("keyTemplate: the keys %q and %q both become %q", other, key, name))
			continue
		}
		from[name] = key
		if _, templated := p.keys[name]; !templated {
			data[name] = source[key]
		}
	}
	if p.excludeRaw {
		return problems
	}
	raw, err := json.Marshal(a.raw.Reveal())
	if err != nil {
		return append(problems, errors.New("the answer of Vault cannot be written as JSON"))
	}
	data[RawKey] = raw
	return problems
}

func (p *Plan) renamed(key string) (string, error) {
	if p.rename == nil {
		return key, nil
	}
	name, err := p.rename.Execute(keyTemplate, map[string]any{"Key": key}, nil)
	return string(name), err
}

// badKeys says which keys the API server would refuse. A key that came from Vault
// is no secret: resources name keys in plain text.
func badKeys(data map[string][]byte) (problems []error) {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if len(validation.IsConfigMapKey(key)) > 0 {
			problems = append(problems, fmt.Errorf("%q cannot be a key of a Secret: only letters, digits, '-', '_' and '.' can; exclude it, or rename it by a template", key))
		}
	}
	return problems
}

// Functions describes what templates may call.
func Functions() []render.FunctionDoc { return render.SetFunctions() }
