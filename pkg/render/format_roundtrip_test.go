package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/subosito/gotenv"
	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/sink/file"
	"github.com/vaultk8s/vaultk8s/pkg/sink/process"
)

// awkward are texts that one notation or another treats in a special way.
func awkward() map[string]string {
	return map[string]string{
		"EMPTY": "", "BLANK": " ", "BLANKS": "  a  b  ", "TAB": "\ta\t", "LINES": "one\ntwo\n\nfour", "ENDS": "one\n", "BEGINS": "\none", "RETURN": "a\rb", "CRLF": "a\r\nb",
		"SINGLE": "it's", "SINGLES": "''", "DOUBLE": `say "x"`, "BOTH": `'"'"`, "BACKTICK": "`id`", "TICKS": "'`id`'", "DOLLAR": "$HOME ${HOME} $$ $(id)",
		"QUOTED_DOLLAR": "'$HOME ${HOME} $(id)", "BACKSLASH": `\`, "SLASHES": `\\ \n \t \" \$`, "SLASHES_AND_QUOTE": `'\\ \n \$`, "HASH": "a # b", "BANG": "a!b", "EQUALS": "a=b=c",
		"COLON": "a: b", "UNICODE": "äöü € 😀 日本", "SEPARATOR": "a\u2028b\u0085c", "GLOB": "* ? [a]", "AMP": "a & b | c ; d", "TILDE": "~/x", "BRACE": "{a,b}",
		"QUOTED_LINES": "it's\n\"two\"\n`three`", "CONTROL": "\x01\x1b[31m\x7f", "TRUE": "true", "NUMBER": "007", "NULL": "null", "PERCENT": "%s%d",
		"JSON": `{"a":"b's"}`, "LONG": strings.Repeat("x", 5000), "INDENTED": "  a\n b\n", "DASHES": "- a\n- b", "DOCUMENT": "---\n...", "COMMENT": "#a\n#b",
	}
}

func asData(values map[string]string) sensitive.Data {
	data := map[string]any{}
	for name, value := range values {
		data[name] = value
	}
	return sensitive.NewData(data)
}

// asEnv writes the values into a file of assignments.
func asEnv(t testing.TB, values map[string]string) (path, text string) {
	t.Helper()
	text = formatted(t, render.FormatOptions{Format: "env"}, asData(values))
	path = filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, text
}

// readBack is the line that a shell reads a file with, and prints each variable.
func readBack(path string, names []string) string {
	line := ". '" + path + "'; printf '%s\\0'"
	for _, name := range names {
		line += ` "$` + name + `"`
	}
	return line
}

func split(out []byte, names []string) (map[string]string, error) {
	parts := strings.Split(string(out), "\x00")
	if len(parts) != len(names)+1 {
		return nil, fmt.Errorf("%d values for %d names", len(parts)-1, len(names))
	}
	values := map[string]string{}
	for i, name := range names {
		values[name] = parts[i]
	}
	return values, nil
}

// realShells returns the shells of this machine. There is always sh.
func realShells(t testing.TB) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"sh", "dash", "bash"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Fatal("there is no shell")
	}
	return found
}

func byShell(shell, path string, names []string) (map[string]string, error) {
	out, err := exec.Command(shell, "-c", readBack(path, names)).Output()
	if err != nil {
		return nil, err
	}
	return split(out, names)
}

// ourReading is what the interpreter that runs commands after a render makes of
// a value: for it, CR LF is one line break anywhere in a script. To spare it that
// would cost dotenv parsers more, which do not join 'a' and 'b' in 'a”b'.
func ourReading(value string) string { return strings.ReplaceAll(value, "\r\n", "\n") }

// byOurShell reads with that interpreter.
func byOurShell(t testing.TB, path string, names []string) (map[string]string, error) {
	t.Helper()
	var out, complaints bytes.Buffer
	c := process.Command{Argv: []string{readBack(path, names)}, Stdout: &out, Stderr: &complaints}
	if err := c.Run(t.Context()); err != nil || complaints.Len() > 0 {
		return nil, errors.Join(err, errors.New(complaints.String()))
	}
	return split(out.Bytes(), names)
}

func TestEnvIsReadByShells(t *testing.T) {
	want := awkward()
	names := slices.Sorted(maps.Keys(want))
	path, _ := asEnv(t, want)
	for _, shell := range realShells(t) {
		got, err := byShell(shell, path, names)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", shell, err, diff)
		}
	}
	for name, value := range want {
		want[name] = ourReading(value)
	}
	got, err := byOurShell(t, path, names)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("our shell: %v (-want +got):\n%s", err, diff)
	}
}

