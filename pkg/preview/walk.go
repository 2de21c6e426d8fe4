package preview

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// requester sends a request to Vault; [Vault] is one.
type requester interface {
	Do(ctx context.Context, r vault.Request) (*vault.Response, error)
}

// found is one secret of a key-value mount.
type found struct {
	path   string // as a template reads it, with data/ where the mount wants that
	keys   []string
	nested bool // the keys are below .Data.data
}

// kvMount is a mount, and what its API wants in front of a path.
type kvMount struct {
	path string // with a slash at its end
	v2   bool
}

func (m kvMount) data(rest string) string { return m.path + m.segment("data/") + rest }

func (m kvMount) list(rest string) string { return m.path + m.segment("metadata/") + rest }

func (m kvMount) segment(name string) string {
	if m.v2 {
		return name
	}
	return ""
}

// walk finds the secret at a path or, with /* at its end, all below it, sorted.
func walk(ctx context.Context, v requester, pattern string) ([]found, error) {
	path, tree := strings.CutSuffix(strings.Trim(strings.TrimSpace(pattern), "/"), "/*")
	if path == "" || strings.Contains(path, "*") {
		return nil, fmt.Errorf("path %q: * may only stand for the last part, below a mount", pattern)
	}
	mount, err := mountOf(ctx, v, path)
	if err != nil {
		return nil, err
	}
	rest := strings.TrimPrefix(path+"/", mount.path)
	if mount.v2 {
		rest = strings.TrimPrefix(strings.TrimPrefix(rest, "data/"), "metadata/")
	}
	if tree {
		return below(ctx, v, mount, rest)
	}
	one, err := read(ctx, v, mount, strings.TrimSuffix(rest, "/"))
	if err != nil {
		return nil, err
	}
	return []found{*one}, nil
}

// mountOf asks Vault about the mount of a path.
func mountOf(ctx context.Context, v requester, path string) (kvMount, error) {
	answer, err := v.Do(ctx, vault.Request{Method: http.MethodGet, Path: "sys/internal/ui/mounts/" + path})
	if err != nil {
		return kvMount{}, err
	}
	data := answer.Data.Reveal()
	if kind := fmt.Sprint(data["type"]); kind != "kv" && kind != "generic" {
		return kvMount{}, fmt.Errorf("path %q is in a mount of type %q: only kv has keys that are known in advance", path, kind)
	}
	options, _ := data["options"].(map[string]any)
	reported, _ := data["path"].(string)
	mount := kvMount{path: strings.Trim(reported, "/") + "/", v2: fmt.Sprint(options["version"]) == "2"}
	// Inside a namespace Vault may report the mount with the namespace before it.
	for !strings.HasPrefix(path+"/", mount.path) {
		_, shorter, ok := strings.Cut(mount.path, "/")
		if !ok || shorter == "" {
			return kvMount{}, fmt.Errorf("vault says that path %q is in mount %q", path, reported)
		}
		mount.path = shorter
	}
	return mount, nil
}

// below reads all secrets below a folder, which is "" or ends with a slash.
func below(ctx context.Context, v requester, mount kvMount, folder string) ([]found, error) {
	answer, err := v.Do(ctx, vault.Request{Method: "LIST", Path: strings.TrimSuffix(mount.list(folder), "/")})
	if err != nil {
		return nil, err
	}
	var all []found
	for _, name := range names(answer) {
		if strings.HasSuffix(name, "/") {
			inner, err := below(ctx, v, mount, folder+name)
			if err != nil {
				return nil, err
			}
			all = append(all, inner...)
			continue
		}
		one, err := read(ctx, v, mount, folder+name)
		if isGone(err) {
			continue // its newest version is deleted; the name stays in the list
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *one)
	}
	return all, nil
}

func isGone(err error) bool {
	var e *vault.Error
	return errors.As(err, &e) && e.Kind == vault.NotFound
}

// names returns what a list holds, sorted.
func names(r *vault.Response) []string {
	listed, _ := r.Data.Reveal()["keys"].([]any)
	var all []string
	for _, item := range listed {
		if name, ok := item.(string); ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// read finds the keys of a secret; its values are dropped.
func read(ctx context.Context, v requester, mount kvMount, rest string) (*found, error) {
	path := mount.data(rest)
	answer, err := v.Do(ctx, vault.Request{Method: http.MethodGet, Path: path})
	if err != nil {
		return nil, err
	}
	data := answer.Data.Reveal()
	if mount.v2 {
		data, _ = data["data"].(map[string]any)
	}
	return &found{path: path, keys: slices.Sorted(maps.Keys(data)), nested: mount.v2}, nil
}
