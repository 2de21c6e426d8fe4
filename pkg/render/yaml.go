package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads the first document of a text. Of YAML 1.1, which existing
// templates were written for, it keeps that plain yes, no, on and off are truth
// values, and that a plain date is a text; and of its reader, that of a key that
// occurs twice the last one counts.
func parseYAML(s string) (any, error) {
	if s == "" {
		return map[string]any{}, nil
	}
	var document yaml.Node
	err := yaml.NewDecoder(strings.NewReader(s)).Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil // nothing but comments
	}
	if err != nil {
		return nil, yamlError(err)
	}
	asYAML11(&document)
	var value any
	if err := document.Decode(&value); err != nil {
		return nil, yamlError(err)
	}
	return value, nil
}

// yamlError keeps the line of an error and drops the rest, which may quote the document.
func yamlError(err error) error {
	line := regexp.MustCompile(`line \d+`).FindString(err.Error())
	if line == "" {
		return fail("invalid YAML")
	}
	return fail("invalid YAML, %s", line)
}

// asYAML11 changes what the reader would take otherwise. Keys stay texts.
func asYAML11(n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		dropRepeated(n)
		for i := 1; i < len(n.Content); i += 2 {
			asYAML11(n.Content[i])
		}
	case yaml.ScalarNode:
		retype(n)
	default:
		for _, child := range n.Content {
			asYAML11(child)
		}
	}
}

// dropRepeated leaves the last value of each key.
func dropRepeated(n *yaml.Node) {
	last := map[[2]string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		last[keyOf(n.Content[i])] = i
	}
	var content []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind != yaml.ScalarNode || last[keyOf(key)] == i {
			content = append(content, key, n.Content[i+1])
		}
	}
	n.Content = content
}

func keyOf(n *yaml.Node) [2]string { return [2]string{n.ShortTag(), n.Value} }

// retype gives a plain scalar the type it had in YAML 1.1.
func retype(n *yaml.Node) {
	if n.Style != 0 {
		return
	}
	switch n.ShortTag() {
	case "!!timestamp":
		n.Tag = "!!str"
	case "!!str":
		if truth, ok := oldTruth(n.Value); ok {
			n.Tag, n.Value = "!!bool", fmt.Sprint(truth)
		}
	}
}

// oldTruth reads the words that only YAML 1.1 takes for truth values. They may
// be in lower case, in upper case or capitalized.
func oldTruth(s string) (truth, ok bool) {
	lower := strings.ToLower(s)
	if s != lower && s != strings.ToUpper(s) && s[1:] != lower[1:] {
		return false, false
	}
	switch lower {
	case "y", "yes", "on":
		return true, true
	case "n", "no", "off":
		return false, true
	}
	return false, false
}

// toYAML leaves out the line break at the end, and all others that stand there:
// so does the function of the old agent, with lines that belong to a text, too.
func toYAML(v any) (string, error) {
	out, err := encodeYAML(v)
	return strings.TrimSpace(string(out)), err
}

// encodeYAML writes with two blanks a level and without more for lists.
func encodeYAML(v any) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := e.Encode(plainNumbers(v)); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// plainNumbers replaces what the encoder writes wrong: the numbers of a secret,
// which it would quote as texts, and texts that it cannot read back.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	case string:
		return plainText(v)
	case map[string]any:
		return plainMap(v)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = plainNumbers(item)
		}
		return items
	case *object:
		o := *v
		if data, ok := plainMap(v.Data).(map[string]any); ok {
			o.Data = data
		}
		return &o
	default:
		return v
	}
}

// plainText quotes texts of several lines that begin with a blank: the encoder
// leaves out the number that tells how far their lines are indented.
func plainText(text string) any {
	if !strings.Contains(text, "\n") || strings.TrimLeft(text, " \t\n\r") == text {
		return text
	}
	return quoted(text)
}

func quoted(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
}

// plainMap returns a map or, where a name has several lines, a node with it quoted.
func plainMap(m map[string]any) any {
	out := make(map[string]any, len(m))
	several := false
	for key, value := range m {
		out[key] = plainNumbers(value)
		several = several || strings.Contains(key, "\n")
	}
	if !several {
		return out
	}
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range slices.Sorted(maps.Keys(out)) {
		value := &yaml.Node{}
		if err := value.Encode(out[key]); err != nil {
			return out
		}
		node.Content = append(node.Content, quoted(key), value)
	}
	return node
}
