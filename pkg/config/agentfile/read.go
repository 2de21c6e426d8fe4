package agentfile

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
)

// decoder gathers what it finds in one file.
type decoder struct {
	file     string
	problems problem.List
	warnings Warnings
	offered  func(path string, known readers) // told the keys of each block that is read; nil for nobody
}

// reader takes one field; the path names it as the user would ("vault.address").
type reader func(d *decoder, path string, f field)

// readers are the keys that an object may have.
type readers map[string]reader

// strictness says what an unknown key means.
type strictness bool

const (
	lenient strictness = false // a warning
	strict  strictness = true  // a problem
)

func (d *decoder) problem(line int, format string, args ...any) {
	d.problems.Add(d.file, line, format, args...)
}

func (d *decoder) warn(line int, format string, args ...any) {
	d.warnings = append(d.warnings, problem.Problem{File: d.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// object reads the fields of an object. Names count without regard to case, as
// in every HCL document.
func (d *decoder) object(path string, n *node, how strictness, known readers) {
	if d.offered != nil {
		d.offered(path, known)
	}
	counts := map[string]int{}
	for _, f := range n.fields {
		name := strings.ToLower(f.name)
		at := strings.TrimPrefix(path+"."+name, ".")
		read, ok := known[name]
		if !ok {
			d.unknown(at, f, how, known)
			continue
		}
		f.nth = counts[name]
		counts[name]++
		if _, isBlock := blocks(f.value); f.nth > 0 && !isBlock {
			d.warn(f.line, "key %q is set more than once; the last one counts", at)
		}
		if f.value.kind != null {
			read(d, at, f)
		}
	}
}

func (d *decoder) unknown(at string, f field, how strictness, known readers) {
	if whose := ineffective(at); how == lenient && whose != "" {
		d.warn(f.line, "key %q has no effect: it is for %s", at, whose)
		return
	}
	message := problem.UnknownKey(at, strings.ToLower(f.name), slices.Collect(maps.Keys(known)))
	if how == strict {
		d.problem(f.line, "%s", message)
		return
	}
	d.warn(f.line, "%s", message)
}

// single reads a block of which there is at most one, and hands its object on.
func single(read func(d *decoder, path string, n *node)) reader {
	return func(d *decoder, path string, f field) {
		objects, ok := blocks(f.value)
		switch {
		case !ok:
			d.problem(f.line, "key %q must be a block, not %v", path, f.value.kind)
		case len(objects) > 1 || f.nth > 0:
			d.problem(f.line, "at most one %q block is allowed", path)
		case len(objects) == 1:
			read(d, path, objects[0])
		}
	}
}

// block is an object with the label that stands before it, "" if there is none.
type block struct {
	label string
	body  *node
}

// labelled returns the blocks of a field in all notations that are in use:
// NAME "LABEL" {}, NAME {}, and in JSON an object, a list of objects, or either
// of them below the label as a key. What is a key of the block is no label.
func (d *decoder) labelled(path string, f field, known ...string) []block {
	objects, ok := blocks(f.value)
	if !ok {
		d.problem(f.line, "key %q must be a block, not %v", path, f.value.kind)
		return nil
	}
	var found []block
	for _, o := range objects {
		switch {
		case len(f.labels) > 0:
			found = append(found, block{label: f.labels[0], body: o})
		case isLabel(o, known):
			found = append(found, below(o)...)
		default:
			found = append(found, block{body: o})
		}
	}
	return found
}

// isLabel tells whether all keys of an object are labels of blocks below it.
func isLabel(o *node, known []string) bool {
	for _, f := range o.fields {
		if _, ok := blocks(f.value); !ok || f.value.kind == null || slices.Contains(known, strings.ToLower(f.name)) {
			return false
		}
	}
	return len(o.fields) > 0
}

func below(o *node) []block {
	var found []block
	for _, f := range o.fields {
		objects, _ := blocks(f.value)
		for _, body := range objects {
			found = append(found, block{label: f.name, body: body})
		}
	}
	return found
}

// plain returns the text of a single value.
func (d *decoder) plain(path string, f field, expected string) (string, bool) {
	switch f.value.kind {
	case text, number, boolean:
		return f.value.text, true
	default:
		d.problem(f.line, "key %q must be %s, not %v", path, expected, f.value.kind)
		return "", false
	}
}

func str(at *string) reader {
	return func(d *decoder, path string, f field) {
		if s, ok := d.plain(path, f, "a string"); ok {
			*at = s
		}
	}
}

// scan reads a single value with a function of package scalar.
func scan[T any](at *T, expected string, parse func(string) (T, error)) reader {
	return func(d *decoder, path string, f field) {
		s, ok := d.plain(path, f, expected)
		if !ok {
			return
		}
		v, err := parse(s)
		if err != nil {
			d.problem(f.line, "key %q: %v", path, err)
			return
		}
		*at = v
	}
}

func truth(at *bool) reader         { return scan(at, "a boolean", scalar.Bool) }
func count(at *int) reader          { return scan(at, "an integer", scalar.Int) }
func span(at *time.Duration) reader { return scan(at, "a duration", duration) }
func fraction(at *float64) reader   { return scan(at, "a number", scalar.Float) }

// flag reads a boolean of which it matters whether it is there.
func flag(at **bool) reader {
	return func(d *decoder, path string, f field) {
		var on bool
		before := len(d.problems)
		truth(&on)(d, path, f)
		if len(d.problems) == before {
			*at = &on
		}
	}
}

// countFrom reads an integer; a smaller one counts as the least, as it did in
// the Vault Agent.
func countFrom(least int, at *int) reader {
	return func(d *decoder, path string, f field) {
		count(at)(d, path, f)
		*at = max(*at, least)
	}
}

// duration also takes a number of seconds with a fraction, which falls away.
func duration(text string) (time.Duration, error) {
	if whole, fraction, ok := strings.Cut(strings.TrimSpace(text), "."); ok && digits(whole) && digits(fraction) {
		text = whole
	}
	return scalar.Duration(text)
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// integer takes a number only: of a string it is not clear whether it is octal.
func integer(at *int) reader {
	return func(d *decoder, path string, f field) {
		n, err := strconv.Atoi(f.value.text)
		if f.value.kind != number || err != nil {
			d.problem(f.line, "key %q must be an integer, not %v", path, f.value.kind)
			return
		}
		*at = n
	}
}

// mode reads permissions from an integer.
func mode(at *fs.FileMode) reader {
	return func(d *decoder, path string, f field) {
		n := -1
		switch f.value.kind {
		case number:
			if i, err := strconv.Atoi(f.value.text); err == nil {
				n = i
			}
		default:
			d.problem(f.line, "key %q must be an integer, not %v: write 0640 in HCL, or 416 in JSON, which has no octal numbers", path, f.value.kind)
			return
		}
		if n < 0 {
			d.problem(f.line, "key %q is %s, which is no mode", path, f.value.text)
			return
		}
		*at = d.permissions(path, f, n)
	}
}

// permissions keeps the nine bits that count, as the Vault Agent does: most
// likely a leading zero is missing, and the file will surprise its reader.
func (d *decoder) permissions(path string, f field, n int) fs.FileMode {
	if n > 0o777 {
		d.warn(f.line, "key %q is %s, of which only %04o counts: write 0640 in HCL, or 416 in JSON, which has no octal numbers", path, f.value.text, n&0o777)
	}
	return fs.FileMode(n & 0o777)
}

// texts reads a list of strings; a single value is a list of one, whole: commas
// in it do not separate.
func texts(at *[]string) reader {
	return func(d *decoder, path string, f field) {
		if f.value.kind != list {
			s, ok := d.plain(path, f, "a string or a list of strings")
			*at = nil
			if ok && s != "" {
				*at = []string{s}
			}
			return
		}
		var all []string
		for _, item := range f.value.items {
			if s, ok := d.plain(path, field{line: item.line, value: item}, "a list of strings only"); ok {
				all = append(all, s)
			}
		}
		*at = all
	}
}
