package process

import (
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// literalWords returns the words of a shell line that is nothing but one program
// with plain or quoted arguments, as most lines are that start an application.
// Such a line needs no interpreter.
func literalWords(line string) ([]string, bool) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(line), "")
	if err != nil || len(file.Stmts) != 1 {
		return nil, false
	}
	call, ok := file.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || !isPlain(file.Stmts[0]) || len(call.Assigns) > 0 {
		return nil, false
	}
	words := make([]string, 0, len(call.Args))
	for _, arg := range call.Args {
		word, ok := literalWord(arg)
		if !ok {
			return nil, false
		}
		words = append(words, word)
	}
	if len(words) > 1 && words[0] == "exec" && !strings.HasPrefix(words[1], "-") {
		words = words[1:]
	}
	return words, words[0] != "" && !interp.IsBuiltin(words[0])
}

// isPlain tells whether a statement does no more than its command.
func isPlain(st *syntax.Stmt) bool {
	return !st.Negated && !st.Background && !st.Coprocess && !st.Disown && len(st.Redirs) == 0
}

func literalWord(word *syntax.Word) (string, bool) {
	var text strings.Builder
	for _, part := range word.Parts {
		piece, ok := literalPart(part)
		if !ok {
			return "", false
		}
		text.WriteString(piece)
	}
	return text.String(), true
}

// literalPart leaves everything that may stand for something else to the
// interpreter: patterns, braces, the home directory, escapes and expansions.
func literalPart(part syntax.WordPart) (string, bool) {
	switch p := part.(type) {
	case *syntax.Lit:
		return p.Value, !strings.ContainsAny(p.Value, "\\*?[{}~")
	case *syntax.SglQuoted:
		return p.Value, !p.Dollar
	case *syntax.DblQuoted:
		var text strings.Builder
		for _, inner := range p.Parts {
			lit, ok := inner.(*syntax.Lit)
			if !ok || strings.Contains(lit.Value, "\\") {
				return "", false
			}
			text.WriteString(lit.Value)
		}
		return text.String(), !p.Dollar
	default:
		return "", false
	}
}
