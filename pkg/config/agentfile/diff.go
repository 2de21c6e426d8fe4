package agentfile

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Diff returns what differs between two documents, one line per key, for the log
// of a reload. The lines stand in the order of [Keys] and, of templates and the
// like, of the document; only the order of blocks makes no line. Templates,
// commands, parameters and what may be a secret are never shown: of those a line
// says no more than that they changed.
func Diff(old, next *Document) []string {
	d := &differ{rank: map[string]int{}, keys: Keys()}
	for i, k := range d.keys {
		d.rank[k.Path] = i + 1
	}
	// What Encode writes has the names that users know, and nothing is left out of it.
	d.objects("", "", encodeDocument(old), encodeDocument(next))
	return d.lines
}

// differ gathers lines.
type differ struct {
	keys  []KeyDoc
	rank  map[string]int // place of a path among the keys, from 1
	lines []string
}

func (d *differ) line(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// objects compares two blocks. Path is that of the table; shown is how a line begins.
func (d *differ) objects(path, shown string, old, next fields) {
	names := slices.Collect(maps.Keys(old))
	for name := range next {
		if _, both := old[name]; !both {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(d.placeOf(path, a), d.placeOf(path, b)), strings.Compare(a, b))
	})
	for _, name := range names {
		d.values(under(path, name), shown+name, old[name], next[name])
	}
}

func under(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// placeOf returns the place of a key; those that the table does not list come last.
func (d *differ) placeOf(path, name string) int {
	at := under(path, name)
	at = strings.Replace(at, "identity.method.", "auto_auth.method.", 1)
	at = strings.Replace(at, "identity.vault.", "vault.", 1)
	return cmp.Or(d.rank[at], len(d.rank)+1)
}

// show writes a value, or what holds where there is none.
func (d *differ) show(path string, v any) string {
	if v != nil {
		return show(v)
	}
	if at := d.placeOf("", path); at <= len(d.keys) && d.keys[at-1].Default != "" {
		return d.keys[at-1].Default + " (default)"
	}
	return "not set"
}

func (d *differ) values(path, shown string, old, next any) {
	if reflect.DeepEqual(old, next) {
		return
	}
	if isBlocks(old) || isBlocks(next) {
		d.blocks(path, shown, old, next)
		return
	}
	before, wasObject := asObject(old)
	after, isObject := asObject(next)
	switch {
	case wasObject && isObject:
		d.objects(path, shown+".", before, after)
	case old == nil && isObject:
		d.line("%s: added", shown)
	case wasObject && next == nil:
		d.line("%s: removed", shown)
	case isHidden(path) || isLong(old) || isLong(next):
		d.line("%s changed", shown)
	default:
		d.line("%s: %s -> %s", shown, d.show(path, old), d.show(path, next))
	}
}

func isBlocks(v any) bool {
	_, ok := v.([]fields)
	return ok
}

// asObject returns a block or a map with the values that it holds.
func asObject(v any) (fields, bool) {
	switch m := v.(type) {
	case fields:
		return m, true
	case map[string]any:
		return m, true
	case map[string]string:
		all := fields{}
		for name, text := range m {
			all[name] = text
		}
		return all, true
	default:
		return nil, false
	}
}

// blocks compares lists of blocks by what names each.
func (d *differ) blocks(path, shown string, old, next any) {
	before, after := named(path, old), named(path, next)
	for _, b := range after {
		was := find(before, b.name)
		if was == nil {
			d.line("%s %s: added", lastPart(shown), b.name)
			continue
		}
		d.objects(path, lastPart(shown)+" "+b.name+": ", was.body, b.body)
	}
	for _, b := range before {
		if find(after, b.name) == nil {
			d.line("%s %s: removed", lastPart(shown), b.name)
		}
	}
}

func lastPart(path string) string { return path[strings.LastIndex(path, ".")+1:] }

// namedBlock is one of a list of blocks.
type namedBlock struct {
	name string
	body fields
}

func find(all []namedBlock, name string) *namedBlock {
	for i := range all {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

// named gives each block a name that no other has: what it writes, serves or is
// called, with a number behind it where two have the same.
func named(path string, list any) []namedBlock {
	blocks, _ := list.([]fields)
	counts := map[string]int{}
	all := make([]namedBlock, len(blocks))
	for i, b := range blocks {
		name, body := nameOf(path, b)
		name = fmt.Sprintf("%q", name)
		counts[name]++
		if n := counts[name]; n > 1 {
			name = fmt.Sprintf("%s (%d)", name, n)
		}
		all[i] = namedBlock{name: name, body: body}
	}
	return all
}

func nameOf(path string, b fields) (string, fields) {
	switch path {
	case "env_template":
		for name, body := range b {
			inner, _ := asObject(body)
			return name, inner
		}
	case "auto_auth.sink":
		config, _ := asObject(b["config"])
		return fmt.Sprint(config["path"]), b
	case "listener":
		return textOf(b["address"]), b
	case "identity":
		return textOf(b["name"]), b
	}
	return cmp.Or(textOf(b["destination"]), textOf(b["source"])), b
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}
