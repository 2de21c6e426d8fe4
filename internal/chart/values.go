package chart

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Values are the documented values of a chart.
type Values struct {
	root   *Key
	compat compat
}

// Key is one value, or a group of them.
type Key struct {
	Path    string // with dots; "" for the root
	Comment string
	Default string // as YAML on one line; "" for a group
	Types   []string
	Enum    []string
	Open    bool   // may hold keys that are not documented
	Keys    []*Key // of a group
}

// compat is the list of old spellings beside the chart.
type compat struct {
	Rows []struct {
		From string    `yaml:"from"`
		To   string    `yaml:"to"`
		Was  yaml.Node `yaml:"was"`
		Gone string    `yaml:"gone"`
	} `yaml:"rows"`
	Foreign []string `yaml:"foreign"`
	Server  []string `yaml:"server"`
}

// Read reads a values file and the list of old spellings. All keys without a
// comment, and all marks that are not understood, are reported together.
func Read(values, old []byte) (*Values, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(values, &document); err != nil {
		return nil, fmt.Errorf("read the values: %w", err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("read the values: expected a mapping")
	}
	v := &Values{}
	var failed []error
	v.root, failed = group("", document.Content[0])
	if err := yaml.Unmarshal(old, &v.compat); err != nil {
		failed = append(failed, fmt.Errorf("read the old spellings: %w", err))
	}
	for _, row := range v.compat.Rows {
		if (row.To == "") == (row.Gone == "") || row.To != "" && v.find(row.To) == nil {
			failed = append(failed, fmt.Errorf("old spelling %q: expected either a reason, or a place that exists, not %q", row.From, row.To))
		}
	}
	return v, errors.Join(failed...)
}

// group reads the keys of a mapping.
func group(path string, n *yaml.Node) (*Key, []error) {
	out := &Key{Path: path, Types: []string{"object"}}
	var failed []error
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		at := strings.TrimPrefix(path+"."+name, ".")
		k, err := read(at, n.Content[i].HeadComment, n.Content[i+1])
		out.Keys = append(out.Keys, k)
		failed = append(failed, err...)
	}
	return out, failed
}

func read(path, comment string, value *yaml.Node) (*Key, []error) {
	k := &Key{Path: path, Types: []string{typeOf(value)}}
	var failed []error
	if value.Kind == yaml.MappingNode && slices.ContainsFunc(value.Content, func(n *yaml.Node) bool { return n.HeadComment != "" }) {
		k, failed = group(path, value)
	} else {
		k.Default = inline(value)
	}
	if err := k.describe(comment); err != nil {
		failed = append(failed, fmt.Errorf("value %q: %w", path, err))
	}
	if k.Types[0] == "null" && len(k.Types) == 1 {
		failed = append(failed, fmt.Errorf("value %q: a null needs a line @type", path))
	}
	return k, failed
}

// describe takes a comment apart into a text and marks.
func (k *Key) describe(comment string) error {
	// The comment of a file's first key has what is above it in front.
	paragraphs := strings.Split(comment, "\n\n")
	var text []string
	for line := range strings.SplitSeq(paragraphs[len(paragraphs)-1], "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, "#"))
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case mark == "@type":
			k.Types = strings.Split(rest, ",")
		case mark == "@enum":
			k.Enum = strings.Split(rest, ",")
		case mark == "@open":
			k.Open = true
		case strings.HasPrefix(mark, "@"):
			return fmt.Errorf("unknown mark %q", mark)
		default:
			text = append(text, line)
		}
	}
	if k.Comment = strings.Join(text, " "); k.Comment == "" {
		return errors.New("there is no comment")
	}
	return nil
}

func typeOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "object"
	case n.Kind == yaml.SequenceNode:
		return "array"
	case n.Tag == "!!bool":
		return "boolean"
	case n.Tag == "!!int":
		return "integer"
	case n.Tag == "!!float":
		return "number"
	case n.Tag == "!!null":
		return "null"
	}
	return "string"
}

// inline writes a value on one line.
func inline(n *yaml.Node) string {
	flow := *n
	setFlow(&flow)
	b, err := yaml.Marshal(&flow)
	if err != nil { // it was read from YAML a moment ago
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}

func setFlow(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, c := range n.Content {
		setFlow(c)
	}
}

func (v *Values) find(path string) *Key {
	for _, k := range v.All() {
		if k.Path == path {
			return k
		}
	}
	return nil
}

// All returns every key, groups before what is in them.
func (v *Values) All() []*Key { return v.root.all()[1:] }

func (k *Key) all() []*Key {
	out := []*Key{k}
	for _, below := range k.Keys {
		out = append(out, below.all()...)
	}
	return out
}
