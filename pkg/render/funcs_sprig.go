package render

import (
	"errors"
	"strings"
	"sync"

	"github.com/Masterminds/sprig/v3"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// sprigPrefix is what the names of sprig's functions begin with.
const sprigPrefix = "sprig_"

// sprigFunctions is the catalog of sprig, by name. It is made at the first
// template that may name one of them. The table says which there are: those
// whose result does not depend on the process, its clock, environment or
// network, as far as sprig tells.
var sprigFunctions = sync.OnceValue(func() map[string]any {
	all := sprig.GenericFuncMap()
	guardMaps(all)
	table := make(map[string]any, 200)
	for line := range strings.Lines(sprigTable) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "|")
		arguments, summary, _ := strings.Cut(rest, "|")
		if f, ok := all[name]; ok {
			table[sprigPrefix+name] = &function{name: sprigPrefix + name, arguments: arguments, summary: summary, group: "sprig", plain: f}
		}
	}
	return table
})

// guardMaps wraps the functions that change a map in place, see checkSet.
func guardMaps(all map[string]any) {
	type tree = map[string]any
	if set, ok := all["set"].(func(tree, string, any) tree); ok {
		all["set"] = func(m tree, key string, value any) (tree, error) {
			if m == nil {
				return nil, fail("the map is nil")
			}
			if err := checkSet(m, value); err != nil {
				return nil, err
			}
			return set(m, key, value), nil
		}
	}
	for _, name := range []string{"merge", "mergeOverwrite"} {
		if merge, ok := all[name].(func(tree, ...tree) any); ok {
			all[name] = func(m tree, others ...tree) (any, error) {
				return merge(m, copyMaps(others)...), checkMerged(m)
			}
		}
	}
	for _, name := range []string{"mustMerge", "mustMergeOverwrite"} {
		if merge, ok := all[name].(func(tree, ...tree) (any, error)); ok {
			all[name] = func(m tree, others ...tree) (any, error) {
				merged, err := merge(m, copyMaps(others)...)
				return merged, errors.Join(err, checkMerged(m))
			}
		}
	}
}

// copyMaps copies what is merged into a map: trees that share a part could
// otherwise make it contain itself.
func copyMaps(maps []map[string]any) []map[string]any {
	out := make([]map[string]any, len(maps))
	for i, m := range maps {
		out[i] = secret.CopyMap(m)
	}
	return out
}
