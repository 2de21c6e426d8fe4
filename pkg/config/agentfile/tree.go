package agentfile

import (
	"bytes"
	"fmt"
)

// kind tells what a node is.
type kind uint8

const (
	null kind = iota
	text
	number
	boolean
	list
	object
)

func (k kind) String() string {
	return [...]string{"nothing", "a string", "a number", "a boolean", "a list", "a block"}[k]
}

// node is one value of either notation.
type node struct {
	kind   kind
	line   int
	text   string  // of a text, number (decimal) or boolean
	items  []*node // of a list
	fields []field // of an object, in the order written; names may repeat
}

// field is one attribute or block.
type field struct {
	name   string
	labels []string // of a block: method "kubernetes" {}
	line   int
	value  *node
	nth    int // how many of the same name stand before it
}

// maxDepth bounds how deep values nest; a document needs about six.
const maxDepth = 64

// syntaxError is a fault that keeps the text from being read at all.
type syntaxError struct {
	line int
	text string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// parse reads JSON if the text begins with a brace, as the Vault Agent does, else HCL.
func parse(src []byte) (*node, error) {
	if trimmed := bytes.TrimSpace(src); len(trimmed) > 0 && trimmed[0] == '{' {
		return parseJSON(src)
	}
	return parseHCL(src)
}

// blocks returns the objects that a value stands for: itself, or the items of
// a list; ok is false if there is anything else.
func blocks(n *node) (objects []*node, ok bool) {
	switch n.kind {
	case null:
		return nil, true
	case object:
		return []*node{n}, true
	case list:
		for _, item := range n.items {
			inner, ok := blocks(item)
			if !ok {
				return nil, false
			}
			objects = append(objects, inner...)
		}
		return objects, true
	default:
		return nil, false
	}
}
