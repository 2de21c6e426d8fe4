package secret

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCopyTree(t *testing.T) {
	original := map[string]any{"m": map[string]any{"l": []any{map[string]any{"k": "v"}}}, "nil": nil, "n": 1}
	copied := CopyMap(original)
	if diff := cmp.Diff(original, copied); diff != "" {
		t.Fatal(diff)
	}
	copied["m"].(map[string]any)["l"].([]any)[0].(map[string]any)["k"] = "changed"
	if original["m"].(map[string]any)["l"].([]any)[0].(map[string]any)["k"] != "v" {
		t.Error("the copy shares a map with the original")
	}
	if CopyMap(nil) != nil {
		t.Error("the copy of nil is not nil")
	}
}
