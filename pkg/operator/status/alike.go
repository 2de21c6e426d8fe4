package status

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Alike tells whether two messages say the same, but for points in time, measured
// times and identifiers of requests. A server's error holds other ones at each
// attempt, and neither a write nor an event is worth that.
func Alike(a, b string) bool {
	if a == b {
		return true
	}
	first, second := words(a), words(b)
	if len(first) != len(second) {
		return false
	}
	for i, word := range first {
		if word != second[i] && (passing(word) == "" || passing(word) != passing(second[i])) {
			return false
		}
	}
	return true
}

func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n\"'`()[]{}<>,;=", r) })
}

// passing is what a word is that differs each time; "" for any other.
func passing(word string) string {
	word = strings.TrimRight(word, ".:")
	if _, err := time.Parse(time.RFC3339, word); err == nil {
		return "moment"
	}
	if _, err := time.ParseDuration(word); err == nil && strings.Contains(word, ".") {
		return "span" // whole seconds are somebody's setting
	}
	if identifier(word) {
		return "identifier"
	}
	return ""
}

// identifier tells a UUID.
func identifier(word string) bool {
	if len(word) != 36 {
		return false
	}
	for i, r := range word {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return false
		}
	}
	return true
}

// settled keeps the message of a trouble that goes on. What is well may well hold a
// time that counts, such as the end of a certificate.
func settled(old, next metav1.Condition) string {
	trouble := next.Status != metav1.ConditionTrue || next.Type == v1beta1.ConditionReconciling || next.Type == v1beta1.ConditionStalled
	if trouble && old.Status == next.Status && old.Reason == next.Reason && old.ObservedGeneration == next.ObservedGeneration && Alike(old.Message, next.Message) {
		return old.Message
	}
	return next.Message
}
