package manifest

import (
	"encoding/json"
	"fmt"
	"strings"

	apply "github.com/evanphx/json-patch/v5"
	"gomodules.xyz/jsonpatch/v2"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// Reasons besides those of package injector.
const (
	// Uninjected says that an injection was taken back.
	Uninjected injector.Reason = "Uninjected"
	// Undecodable says that a document cannot be read.
	Undecodable injector.Reason = "Undecodable"
)

// Finding is what is told of one document; several may be about one.
type Finding struct {
	Where   string // file, number, kind and name
	Reason  injector.Reason
	Text    string // "" where the reason says it all
	Warning bool
	Failed  bool // what was asked for could not be had
}

// String implements fmt.Stringer: one line, or several for several problems.
func (f Finding) String() string {
	text := f.Where + ": "
	if f.Warning {
		return text + "warning: " + f.Text
	}
	text += string(f.Reason)
	if f.Text != "" {
		text += ": " + f.Text
	}
	return text
}

func (d *Document) where() string {
	return fmt.Sprintf("%s: document %d", d.file, d.number) + about(d.Kind, d.Namespace, d.Name)
}

// about names an object, as far as it has a name.
func about(kind, namespace, name string) string {
	if kind == "" {
		return ""
	}
	if namespace != "" {
		name = namespace + "/" + name
	}
	return strings.TrimSuffix(": "+kind+" "+name, " ")
}

// changer makes one object of another, of which it says what it did. It returns
// the same object where there is nothing to do.
type changer func(object any) (any, injector.Report, error)

// Inject changes what asks for it. Objects without a namespace are taken to be in
// that of the options. A document that could not have what it asks for stays as it
// is.
func (all Documents) Inject(o injector.Options) []Finding {
	return all.change(func(object any) (any, injector.Report, error) { return injector.InjectWorkload(object, o) })
}

// Uninject takes injections back.
func (all Documents) Uninject() []Finding {
	return all.change(func(object any) (any, injector.Report, error) {
		out, err := injector.UninjectWorkload(object)
		return out, injector.Report{Reason: Uninjected}, err
	})
}

func (all Documents) change(f changer) []Finding {
	var found []Finding
	for _, d := range all {
		if d.err != nil {
			found = append(found, Finding{Where: d.where(), Reason: Undecodable, Text: d.err.Error(), Failed: true})
			continue
		}
		if d.before != nil {
			found = append(found, d.change(f)...)
		}
	}
	return found
}

func (d *Document) change(f changer) []Finding {
	if d.Kind == "List" {
		return d.changeList(f)
	}
	out, patch, found := change(d.where(), d.before, f)
	d.after, d.patch = out, patch
	return found
}

// changeList changes the items of a list.
func (d *Document) changeList(f changer) []Finding {
	var l list
	if err := json.Unmarshal(d.before, &l); err != nil {
		return []Finding{{Where: d.where(), Reason: Undecodable, Text: err.Error(), Failed: true}}
	}
	var found []Finding
	changed := false
	for i, item := range l.Items {
		var h head
		_ = json.Unmarshal(item, &h) // change finds the same error
		where := fmt.Sprintf("%s: item %d", d.where(), i+1) + about(h.Kind, h.Metadata.Namespace, h.Metadata.Name)
		out, _, told := change(where, item, f)
		found = append(found, told...)
		if out != nil {
			l.Items[i], changed = out, true
		}
	}
	if !changed {
		return found
	}
	after, err := json.Marshal(l)
	if err == nil {
		d.patch, err = difference(d.before, after)
	}
	if err != nil {
		return append(found, Finding{Where: d.where(), Reason: Undecodable, Text: err.Error(), Failed: true})
	}
	d.after = after
	return found
}

// change returns the new object and the patch to it, nil where nothing changes.
func change(where string, text []byte, f changer) (out, patch []byte, found []Finding) {
	object, err := typed(text)
	switch {
	case err != nil:
		return nil, nil, []Finding{{Where: where, Reason: Undecodable, Text: err.Error(), Failed: true}}
	case object == nil:
		return nil, nil, nil
	}
	changed, report, err := f(object)
	if err == nil {
		err = report.Err
	}
	for _, w := range report.Warnings {
		found = append(found, Finding{Where: where, Text: w, Warning: true})
	}
	switch {
	case err != nil:
		reason := report.Reason
		if report.Err == nil {
			reason = injector.BadAnnotation
		}
		return nil, nil, append(found, Finding{Where: where, Reason: reason, Text: err.Error(), Failed: true})
	case changed == object && report.Reason == Uninjected:
		return nil, nil, found
	case changed == object:
		return nil, nil, append(found, Finding{Where: where, Reason: report.Reason})
	}
	if out, patch, err = transfer(text, object, changed); err != nil {
		return nil, nil, append(found, Finding{Where: where, Reason: Undecodable, Text: err.Error(), Failed: true})
	}
	return out, patch, append(found, Finding{Where: where, Reason: report.Reason, Text: string(report.Injection)})
}

// transfer does to the text what happened to the object: so the fields that the
// object's type does not know, or fills in, stay as the user wrote them.
func transfer(text []byte, object, changed any) (out, patch []byte, err error) {
	before, err := json.Marshal(object)
	if err != nil {
		return nil, nil, err
	}
	after, err := json.Marshal(changed)
	if err != nil {
		return nil, nil, err
	}
	if patch, err = difference(before, after); err != nil {
		return nil, nil, err
	}
	operations, err := apply.DecodePatch(patch)
	if err != nil {
		return nil, nil, err
	}
	out, err = operations.Apply(text)
	return out, patch, err
}

func difference(before, after []byte) ([]byte, error) {
	operations, err := jsonpatch.CreatePatch(before, after)
	if err != nil {
		return nil, err
	}
	return json.Marshal(operations)
}