// beyondDotenv tells the values that the dotenv parser of the test cannot be told
// at all, and those that it reads wrong however they are written:
//   - it takes a carriage return for the end of a line;
//   - in double quotes, which a value with a single quote needs, it takes \\n for
//     a line break and a backslash;
//   - a backslash before the closing quote hides it; blanks after the opening one
//     make it look at the wrong place for that;
//   - it drops blanks at the end of the first of several lines.
func beyondDotenv(value string) bool {
	first, rest, several := strings.Cut(value, "\n")
	slash, single := strings.Contains(value, `\`), strings.Contains(value, "'")
	trimmed := strings.TrimSpace(value)
	return strings.Contains(value, "\r") ||
		slash && (single || strings.HasSuffix(value, `\`) || strings.TrimSpace(first) != first) ||
		single && trimmed != value ||
		several && (strings.TrimSpace("'"+first) != "'"+first || strings.ContainsAny(rest, "'")) ||
		len(value) > 60000
}

func TestEnvIsReadByDotenv(t *testing.T) {
	want := awkward()
	for name, value := range want {
		if beyondDotenv(value) {
			delete(want, name)
		}
	}
	if len(want) < 30 {
		t.Fatalf("only %d values are left", len(want))
	}
	_, text := asEnv(t, want)
	got, err := gotenv.StrictParse(strings.NewReader(text))
	if diff := cmp.Diff(want, map[string]string(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func FuzzEnvRoundTrip(f *testing.F) {
	for _, value := range awkward() {
		f.Add(value)
	}
	shell := realShells(f)[0]
	f.Fuzz(func(t *testing.T, value string) {
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return // JSON has no such text, and a variable cannot hold NUL
		}
		want := map[string]string{"V": value}
		path, text := asEnv(t, want)
		got, err := byShell(shell, path, []string{"V"})
		if err != nil || got["V"] != value {
			t.Errorf("%s reads %q as %q: %v", shell, text, got["V"], err)
		}
		if got, err = byOurShell(t, path, []string{"V"}); err != nil || got["V"] != ourReading(value) {
			t.Errorf("our shell reads %q as %q: %v", text, got["V"], err)
		}
		if beyondDotenv(value) {
			return
		}
		env, err := gotenv.StrictParse(strings.NewReader(text))
		if err != nil || len(env) != 1 || env["V"] != value {
			t.Errorf("a dotenv parser reads %q as %q: %v", text, env, err)
		}
	})
}

func FuzzEnvNames(f *testing.F) {
	for _, key := range []string{"a", "a-b", "9", "ä", "", "A_B", "a b\n", "=", "$x"} {
		f.Add(key)
	}
	name := regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_]*='x'\n\z`)
	f.Fuzz(func(t *testing.T, key string) {
		r, err := newFormat(t, render.FormatOptions{Format: "env"}).Execute(holding(asData(map[string]string{key: "x"})))
		if (err == nil) != (key != "") || err == nil && !name.Match(r.Output) {
			t.Errorf("key %q: %q, %v", key, r.Output, err)
		}
	})
}

// readProperties reads lines as the documentation of java.util.Properties.load
// says it: written from that text, not from our writer.
func readProperties(t testing.TB, text string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		line = strings.TrimLeft(line, " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if strings.Trim(line, "\r\n") != line || strings.HasSuffix(strings.ReplaceAll(line, `\\`, ""), `\`) {
			t.Fatalf("the line %q goes on in the next one", line)
		}
		at := 0
		for at < len(line) && !strings.ContainsRune("=: \t\f", rune(line[at])) {
			if line[at] == '\\' {
				at++
			}
			at++
		}
		rest := strings.TrimLeft(line[min(at, len(line)):], " \t\f")
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = strings.TrimLeft(rest[1:], " \t\f")
		}
		values[unescapeProperty(t, line[:min(at, len(line))])] = unescapeProperty(t, rest)
	}
	return values
}

