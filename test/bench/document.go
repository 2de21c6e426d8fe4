package main

import (
	"fmt"
	"os"
	"strings"
)

// writeSection replaces what a measurement found out before.
func writeSection(path, name, content string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	changed, err := replaceSection(string(text), name, content)
	if err != nil {
		return fmt.Errorf("write results to %q: %w", path, err)
	}
	return os.WriteFile(path, []byte(changed), 0o644)
}

// replaceSection replaces the lines between the two markers of a section, which
// are comments in markdown.
func replaceSection(text, name, content string) (string, error) {
	begin, end := "<!-- bench "+name+": begin -->\n", "<!-- bench "+name+": end -->\n"
	before, rest, ok := strings.Cut(text, begin)
	if !ok {
		return "", fmt.Errorf("marker %q is missing", strings.TrimSpace(begin))
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("marker %q is missing after its begin", strings.TrimSpace(end))
	}
	return before + begin + "\n" + strings.TrimSpace(content) + "\n\n" + end + after, nil
}
