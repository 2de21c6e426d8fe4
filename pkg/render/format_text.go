package render

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

func toJSONLine(s *selection) ([]byte, error) {
	encoded, err := compactJSON(s.object())
	return append(encoded, '\n'), err
}

func toYAMLDocument(s *selection) ([]byte, error) {
	encoded, err := encodeYAML(s.object())
	if err != nil {
		return nil, fail("a value cannot be written as YAML")
	}
	return encoded, nil
}

// toRaw returns the only value, without anything added.
func toRaw(s *selection) ([]byte, error) {
	if len(s.fields) != 1 {
		return nil, fail("format \"raw\" takes one key, and %q has %d: name the one to take", s.o.Query, len(s.fields))
	}
	text, err := textOf(s.fields[0].value)
	return []byte(text), err
}

// maxFileName is what Linux file systems allow, in bytes.
const maxFileName = 255

// toFiles makes a file of each key.
func toFiles(s *selection, r *Result) error {
	r.Set = []File{}
	for _, f := range s.fields {
		if f.name == "" || f.name == "." || strings.HasPrefix(f.name, "..") || strings.ContainsAny(f.name, "/\x00") || len(f.name) > maxFileName {
			return fail("key %q cannot be the name of a file", f.name)
		}
		text, err := textOf(f.value)
		if err != nil {
			return err
		}
		r.Set = append(r.Set, File{Name: f.name, Content: []byte(text)})
	}
	return nil
}

// toEnv writes assignments.
func toEnv(s *selection) ([]byte, error) {
	var out strings.Builder
	from := map[string]string{}
	for _, f := range s.fields {
		name, err := variableName(f.name)
		if err != nil {
			return nil, err
		}
		if other, taken := from[name]; taken {
			return nil, fail("keys %q and %q both become the variable %s", other, f.name, name)
		}
		from[name] = f.name
		text, err := textOf(f.value)
		if err != nil {
			return nil, err
		}
		if strings.ContainsRune(text, 0) {
			return nil, fail("the value of key %q holds a NUL, which no variable can", f.name)
		}
		out.WriteString(name + "=" + shellQuote(text) + "\n")
	}
	return []byte(out.String()), nil
}

// variableName replaces what the name of a variable must not hold.
func variableName(key string) (string, error) {
	if key == "" {
		return "", fail("a key without a name cannot be a variable")
	}
	name := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			return c
		}
		return '_'
	}, key)
	if '0' <= name[0] && name[0] <= '9' {
		name = "_" + name
	}
	return name, nil
}

// shellQuote prefers single quotes, within which every shell and every dotenv
// parser takes all as it is. A text with such a quote needs double ones: a shell
// would read 'it'\”s', but no dotenv parser.
func shellQuote(text string) string {
	if !strings.Contains(text, "'") {
		return "'" + text + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(text) + `"`
}

// toProperties writes what java.util.Properties reads, in ASCII, so that it does
// not matter whether a reader takes it for ISO 8859-1 or for UTF-8.
func toProperties(s *selection) ([]byte, error) {
	var out strings.Builder
	for _, f := range s.fields {
		text, err := textOf(f.value)
		if err != nil {
			return nil, err
		}
		out.WriteString(escapeProperty(f.name, true) + "=" + escapeProperty(text, false) + "\n")
	}
	return []byte(out.String()), nil
}

func escapeProperty(text string, key bool) string {
	var out strings.Builder
	for i, c := range text {
		switch {
		case c == ' ' && (key || i == 0), strings.ContainsRune(`\=:#!`, c):
			out.WriteString(`\` + string(c))
		case ' ' <= c && c <= '~':
			out.WriteRune(c)
		default:
			out.WriteString(escapeUnit(c))
		}
	}
	return out.String()
}

func escapeUnit(c rune) string {
	switch c {
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\f':
		return `\f`
	}
	var out strings.Builder
	for _, unit := range utf16.AppendRune(nil, c) {
		fmt.Fprintf(&out, `\u%04X`, unit)
	}
	return out.String()
}
