package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// document is the shared file, checked for its keys but not for its values.
type document struct {
	name   string
	values map[string]located // by key
}

// located is the value of one key and where it stands.
type located struct {
	line int
	text string     // of a single value, or words joined by commas
	node *yaml.Node // of a structured one
}

// pair is one key of a mapping, with aliases resolved.
type pair struct {
	name  string
	line  int
	value *yaml.Node
}

// readFile reads the shared file. What is wrong with its content goes to the
// list; what prevents reading at all is the error.
func readFile(name string, table []key, problems *problem.List) (*document, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return parse(name, src, table, problems), nil
}

func parse(name string, src []byte, table []key, problems *problem.List) *document {
	d := &document{name: name, values: map[string]located{}}
	report := func(line int, format string, args ...any) { problems.Add(name, line, format, args...) }
	root, err := parseYAML(src)
	if err != nil {
		line, text := yamlError(err)
		report(line, "%s", text)
		return d
	}
	if root == nil {
		return d
	}
	if root.Kind != yaml.MappingNode {
		report(root.Line, "the file must be a mapping of sections, not %s", kindName(root))
		return d
	}
	for _, p := range pairs(root, "", report) {
		d.section(p, table, report)
	}
	return d
}

// parseYAML returns the root of the only document, nil for an empty one.
func parseYAML(src []byte) (*yaml.Node, error) {
	var first, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("yaml: line %d: a second document starts here; only one is read", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(first.Content) == 0 || isNull(resolve(first.Content[0])) {
		return nil, nil
	}
	return resolve(first.Content[0]), nil
}

// yamlError splits the parser's "yaml: line 3: text".
func yamlError(err error) (line int, text string) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	if n, scanErr := fmt.Sscanf(text, "line %d:", &line); n == 1 && scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return line, text
}

func (d *document) section(p pair, table []key, report reporter) {
	switch {
	case !slices.Contains(sections(), p.name):
		report(p.line, "%s", problem.UnknownKey(p.name, p.name, sections()))
	case isNull(p.value):
	case p.value.Kind != yaml.MappingNode:
		report(p.line, "section %q must be a mapping, not %s", p.name, kindName(p.value))
	default:
		known := keysOf(p.name, table)
		for _, entry := range pairs(p.value, p.name, report) {
			d.entry(p.name, entry, known, report)
		}
	}
}

func keysOf(section string, table []key) []key {
	var own []key
	for _, k := range table {
		if strings.HasPrefix(k.Key, section+".") {
			own = append(own, k)
		}
	}
	return own
}

func (d *document) entry(section string, p pair, known []key, report reporter) {
	path := section + "." + p.name
	i := slices.IndexFunc(known, func(k key) bool { return k.Key == path })
	switch {
	case i < 0:
		report(p.line, "%s", problem.UnknownKey(path, p.name, names(section, known)))
	case isNull(p.value):
	case known[i].decode != nil:
		d.values[path] = located{line: p.line, node: p.value}
	default:
		d.scalar(path, known[i].Type, p, report)
	}
}

func names(section string, known []key) []string {
	list := make([]string, len(known))
	for i, k := range known {
		list[i] = strings.TrimPrefix(k.Key, section+".")
	}
	return list
}

func (d *document) scalar(path, typ string, p pair, report reporter) {
	switch {
	case p.value.Kind == yaml.ScalarNode && p.value.Value == "":
		// As in the environment, empty counts as not set: charts render values that nobody gave.
	case p.value.Kind == yaml.ScalarNode:
		d.values[path] = located{line: p.line, text: p.value.Value}
	case typ == "words" && p.value.Kind == yaml.SequenceNode:
		d.words(path, p, report)
	default:
		report(p.line, "key %q must be a single value (%s), not %s", path, typ, kindName(p.value))
	}
}

func (d *document) words(path string, p pair, report reporter) {
	var list []string
	for _, item := range p.value.Content {
		if item = resolve(item); item.Kind != yaml.ScalarNode {
			report(item.Line, "key %q must be a list of words, with no %s in it", path, strings.TrimPrefix(kindName(item), "a "))
			continue
		}
		list = append(list, item.Value)
	}
	d.values[path] = located{line: p.line, text: strings.Join(list, ",")}
}

// pairs returns the entries of a mapping; a key that repeats counts once, and is reported.
func pairs(n *yaml.Node, path string, report reporter) []pair {
	var list []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, line := n.Content[i].Value, n.Content[i].Line
		j := slices.IndexFunc(list, func(p pair) bool { return p.name == name })
		if j >= 0 {
			report(line, "key %q is set twice, first in line %d", strings.TrimPrefix(path+"."+name, "."), list[j].line)
			continue
		}
		list = append(list, pair{name: name, line: line, value: resolve(n.Content[i+1])})
	}
	return list
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}
