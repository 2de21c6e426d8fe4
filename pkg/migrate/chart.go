package migrate

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/charts"
)

// chart is what is known of ours: its values, and the keys of the older ones that
// have another place.
type chart struct {
	ours    map[string]ours
	rows    map[string]row
	foreign []string
	server  []string
}

// row is one of the table: a key goes elsewhere, or has no effect.
type row struct {
	From, To, Gone string
	Was            any
}

// ours is one of our keys.
type ours struct {
	value  any
	open   bool // a map or list of the user's own
	parent bool // there are keys below it that are known
}

func readChart() (*chart, error) {
	var table struct {
		Rows            []row
		Foreign, Server []string
	}
	if err := yaml.Unmarshal(charts.Compatibility(), &table); err != nil {
		return nil, fmt.Errorf("%w: %w", errChart, err)
	}
	c := &chart{ours: map[string]ours{}, rows: map[string]row{}, foreign: table.Foreign, server: table.Server}
	for _, r := range table.Rows {
		c.rows[r.From] = r
	}
	var document yaml.Node
	if err := yaml.Unmarshal(charts.Values(), &document); err != nil || len(document.Content) == 0 {
		return nil, fmt.Errorf("%w: %w", errChart, err)
	}
	return c, c.learn("", document.Content[0])
}

// learn walks through the values with their comments, which say what is open.
func (c *chart) learn(above string, node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := strings.TrimPrefix(above+"."+name.Value, ".")
		known := ours{
			open:   isOpen(name.HeadComment),
			parent: value.Kind == yaml.MappingNode && len(value.Content) > 0 && !strings.Contains(name.HeadComment, "@open") || key == "global",
		}
		if err := value.Decode(&known.value); err != nil {
			return fmt.Errorf("%w: %w", errChart, err)
		}
		c.ours[key] = known
		if known.parent {
			if err := c.learn(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOpen tells from the comment of a key whether users have keys of their own in it.
func isOpen(comment string) bool {
	for line := range strings.Lines(comment) {
		_, types, isType := strings.Cut(line, "@type ")
		if strings.Contains(line, "@open") || isType && (strings.Contains(types, "object") || strings.Contains(types, "array")) {
			return true
		}
	}
	return false
}

// find returns our key at a place, or the open one that it is part of.
func (c *chart) find(at []string) (ours, bool) {
	if known, is := c.ours[strings.Join(at, ".")]; is {
		return known, true
	}
	for n := len(at) - 1; n > 0; n-- {
		if known, is := c.ours[strings.Join(at[:n], ".")]; is {
			return ours{}, known.open
		}
	}
	return ours{}, false
}

// meant names a key that is close to one that is not known.
func (c *chart) meant(key string) string {
	var near []string
	for known := range c.ours {
		if strings.EqualFold(known, key) || oneApart(known, key) {
			near = append(near, known)
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.Sort(near)
	return "; is " + near[0] + " meant?"
}

// oneApart tells whether two texts differ by one letter that is other, missing or
// too many, or by two that changed places.
func oneApart(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 || a == b {
		return false
	}
	start, end := 0, 0
	for start < len(b) && a[start] == b[start] {
		start++
	}
	for end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	changedA, changedB := a[start:len(a)-end], b[start:len(b)-end]
	return len(changedA) <= 1 || len(changedA) == 2 && len(changedB) == 2 && changedA[0] == changedB[1] && changedA[1] == changedB[0]
}
