package fakevault

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// text returns a field as a string; a number or boolean in its JSON form.
func (c *call) text(field string) string {
	switch v := c.body[field].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// flag returns a field as a boolean, or otherwise.
func (c *call) flag(field string, otherwise bool) bool {
	b, err := strconv.ParseBool(c.text(field))
	if err != nil {
		return otherwise
	}
	return b
}

func (c *call) number(field string) int {
	n, _ := strconv.Atoi(c.text(field))
	return n
}

// list returns a field as a list; a string is a list of one.
func (c *call) list(field string) []string {
	switch v := c.body[field].(type) {
	case []any:
		out := make([]string, len(v))
		for i, e := range v {
			out[i] = fmt.Sprint(e)
		}
		return out
	case string:
		return []string{v}
	}
	return nil
}

// words is list, with strings taken apart at commas.
func (c *call) words(field string) []string {
	var out []string
	for _, e := range c.list(field) {
		for w := range strings.SplitSeq(e, ",") {
			if w = strings.TrimSpace(w); w != "" {
				out = append(out, w)
			}
		}
	}
	return out
}

// durations reads several TTL fields at once and fails with Vault's text for the
// first that is none.
func (c *call) durations(into map[string]*time.Duration) *reply {
	if err := c.readDurations(into); err != nil {
		return badRequest("Field validation failed: %v", err)
	}
	return nil
}

func (c *call) readDurations(into map[string]*time.Duration) error {
	for field, d := range into {
		v, present := c.body[field]
		if !present {
			continue
		}
		var err error
		if *d, err = parseTTL(v); err != nil {
			return fmt.Errorf("error converting input for field %q: %w", field, err)
		}
	}
	return nil
}
