package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"
)

// Forms are those that [Documents.Write] knows: the stream in YAML or JSON, or
// what has changed, for people or for machines.
func Forms() []string { return []string{"yaml", "json", "diff", "patch"} }

// Write writes the stream, or what has changed, in one of [Forms].
func (all Documents) Write(w io.Writer, form string) error {
	write, ok := map[string]func(io.Writer, *Document) error{
		"yaml": writeYAML, "json": writeJSON, "diff": writeDiff, "patch": writePatch,
	}[form]
	if !ok {
		return fmt.Errorf("output %q is unknown: use %s", form, strings.Join(Forms(), ", "))
	}
	for i, d := range all {
		// The documents of another file need a mark of their own.
		if form == "yaml" && i > 0 && d.number == 1 && !slices.ContainsFunc(bytes.Split(d.mark, []byte("\n")), isMark) {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
		}
		if err := write(w, d); err != nil {
			return err
		}
	}
	return nil
}

func writeYAML(w io.Writer, d *Document) error {
	body := d.raw
	if d.after != nil {
		var err error
		if body, err = yaml.JSONToYAML(d.after); err != nil {
			return err
		}
	}
	_, err := w.Write(slices.Concat(d.mark, body))
	return err
}

func (d *Document) now() []byte {
	if d.after != nil {
		return d.after
	}
	return d.before
}

func writeJSON(w io.Writer, d *Document) error {
	if d.now() == nil {
		return nil
	}
	var b bytes.Buffer
	if err := json.Indent(&b, d.now(), "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(w)
	return err
}

// writeDiff compares both in one form, so that only what was changed differs.
func writeDiff(w io.Writer, d *Document) error {
	if d.after == nil {
		return nil
	}
	before, err := yaml.JSONToYAML(d.before)
	if err != nil {
		return err
	}
	after, err := yaml.JSONToYAML(d.after)
	if err != nil {
		return err
	}
	_, err = w.Write(diff.Diff("before "+d.where(), before, "after "+d.where(), after))
	return err
}

// writePatch writes one object for each document that was changed.
func writePatch(w io.Writer, d *Document) error {
	if d.patch == nil {
		return nil
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Kind      string          `json:"kind"`
		Namespace string          `json:"namespace,omitempty"`
		Name      string          `json:"name"`
		Patch     json.RawMessage `json:"patch"`
	}{d.Kind, d.Namespace, d.Name, d.patch})
}
