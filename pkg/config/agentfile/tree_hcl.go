package agentfile

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	hclstrconv "github.com/hashicorp/hcl/hcl/strconv"
	"github.com/hashicorp/hcl/hcl/token"
)

// parseHCL reads HCL version 1. Attributes may repeat: the Vault Agent of old
// took the last one, and files in use rely on it.
func parseHCL(src []byte) (*node, error) {
	file, err := parser.ParseDontErrorOnDuplicateKeys(src)
	if err != nil {
		var at *parser.PosError
		if errors.As(err, &at) {
			return nil, &syntaxError{line: at.Pos.Line, text: at.Err.Error()}
		}
		return nil, &syntaxError{line: 1, text: err.Error()}
	}
	items, ok := file.Node.(*ast.ObjectList)
	if !ok {
		return nil, &syntaxError{line: 1, text: "the document must be a list of blocks and attributes"}
	}
	return hclObject(items, 1, 0)
}

func hclObject(items *ast.ObjectList, line, depth int) (*node, error) {
	n := &node{kind: object, line: line}
	for _, item := range items.Items {
		f, err := hclField(item, depth)
		if err != nil {
			return nil, err
		}
		n.fields = append(n.fields, f)
	}
	return n, nil
}

func hclField(item *ast.ObjectItem, depth int) (field, error) {
	var f field
	for i, key := range item.Keys {
		name, err := hclKey(key.Token)
		if err != nil {
			return f, err
		}
		if i == 0 {
			f.name, f.line = name, key.Token.Pos.Line
		} else {
			f.labels = append(f.labels, name)
		}
	}
	if len(item.Keys) == 0 || item.Val == nil {
		return f, &syntaxError{line: item.Pos().Line, text: "a value stands without a name"}
	}
	var err error
	f.value, err = hclValue(item.Val, f.line, depth+1)
	return f, err
}

func hclKey(t token.Token) (string, error) {
	if t.Type != token.STRING {
		return t.Text, nil
	}
	name, err := hclstrconv.Unquote(t.Text)
	if err != nil {
		return "", &syntaxError{line: t.Pos.Line, text: fmt.Sprintf("key %s is not a valid string", t.Text)}
	}
	return name, nil
}

func hclValue(value ast.Node, line, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, &syntaxError{line: line, text: fmt.Sprintf("values nest deeper than %d levels", maxDepth)}
	}
	switch v := value.(type) {
	case *ast.ObjectType:
		return hclObject(v.List, line, depth)
	case *ast.ListType:
		return hclList(v, line, depth)
	case *ast.LiteralType:
		return hclLiteral(v.Token)
	default:
		return nil, &syntaxError{line: line, text: "a value is expected"}
	}
}

func hclList(v *ast.ListType, line, depth int) (*node, error) {
	n := &node{kind: list, line: line}
	for _, item := range v.List {
		value, err := hclValue(item, item.Pos().Line, depth+1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, value)
	}
	return n, nil
}

// hclLiteral does what Token.Value does, which panics where this returns an error.
// The value is not quoted in an error, because it may be a secret.
func hclLiteral(t token.Token) (*node, error) {
	n := &node{line: t.Pos.Line, text: t.Text}
	switch t.Type {
	case token.BOOL:
		n.kind = boolean
	case token.NUMBER:
		i, err := strconv.ParseInt(t.Text, 0, 64)
		if err != nil {
			return nil, &syntaxError{line: n.line, text: fmt.Sprintf("%s is not an integer of 64 bits", t.Text)}
		}
		n.kind, n.text = number, strconv.FormatInt(i, 10)
	case token.FLOAT:
		n.kind = number
	case token.STRING:
		s, err := hclstrconv.Unquote(t.Text)
		if err != nil {
			return nil, &syntaxError{line: n.line, text: "a string is not valid: check its quotes and backslashes"}
		}
		n.kind, n.text = text, s
	case token.HEREDOC:
		s, err := heredoc(t)
		if err != nil {
			return nil, &syntaxError{line: n.line, text: err.Error()}
		}
		n.kind, n.text = text, s
	default:
		return nil, &syntaxError{line: n.line, text: fmt.Sprintf("%s is no value", t.Type)}
	}
	return n, nil
}

// heredoc leaves the rules of indentation to the library, whose slices go out
// of range for a marker that never ends.
func heredoc(t token.Token) (s string, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("a heredoc has no end")
		}
	}()
	s, _ = t.Value().(string)
	return s, nil
}
