package visit

import "strings"

// Lines makes one line of an error that has several, and one that is the same for
// each connection: of "10.0.0.1:40000->10.0.0.2:8200" the first is another each time,
// and a status that changes is a write.
func Lines(err error) string {
	words := strings.Split(strings.ReplaceAll(err.Error(), "\n", "; "), " ")
	for i, word := range words {
		if _, to, ok := strings.Cut(word, "->"); ok {
			words[i] = to
		}
	}
	return strings.Join(words, " ")
}
