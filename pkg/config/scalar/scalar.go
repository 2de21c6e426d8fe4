// Package scalar reads single values the forgiving way of the Vault tools.
//
// Annotations, environment variables and JSON written by other programs hold
// numbers and booleans as strings, and durations as bare seconds. [Duration]
// and [Bool] are what most callers need. Errors quote the input and say what
// was expected; do not pass secrets.
package scalar

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration reads a number of seconds ("30") or a number with units ("30s",
// "1h30m", "2d"). It refuses negative ones.
func Duration(text string) (time.Duration, error) {
	d, err := duration(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write seconds (30) or a number with a unit (30s, 5m, 1h30m, 2d)", text)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is a negative duration", text)
	}
	return d, nil
}

func duration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		return multiple(days, 24*time.Hour)
	}
	if d, err := multiple(text, time.Second); err == nil {
		return d, nil
	}
	return time.ParseDuration(text)
}

// multiple reads a whole number of units; what does not fit an int64 of
// nanoseconds (292 years) is refused.
func multiple(text string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit) {
		return 0, errors.New("out of range")
	}
	return time.Duration(n) * unit, nil
}

// Bool reads true, false, 1, 0, t and f in the spellings of strconv.ParseBool.
func Bool(text string) (bool, error) {
	b, err := strconv.ParseBool(strings.TrimSpace(text))
	if err != nil {
		return false, fmt.Errorf("%q is not a boolean: write true or false", text)
	}
	return b, nil
}

// Int reads a decimal integer.
func Int(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("%q is not an integer", text)
	}
	return n, nil
}

// Float reads a decimal number; it refuses infinities and NaN.
func Float(text string) (float64, error) {
	x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return x, nil
}

// Words reads a list separated by commas; blanks around a word and empty words
// fall away. It returns nil for an empty list.
func Words(text string) []string {
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}
