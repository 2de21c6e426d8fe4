package render

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// minRedacted is the length in bytes from which a value is replaced in an
// error. Shorter ones occur in every sentence by chance, and to replace them
// would tell them rather than hide them. Our own texts hold none.
const minRedacted = 4

// redact replaces every value of every secret that this pass used.
func (r *run) redact(text string) string {
	var leaves []string
	for _, response := range r.responses {
		leaves = appendLeaves(leaves, response)
	}
	// The longest first: one value may be part of another.
	slices.SortFunc(leaves, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	pairs := make([]string, 0, 2*len(leaves))
	for _, leaf := range slices.Compact(leaves) {
		pairs = append(pairs, leaf, sensitive.Redacted)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// appendLeaves adds everything in a response that is secret.
func appendLeaves(leaves []string, response *secret.Response) []string {
	leaves = appendTree(leaves, response.Data.Reveal())
	if response.Auth != nil {
		leaves = appendTree(leaves, response.Auth.Value.Reveal())
		leaves = appendTree(leaves, response.Auth.Accessor)
	}
	if response.WrapInfo != nil {
		leaves = appendTree(leaves, response.WrapInfo.Token.Reveal())
	}
	return leaves
}

func appendTree(leaves []string, tree any) []string {
	switch v := tree.(type) {
	case string:
		return appendLeaf(leaves, v)
	case json.Number:
		return appendLeaf(leaves, v.String())
	case map[string]any:
		for _, value := range v {
			leaves = appendTree(leaves, value)
		}
	case []any:
		for _, value := range v {
			leaves = appendTree(leaves, value)
		}
	case []string:
		for _, value := range v {
			leaves = appendLeaf(leaves, value)
		}
	}
	return leaves
}

func appendLeaf(leaves []string, leaf string) []string {
	// What surrounds a value with blanks or lines is trimmed by many functions.
	trimmed := strings.TrimSpace(leaf)
	for _, text := range []string{leaf, trimmed} {
		if len(text) >= minRedacted {
			leaves = append(leaves, text)
		}
	}
	return leaves
}
