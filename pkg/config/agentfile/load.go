package agentfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Load reads files and directories in the order given and lays each over what
// was read before: lists of templates and listeners grow, other blocks and
// single values replace. Of a directory it takes the files that end in .hcl or
// .json, sorted by name. A path "env:NAME" stands for a variable that holds a
// document in base64. An error is a [Problems], unless a file could not be read.
func Load(paths []string) (*Document, Warnings, error) {
	files, err := expand(paths)
	if err != nil {
		return nil, nil, err
	}
	doc := New()
	d := &decoder{}
	for _, file := range files {
		src, err := read(file)
		if err != nil {
			return nil, nil, err
		}
		d.decode(doc, file, src)
	}
	return d.result(doc)
}

// variablePrefix marks a path that is the name of a variable.
const variablePrefix = "env:"

func read(file string) ([]byte, error) {
	if name, ok := strings.CutPrefix(file, variablePrefix); ok {
		text, set := os.LookupEnv(name)
		if !set {
			return nil, fmt.Errorf("read agent configuration: the variable %q is not set", name)
		}
		return plain(name, text)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read agent configuration: %w", err)
	}
	return src, nil
}

func expand(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		if strings.HasPrefix(path, variablePrefix) {
			files = append(files, path)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read agent configuration: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		inside, err := directory(path)
		if err != nil {
			return nil, err
		}
		files = append(files, inside...)
	}
	return files, nil
}

// directory lists the documents of a directory; os.ReadDir sorts them.
func directory(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read agent configuration: %w", err)
	}
	var files []string
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		if !isDocument(entry.Name()) {
			continue
		}
		// A file of a ConfigMap is a symbolic link, of which the entry tells nothing.
		info, err := os.Stat(file)
		if errors.Is(err, os.ErrNotExist) || err == nil && info.IsDir() {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read agent configuration: %w", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// isDocument tells a document from the leftovers of editors: .#NAME is a lock of
// emacs; NAME~ and #NAME# do not end like a document.
func isDocument(name string) bool {
	if strings.HasPrefix(name, ".#") {
		return false
	}
	return strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".json")
}
