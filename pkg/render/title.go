package render

import (
	"strings"
	"unicode"
)

// title sets the first letter of each word in title case and leaves the others
// as they are. A word is what Unicode's word boundaries (UAX 29) make of plain
// text: letters, digits, marks and underscores, and an apostrophe, point or
// colon between two letters: "it's" is one word, "3d" becomes "3D".
func title(s string) string {
	runes := []rune(s)
	var out strings.Builder
	out.Grow(len(s))
	titled := false // in this word
	for i, c := range runes {
		switch {
		case !inWord(runes, i):
			titled = false
		case !titled && unicode.IsLetter(c):
			c, titled = unicode.ToTitle(c), true
		}
		out.WriteRune(c)
	}
	return out.String()
}

// inWord tells whether the character at i belongs to a word, or joins two parts of one.
func inWord(runes []rune, i int) bool {
	c := runes[i]
	if c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) {
		return true
	}
	if i == 0 || i+1 == len(runes) {
		return false
	}
	before, after := runes[i-1], runes[i+1]
	switch c {
	case '\'', '.', '\u2018', '\u2019':
		return unicode.IsLetter(before) && unicode.IsLetter(after) || unicode.IsDigit(before) && unicode.IsDigit(after)
	case ':', '\u00b7':
		return unicode.IsLetter(before) && unicode.IsLetter(after)
	case ',', ';':
		return unicode.IsDigit(before) && unicode.IsDigit(after)
	}
	return false
}
