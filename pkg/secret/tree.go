package secret

// CopyTree copies the maps and lists of a tree as encoding/json makes them, so that who
// gets it may change it. A map that is nil stays nil.
func CopyTree(tree any) any {
	switch v := tree.(type) {
	case map[string]any:
		return CopyMap(v)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = CopyTree(item)
		}
		return items
	default:
		return tree
	}
}

// CopyMap is CopyTree for a map.
func CopyMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = CopyTree(value)
	}
	return out
}
