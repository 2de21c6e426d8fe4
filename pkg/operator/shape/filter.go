package shape

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// filter decides which keys of the answer are kept.
type filter struct {
	includes []*regexp.Regexp // none: all
	excludes []*regexp.Regexp
}

// keeps looks at excludes first. Patterns match anywhere in a key.
func (f filter) keeps(key string) bool {
	match := func(p *regexp.Regexp) bool { return p.MatchString(key) }
	if slices.ContainsFunc(f.excludes, match) {
		return false
	}
	return len(f.includes) == 0 || slices.ContainsFunc(f.includes, match)
}

// compile reads the patterns of a list in a resource. The problems are joined.
func compile(list string, patterns []string) ([]*regexp.Regexp, error) {
	var compiled []*regexp.Regexp
	var problems []error
	for i, text := range patterns {
		p, err := regexp.Compile(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s[%d]: %q is not a regular expression: %s", list, i, text, reason(err)))
			continue
		}
		compiled = append(compiled, p)
	}
	return compiled, errors.Join(problems...)
}
