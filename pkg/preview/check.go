package preview

import "github.com/vaultk8s/vaultk8s/pkg/render"

// CheckTemplate parses a template without executing it. The error has line and
// column.
func CheckTemplate(text, left, right string) error {
	_, err := render.Parse(text, render.Options{LeftDelim: left, RightDelim: right})
	return err
}
