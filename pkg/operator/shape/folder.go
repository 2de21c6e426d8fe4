package shape

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// Folder says which secrets of a folder are read, and how their keys are named.
type Folder struct {
	recursive bool
	most      int
	pattern   *regexp.Regexp // nil: all
	template  *render.Set    // nil: path and key, joined by dots
	name      string         // of the template
}

// usualItems is how many secrets of a folder are read at most where the resource does
// not say it: the default that the API server writes.
const usualItems = 100

// NewFolder reads what a resource says of a folder. The name is for errors: list, or
// sources[0].list.
func NewFolder(name string, l *v1beta1.FolderList) (*Folder, error) {
	f := &Folder{recursive: l.Recursive, most: l.MaxItems, name: name + "." + keyTemplate}
	if f.most <= 0 {
		f.most = usualItems
	}
	var err error
	if l.NamePattern != "" {
		if f.pattern, err = regexp.Compile(l.NamePattern); err != nil {
			return nil, fmt.Errorf("%s.namePattern: %q is not a regular expression: %s", name, l.NamePattern, reason(err))
		}
	}
	if l.KeyTemplate != "" {
		if f.template, err = render.ParseSet([]render.SetTemplate{{Name: f.name, Text: l.KeyTemplate}}); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Recursive tells whether folders in the folder are read too.
func (f *Folder) Recursive() bool { return f.recursive }

// Most is how many secrets are read at most.
func (f *Folder) Most() int { return f.most }

// Keeps tells whether a secret is read, by its path below the folder.
func (f *Folder) Keeps(below string) bool { return f.pattern == nil || f.pattern.MatchString(below) }

// key names a key of a secret. Without a folder it stays.
func (f *Folder) key(below, key string) (string, error) {
	switch {
	case f == nil:
		return key, nil
	case f.template == nil:
		return strings.ReplaceAll(below, "/", ".") + "." + key, nil
	}
	text, err := f.template.Execute(f.name, map[string]any{"Path": below, "Name": path.Base(below), "Key": key}, nil)
	return string(text), err
}
