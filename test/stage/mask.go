package stage

import "strings"

// Mask hides the middle of a secret. What is left, a quarter at most, tells two
// secrets apart and is of no use otherwise.
func Mask(secret string) string {
	letters := []rune(secret)
	shown := min(len(letters)/8, 4)
	return string(letters[:shown]) + "…" + string(letters[len(letters)-shown:])
}

// MaskIn hides the middle of a secret wherever a text contains it.
func MaskIn(text, secret string) string {
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, Mask(secret))
}
