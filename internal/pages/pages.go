// Package pages reads the examples of the documentation, so that tests can take them
// for what a user would make of them.
//
// [Read] finds the pages; [Page.Fenced] returns the documents of a language, and
// [Page.Calls] the calls of a program in the commands that are to be typed.
package pages

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// Page is a page of the documentation.
type Page struct {
	Name string // the path from the root of the repository
	Text string
}

// Read returns README.md, CONTRIBUTING.md and what lies in docs, of the repository whose
// root is given.
func Read(root string) ([]Page, error) {
	names := []string{"README.md", "CONTRIBUTING.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			path, err = filepath.Rel(root, path)
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for pages: %w", err)
	}
	all := make([]Page, len(names))
	for i, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, fmt.Errorf("read a page: %w", err)
		}
		all[i] = Page{Name: filepath.ToSlash(name), Text: string(text)}
	}
	return all, nil
}

// Fenced returns the blocks between fences that name the language.
func (p Page) Fenced(language string) []string {
	var all []string
	for i, part := range strings.Split(p.Text, "```") {
		if text, ok := strings.CutPrefix(part, language+"\n"); ok && i%2 == 1 {
			all = append(all, text)
		}
	}
	return all
}

// Calls returns the words of each call of a program, without its own name, in the
// commands of the page: blocks of sh, and indented ones. A program may be called by its
// path. The error tells of a block that no shell would take.
func (p Page) Calls(program string) ([][]string, error) {
	var all [][]string
	for _, block := range append(p.Fenced("sh"), p.indented(program)...) {
		tree, err := syntax.NewParser().Parse(strings.NewReader(block), p.Name)
		if err != nil {
			return nil, fmt.Errorf("read the commands of %s: %w", p.Name, err)
		}
		found, err := calls(tree, program)
		if err != nil {
			return nil, fmt.Errorf("read the commands of %s: %w", p.Name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// indented returns the commands among what is indented by four blanks. What stands there
// is no shell's in every case, so only lines with the program's name are taken.
func (p Page) indented(program string) []string {
	var all []string
	var outside strings.Builder
	for i, part := range strings.Split(p.Text, "```") {
		if i%2 == 0 {
			outside.WriteString(part)
		}
	}
	text := strings.ReplaceAll(outside.String(), "\\\n", "")
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(line, "    ")
		if ok && !strings.HasPrefix(command, " ") && names(command, program) {
			all = append(all, command)
		}
	}
	return all
}

// names tells whether a line calls the program, as far as can be seen without a shell.
func names(line, program string) bool {
	for _, word := range strings.Fields(line) {
		if word == program || strings.HasSuffix(word, "/"+program) {
			return true
		}
	}
	return false
}

func calls(tree syntax.Node, program string) (all [][]string, err error) {
	plain := &expand.Config{}
	syntax.Walk(tree, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || err != nil || len(call.Args) == 0 || filepath.Base(call.Args[0].Lit()) != program {
			return true
		}
		words, problem := expand.Fields(plain, call.Args...)
		if problem != nil {
			err = problem
			return false
		}
		all = append(all, words[1:])
		return true
	})
	return all, err
}
