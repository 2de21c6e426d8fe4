package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// verbatimTexts are the keys whose texts are the same on every server.
var verbatimTexts = []string{
	"actor", "audience", "capabilities", "creation_path", "credential_type", "deletion_time", "display_name", "errors", "keys",
	"mount_type", "name", "operation", "path", "policies", "policy", "private_key_type", "role_id", "role", "role_name", "service_account_name",
	"service_account_namespace", "token_policies", "token_type", "type", "value", "version", "warnings",
	"bound_service_account_names", "bound_service_account_namespaces", "delete_version_after", "deprecation_status",
}

// verbatimNumbers are the keys whose numbers are.
var verbatimNumbers = []string{
	"creation_ttl", "current_version", "default_lease_ttl", "default_ttl", "explicit_max_ttl", "max_lease_ttl",
	"max_ttl", "n", "num_uses", "oldest_version", "period", "rotation_period", "secret_id_num_uses", "secret_id_ttl", "t", "progress",
	"token_max_ttl", "token_num_uses", "token_period", "token_ttl", "version", "max_versions",
}

// shape writes an answer without what differs by nature.
func (s *session) shape(a answer) string {
	head := strconv.Itoa(a.status)
	if a.kind != "application/json" {
		head += " " + a.kind
	}
	if len(bytes.TrimSpace(a.body)) == 0 {
		return head + "\n"
	}
	v, err := decode(a.body)
	if err != nil {
		return head + "\n" + kindOf(string(a.body)) + "\n"
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s.reduce("", v)); err != nil {
		return head + "\n" + err.Error() + "\n"
	}
	return head + "\n" + out.String()
}

func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// reduce replaces what differs between servers by its type.
func (s *session) reduce(key string, v any) any {
	switch v := v.(type) {
	case string:
		return s.reduceText(key, v)
	case json.Number:
		return reduceNumber(key, v)
	case []any:
		return s.reduceList(key, v)
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[s.hide(k)] = s.reduce(k, e)
		}
		return out
	}
	return v
}

func (s *session) reduceText(key, text string) any {
	hidden := s.hide(steadyCap(text))
	if i := strings.LastIndexByte(hidden, '/'); key == "lease_id" && i >= 0 {
		return hidden[:i] + "/<id>"
	}
	if isUUID(text) {
		return "<uuid>"
	}
	if text == "" || slices.Contains(verbatimTexts, key) {
		return kindIfTime(hidden)
	}
	if hidden != text {
		return hidden
	}
	return kindOf(text)
}

// steadyCap makes up for the seconds that pass before a renewal is capped: what
// is left of a max TTL is rounded up to ten of them.
func steadyCap(text string) string {
	const before = "effective max_ttl of \""
	head, rest, found := strings.Cut(text, before)
	left, tail, _ := strings.Cut(rest, "\"")
	d, err := time.ParseDuration(left)
	if !found || err != nil || d < time.Minute {
		return text
	}
	d = (d + 10*time.Second - 1).Truncate(10 * time.Second)
	short := d.String()
	if d%time.Minute == 0 {
		short = strings.TrimSuffix(strings.TrimSuffix(short, "0s"), "h0m")
		if d%time.Hour == 0 {
			short += "h"
		}
	}
	return head + before + short + "\"" + tail
}

// reduceList keeps the order only of what has one.
func (s *session) reduceList(key string, list []any) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = s.reduce(key, e)
	}
	slices.SortFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return out
}

func reduceNumber(key string, n json.Number) any {
	switch i, err := n.Int64(); {
	case (key == "ttl" || key == "lease_duration") && err == nil:
		return (i + 9) / 10 * 10 // a few seconds may have passed
	case slices.Contains(verbatimNumbers, key):
		return n
	}
	return "<number>"
}

// isUUID tells by the form alone: 8-4-4-4-12 characters.
func isUUID(text string) bool {
	parts := strings.Split(text, "-")
	return len(text) == 36 && len(parts) == 5 && len(parts[0]) == 8 && len(parts[4]) == 12
}

func kindIfTime(text string) string {
	if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return "<time>"
	}
	return text
}

func kindOf(text string) string {
	if kindIfTime(text) == "<time>" {
		return "<time>"
	}
	if rest, ok := strings.CutPrefix(text, "-----BEGIN "); ok {
		kind, _, _ := strings.Cut(rest, "-----")
		return fmt.Sprintf("<%d PEM, first %s>", strings.Count(text, "-----BEGIN "), kind)
	}
	return "<string>"
}

// dig finds a text in a JSON document by a dotted path; numbers index lists.
func dig(body []byte, path string) (string, error) {
	at, err := decode(body)
	if err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(v) {
				return "", fmt.Errorf("the answer has no %q", path)
			}
			at = v[i]
		}
	}
	text, ok := at.(string)
	if !ok {
		return "", fmt.Errorf("the answer has no text at %q", path)
	}
	return text, nil
}
