package render

import (
	"regexp"
	"strconv"
	"strings"
)

// textFunctions work on one text. The text itself comes last, for pipelines.
func textFunctions() []function {
	return []function{
		{name: "toLower", arguments: "TEXT", summary: "in lower case", plain: strings.ToLower},
		{name: "toUpper", arguments: "TEXT", summary: "in upper case", plain: strings.ToUpper},
		{name: "toTitle", arguments: "TEXT", summary: "the first letter of each word in upper case", plain: title},
		{name: "trim", arguments: "CHARACTERS TEXT", summary: "without those characters at both ends", plain: func(cut, s string) string { return strings.Trim(s, cut) }},
		{name: "trimPrefix", arguments: "PREFIX TEXT", summary: "without a prefix", plain: func(prefix, s string) string { return strings.TrimPrefix(s, prefix) }},
		{name: "trimSuffix", arguments: "SUFFIX TEXT", summary: "without a suffix", plain: func(suffix, s string) string { return strings.TrimSuffix(s, suffix) }},
		{name: "trimSpace", arguments: "TEXT", summary: "without white space at both ends", plain: strings.TrimSpace},
		{name: "replaceAll", arguments: "FROM TO TEXT", summary: "with every FROM replaced", plain: func(from, to, s string) string { return strings.ReplaceAll(s, from, to) }},
		{name: "regexReplaceAll", arguments: "PATTERN TO TEXT", summary: "with every match replaced; TO may contain $1", plain: regexReplaceAll},
		{name: "regexMatch", arguments: "PATTERN TEXT", summary: "tells whether the pattern matches anywhere", plain: regexMatch},
		{name: "indent", arguments: "N TEXT", summary: "with N blanks before every line that is not empty", plain: indent},
		{name: "split", arguments: "SEPARATOR TEXT", summary: "the parts of the trimmed text; none for an empty one", plain: split},
		{name: "parseBool", arguments: "TEXT", summary: "a truth value; false for an empty text", plain: parser(strconv.ParseBool)},
		{name: "parseInt", arguments: "TEXT", summary: "a whole number; 0 for an empty text", plain: parser(func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })},
		{name: "parseUint", arguments: "TEXT", summary: "a whole number that is not negative; 0 for an empty text", plain: parser(func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })},
		{name: "parseFloat", arguments: "TEXT", summary: "a number; 0 for an empty text", plain: parser(func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })},
	}
}

// parser makes a function that gives the zero value for an empty text.
func parser[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		var zero T
		if s == "" {
			return zero, nil
		}
		value, err := parse(s)
		if err != nil {
			return zero, err
		}
		return value, nil
	}
}

func regexReplaceAll(pattern, to, s string) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	return re.ReplaceAllString(s, to), nil
}

func regexMatch(pattern, s string) (bool, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false, err
	}
	return re.MatchString(s), nil
}

// indent leaves empty lines alone, so that it makes no trailing blanks.
func indent(n int, s string) (string, error) {
	if n < 0 {
		return "", fail("the number of blanks is %d, must not be negative", n)
	}
	blanks := strings.Repeat(" ", n)
	var out strings.Builder
	for line := range strings.Lines(s) {
		if line != "\n" {
			out.WriteString(blanks)
		}
		out.WriteString(line)
	}
	return out.String(), nil
}

func split(separator, s string) []string {
	s = strings.TrimSpace(s)
	if s == "" {
		return []string{}
	}
	return strings.Split(s, separator)
}