func unescapeProperty(t testing.TB, text string) string {
	t.Helper()
	var units []uint16
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 0x80 {
			t.Fatalf("%q is not ASCII", text)
		}
		if c == '\\' {
			i++
			c = text[i]
			if c == 'u' {
				n, err := strconv.ParseUint(text[i+1:i+5], 16, 16)
				if err != nil {
					t.Fatal(err)
				}
				units = append(units, uint16(n))
				i += 4
				continue
			}
			if at := strings.IndexByte("tnrf", c); at >= 0 {
				c = "\t\n\r\f"[at]
			}
		}
		units = append(units, uint16(c))
	}
	return string(utf16.Decode(units))
}

func TestPropertiesAreRead(t *testing.T) {
	want := awkward()
	for name, value := range awkward() {
		want[value+name] = name // awkward keys
	}
	text := formatted(t, render.FormatOptions{Format: "properties"}, asData(want))
	if diff := cmp.Diff(want, readProperties(t, text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// echo prints properties as Java reads them, each in hexadecimal UTF-8.
const echo = `
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
public class Echo {
  static String hex(String s) {
    StringBuilder b = new StringBuilder("x");
    for (byte c : s.getBytes(StandardCharsets.UTF_8)) b.append(String.format("%02x", c));
    return b.toString();
  }
  public static void main(String[] args) throws Exception {
    Properties p = new Properties();
    p.load(new FileInputStream(args[0]));
    for (String name : p.stringPropertyNames()) System.out.println(hex(name) + " " + hex(p.getProperty(name)));
  }
}
`

// Where there is a Java, it has the last word.
func TestPropertiesAreReadByJava(t *testing.T) {
	java, err := exec.LookPath("java")
	if err != nil {
		return
	}
	want := awkward()
	dir := t.TempDir()
	source, path := filepath.Join(dir, "Echo.java"), filepath.Join(dir, "p.properties")
	text := formatted(t, render.FormatOptions{Format: "properties"}, asData(want))
	if err := errors.Join(os.WriteFile(source, []byte(echo), 0o600), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(java, source, path).CombinedOutput()
	if err != nil {
		// A runtime without a compiler cannot do this.
		if !strings.Contains(string(out), "jdk.compiler") {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	got := map[string]string{}
	for line := range strings.Lines(string(out)) {
		var name, value []byte
		if _, err := fmt.Sscanf(strings.ReplaceAll(strings.TrimSpace(line), "x ", "x00 ")+" ", "x%x x%x", &name, &value); err != nil && len(value) > 0 {
			t.Fatalf("%q: %v", line, err)
		}
		got[string(name)] = string(value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzPropertiesRoundTrip(f *testing.F) {
	for name, value := range awkward() {
		f.Add(name, value)
		f.Add(value, name)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return
		}
		want := map[string]string{key: value}
		text := formatted(t, render.FormatOptions{Format: "properties"}, asData(want))
		if diff := cmp.Diff(want, readProperties(t, text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	})
}

func FuzzJSONAndYAMLRoundTrip(f *testing.F) {
	for name, value := range awkward() {
		f.Add(name, value)
		f.Add(value, name)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return
		}
		want := map[string]any{key: value, "nested": map[string]any{"list": []any{value, true, nil, key}}}
		for format, decode := range map[string]func([]byte, any) error{"json": json.Unmarshal, "yaml": yaml.Unmarshal} {
			text := formatted(t, render.FormatOptions{Format: format}, sensitive.NewData(want))
			var got map[string]any
			err := decode([]byte(text), &got)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s %q: %v (-want +got):\n%s", format, text, err, diff)
			}
		}
	})
}

// The names that the format lets through are those that a set can have.
func FuzzFileNames(f *testing.F) {
	for _, name := range []string{"a", "", ".", "..", "..data", ".hidden", "a/b", "a\x00", "...", "a..b", strings.Repeat("n", 255), strings.Repeat("n", 256), "ä\n"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, err := newFormat(t, render.FormatOptions{Format: "files"}).Execute(holding(asData(map[string]string{name: "x"})))
		dir := t.TempDir()
		_, writeErr := file.WriteSet(t.Context(), file.SetSpec{Dir: filepath.Join(dir, "set")}, []file.Entry{{Name: name, Content: []byte("x")}})
		if (err == nil) != (writeErr == nil) {
			t.Fatalf("the format says %v, the set says %v", err, writeErr)
		}
		if err != nil {
			return
		}
		content, err := os.ReadFile(filepath.Join(dir, "set", r.Set[0].Name))
		if err != nil || string(content) != "x" {
			t.Errorf("%q: %q, %v", name, content, err)
		}
	})
}
