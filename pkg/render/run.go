package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// run is the state of one pass.
type run struct {
	t         *Template
	src       Source
	root      *template.Template
	result    *Result
	objects   map[secret.Query]any // what the template sees of each query; one pass sees one version
	responses []*secret.Response   // everything that was held, for redaction
	pad       *scratch
	depth     int // of executeTemplate
}

// ask asks the source once in a pass and keeps what show makes of the answer:
// nil while it is not held yet.
func (r *run) ask(q secret.Query, show func(*secret.Response) (any, error)) (any, error) {
	if object, asked := r.objects[q]; asked {
		return object, nil
	}
	r.objects[q] = nil
	r.result.Used = append(r.result.Used, q)
	state := r.src.Secret(q)
	if state == nil || state.Response == nil {
		r.result.Missing = append(r.result.Missing, q)
		return nil, nil
	}
	r.responses = append(r.responses, state.Response)
	object, err := show(state.Response)
	if err != nil {
		return nil, err
	}
	r.objects[q] = object
	return object, nil
}

// object is what the function secret returns. The names of the fields are part
// of the language.
type object struct {
	RequestID     string
	LeaseID       string
	LeaseDuration int // seconds
	Renewable     bool
	Data          map[string]any
	Warnings      []string
	Auth          *objectAuth
	WrapInfo      *objectWrapInfo
}

type objectAuth struct {
	ClientToken   string
	Accessor      string
	Policies      []string
	Metadata      map[string]string
	LeaseDuration int // seconds
	Renewable     bool
}

type objectWrapInfo struct {
	Token           string
	TTL             int // seconds
	CreationTime    time.Time
	WrappedAccessor string
}

// newObject copies the data, because functions such as mergeMap change maps in
// place and the response belongs to all who watch the secret.
//
// An answer without a body, as many writes have, is nil: that is what `with` tests.
func newObject(response *secret.Response) (any, error) {
	if response.Empty() {
		return nil, nil
	}
	o := &object{
		RequestID:     response.RequestID,
		LeaseID:       response.LeaseID,
		LeaseDuration: seconds(response.LeaseDuration),
		Renewable:     response.Renewable,
		Data:          secret.CopyMap(response.Data.Reveal()),
		Warnings:      slices.Clone(response.Warnings),
	}
	if a := response.Auth; a != nil {
		o.Auth = &objectAuth{
			ClientToken: a.Value.Reveal(), Accessor: a.Accessor, Policies: slices.Clone(a.Policies),
			Metadata: a.Metadata, LeaseDuration: seconds(a.TTL), Renewable: a.Renewable,
		}
	}
	if w := response.WrapInfo; w != nil {
		o.WrapInfo = &objectWrapInfo{Token: w.Token.Reveal(), TTL: seconds(w.TTL), CreationTime: w.CreationTime, WrappedAccessor: w.WrappedAccessor}
	}
	return o, nil
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// keysOf returns the keys of a list, sorted.
func keysOf(response *secret.Response) (any, error) {
	listed, ok := response.Data.Reveal()["keys"].([]any)
	if !ok {
		return nil, nil
	}
	keys := make([]string, 0, len(listed))
	for _, key := range listed {
		switch k := key.(type) {
		case string:
			keys = append(keys, k)
		case json.Number:
			keys = append(keys, k.String())
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// maxDepth bounds executeTemplate within executeTemplate. Each level starts an
// execution of its own, which text/template does not count, and a template that
// includes itself must not exhaust the stack, which would end the process.
const maxDepth = 100

// executeTemplate runs a defined template and returns its output.
func (r *run) executeTemplate(name string, data ...any) (string, error) {
	if len(data) > 1 {
		return "", fail("takes a name and at most one value, not %d values", len(data))
	}
	if r.root.Lookup(name) == nil {
		return "", fail("template %q is not defined", name)
	}
	if r.depth == maxDepth {
		return "", fail("more than %d templates within each other", maxDepth)
	}
	r.depth++
	defer func() { r.depth-- }()
	var dot any
	if len(data) == 1 {
		dot = data[0]
	}
	var out strings.Builder
	if err := r.root.ExecuteTemplate(&out, name, dot); err != nil {
		return "", fmt.Errorf("execute template %q: %w", name, err)
	}
	return out.String(), nil
}
