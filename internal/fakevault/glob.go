package fakevault

import "strings"

// glob tells whether text matches pattern, in which "*" stands for any text.
func glob(pattern, text string) bool {
	head, rest, found := strings.Cut(pattern, "*")
	if !strings.HasPrefix(text, head) {
		return false
	}
	if !found {
		return text == head
	}
	text = text[len(head):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], after
	}
}

// globAny tells whether one of the patterns matches.
func globAny(patterns []string, text string) bool {
	for _, p := range patterns {
		if glob(p, text) {
			return true
		}
	}
	return false
}
