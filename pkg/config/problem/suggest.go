package problem

import (
	"fmt"
	"slices"
)

// UnknownKey words the finding that a key is not known. The path is the whole
// key as the user would say it, the name its last part, and known are the names
// that could have been meant.
func UnknownKey(path, name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("key %q is unknown; did you mean %q?", path, near)
	}
	return fmt.Sprintf("key %q is unknown", path)
}

// Nearest returns the known name that is most likely meant, "" if none is close.
// Close means at most one slip of the pen per three letters: a typing mistake is
// found, a different word is not.
func Nearest(name string, known []string) string {
	sorted := slices.Sorted(slices.Values(known)) // ties are settled by the alphabet
	best, bestAt := "", max(1, len(name)/3)+1
	for _, k := range sorted {
		if at := distance(name, k); at < bestAt {
			best, bestAt = k, at
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbors that turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
