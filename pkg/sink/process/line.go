package process

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// isShellLine tells a shell line from the name of a program. A path with none
// of these characters means the same to a shell and to execve.
func isShellLine(argv []string) bool {
	return len(argv) == 1 && strings.ContainsAny(argv[0], " \t\n|&;<>()$`\\\"'*?[~#{}")
}

// quote makes the line that a shell would split into these words again.
func quote(words []string) (string, error) {
	quoted := make([]string, len(words))
	for i, w := range words {
		q, err := syntax.Quote(w, syntax.LangBash)
		if err != nil {
			return "", fmt.Errorf("argument %d cannot be quoted: %w", i, err)
		}
		quoted[i] = q
	}
	return strings.Join(quoted, " "), nil
}

// script is a parsed text, ready to be interpreted.
type script struct {
	stmts      []*syntax.Stmt
	functions  []*syntax.Stmt // declarations, for statements that run apart
	background []*syntax.Stmt // bodies of "&", called by their index
}

// parse reads a shell text, refuses what the interpreter cannot do (it would
// ignore some of it silently), and turns background statements into calls.
func parse(text io.Reader) (*script, error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(text, "")
	if err != nil {
		return nil, fmt.Errorf("shell syntax: %w", err)
	}
	if err := check(file); err != nil {
		return nil, err
	}
	sc := &script{stmts: file.Stmts}
	sc.rearrange(file)
	return sc, nil
}

// check finds everything that is not supported.
func check(file *syntax.File) error {
	var problems []error
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.Redirect:
			problems = append(problems, checkRedirect(n))
		case *syntax.ProcSubst:
			problems = append(problems, unsupported(n, "process substitution"))
		case *syntax.CoprocClause:
			problems = append(problems, unsupported(n, "coproc"))
		}
		return true
	})
	return errors.Join(problems...)
}

// rearrange collects the functions of a tree and takes its background
// statements out.
func (sc *script) rearrange(tree syntax.Node) {
	syntax.Walk(tree, func(node syntax.Node) bool {
		if st, ok := node.(*syntax.Stmt); ok {
			sc.visit(st)
		}
		return true
	})
}

func unsupported(at syntax.Node, what string) error {
	return fmt.Errorf("shell line %s: %s is not supported", at.Pos(), what)
}

// visit puts a call in the place of a background statement, whose body is kept
// aside. The walk that called visit goes on into the call and finds nothing
// there, so the body is gone through here, for what is nested in it.
func (sc *script) visit(st *syntax.Stmt) {
	if _, ok := st.Cmd.(*syntax.FuncDecl); ok {
		sc.functions = append(sc.functions, st)
	}
	if !st.Background && !st.Disown {
		return
	}
	body := *st
	body.Background, body.Disown = false, false
	*st = syntax.Stmt{Position: st.Position, Cmd: callBackground(len(sc.background))}
	sc.background = append(sc.background, &body)
	sc.rearrange(&body)
}

// callBackground is the call: the word, the index, and "$@" so that positional
// parameters stay what they are.
func callBackground(index int) *syntax.CallExpr {
	all := &syntax.DblQuoted{Parts: []syntax.WordPart{
		&syntax.ParamExp{Short: true, Param: &syntax.Lit{Value: "@"}},
	}}
	return &syntax.CallExpr{Args: []*syntax.Word{
		{Parts: []syntax.WordPart{&syntax.Lit{Value: wordBackground}}},
		{Parts: []syntax.WordPart{&syntax.Lit{Value: fmt.Sprint(index)}}},
		{Parts: []syntax.WordPart{all}},
	}}
}

// checkRedirect refuses redirections that the interpreter would answer with a
// bare exit status. ">|" differs from ">" only under "set -C", which there is not.
func checkRedirect(r *syntax.Redirect) error {
	if r.N != nil && r.N.Value != "0" && r.N.Value != "1" && r.N.Value != "2" {
		return unsupported(r, "redirection of descriptor "+r.N.Value)
	}
	switch r.Op {
	case syntax.RdrClob:
		r.Op = syntax.RdrOut
	case syntax.DplOut:
		if to := r.Word.Lit(); to != "1" && to != "2" && to != "-" {
			return unsupported(r, "this target of >&")
		}
	case syntax.DplIn:
		if r.Word.Lit() != "-" {
			return unsupported(r, "this source of <&")
		}
	case syntax.RdrInOut:
		return unsupported(r, "<>")
	}
	return nil
}

// firstWord names a shell line in errors: its first literal command, never an
// assignment, whose value may be a credential.
func firstWord(line string) string {
	const anonymous = "shell line"
	file, err := syntax.NewParser().Parse(strings.NewReader(line), "")
	if err != nil {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.ContainsAny(word, "=\n") {
			return anonymous
		}
		return word
	}
	name := ""
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok && name == "" && len(call.Args) > 0 {
			name = call.Args[0].Lit()
		}
		return name == ""
	})
	if name == "" {
		return anonymous
	}
	return name
}
