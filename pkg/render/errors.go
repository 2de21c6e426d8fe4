package render

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp/syntax"
	"runtime"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// ParseError says what is wrong with the text of a template.
type ParseError struct {
	Template string // Options.Name
	Line     int    // from 1; 0: unknown
	Column   int    // from 1; 0: unknown
	Reason   string
}

// Error implements error.
func (e *ParseError) Error() string {
	return position(e.Template, e.Line, e.Column) + ": " + e.Reason
}

// ExecError says where and why the execution of a template failed. It never
// shows a value: texts of foreign functions are replaced where they might quote
// their input, and every secret that the execution used is redacted.
type ExecError struct {
	Template string // Options.Name
	Line     int    // from 1; 0: unknown
	Column   int    // from 1; 0: unknown
	Function string // the function that failed; "": none did, but the template itself
	Reason   string
}

// Error implements error.
func (e *ExecError) Error() string {
	return position(e.Template, e.Line, e.Column) + ": " + e.Reason
}

func position(name string, line, column int) string {
	text := fmt.Sprintf("template %q", name)
	if line > 0 {
		text += fmt.Sprintf(", line %d", line)
	}
	if column > 0 {
		text += fmt.Sprintf(", column %d", column)
	}
	return text
}

// newParseError takes the parser's message apart: "template: NAME:LINE: REASON",
// where our name is empty.
func newParseError(name, text string, err error) *ParseError {
	e := &ParseError{Template: name, Reason: err.Error()}
	rest, ok := strings.CutPrefix(e.Reason, "template: :")
	line, reason, found := strings.Cut(rest, ": ")
	number, numberErr := strconv.Atoi(line)
	if !ok || !found || numberErr != nil {
		return e
	}
	e.Line, e.Reason = number, strings.ReplaceAll(reason, " started at :", " started at line ")
	e.Column = column(text, number, e.Reason)
	return e
}

// column finds the word that the parser complains about, which it quotes, in
// its line. It is 0 where the word is not there exactly once.
func column(text string, line int, reason string) int {
	lines := strings.Split(text, "\n")
	_, quoted, ok := strings.Cut(reason, `"`)
	word, _, closed := strings.Cut(quoted, `"`)
	if !ok || !closed || word == "" || line < 1 || line > len(lines) || strings.Count(lines[line-1], word) != 1 {
		return 0
	}
	return strings.Index(lines[line-1], word) + 1
}

// callError is an error of our own functions. Its text never holds a value,
// except such as the template wrote itself.
type callError struct {
	text  string
	whole bool // the text names the function already
}

func (e *callError) Error() string { return e.text }

// fail makes an error of one of our functions.
func fail(format string, args ...any) error {
	return &callError{text: fmt.Sprintf(format, args...)}
}

// panicError makes an error of what was recovered.
func panicError(p any) error {
	if err, ok := p.(error); ok {
		return err
	}
	return errors.New("panic")
}

// explain makes the error of a failed pass.
func (r *run) explain(err error) *ExecError {
	e := &ExecError{Template: r.t.name}
	var outer template.ExecError
	if !errors.As(err, &outer) {
		e.Reason = r.redact(describe(err))
		return e
	}
	outer, inner := innermost(outer)
	text := outer.Error()
	// The column that text/template counts starts at 0. Where it knows no
	// place there is none to scan, and both stay 0.
	if n, _ := fmt.Sscanf(text, "template: :%d:%d:", &e.Line, &e.Column); n == 2 {
		e.Column++
	}
	if inner == nil {
		e.Reason = r.redact(reasonOf(text))
		return e
	}
	e.Function = failedFunction(text, inner)
	e.Reason = r.redact(r.describeCall(e.Function, inner))
	return e
}

// innermost follows executeTemplate down to where it happened. The error is
// that of the function, nil where none failed.
func innermost(outer template.ExecError) (template.ExecError, error) {
	for {
		inner := errors.Unwrap(outer.Err)
		var next template.ExecError
		if inner == nil || !errors.As(inner, &next) {
			return outer, inner
		}
		outer = next
	}
}

// failedFunction reads the name from "... error calling NAME: REASON".
func failedFunction(text string, inner error) string {
	text = strings.TrimSuffix(text, ": "+inner.Error())
	return text[strings.LastIndex(text, " ")+1:]
}

// describeCall says why a function failed.
func (r *run) describeCall(name string, err error) string {
	var own *callError
	if errors.As(err, &own) && own.whole {
		return own.text
	}
	reason := describe(err)
	switch {
	case own != nil:
	case r.t.trusts(name):
		reason = err.Error()
	case builtins()[name] != nil && name != "call":
		reason = describeBuiltin(err)
	}
	return fmt.Sprintf("function %q: %s", name, reason)
}

// trusts tells whether a function's message may be shown: that of fail is
// written by the template's author, and extra functions are ours.
func (t *Template) trusts(name string) bool {
	if name == sprigPrefix+"fail" {
		return true
	}
	for _, f := range t.functions {
		if f.name == name {
			return f.extra
		}
	}
	return false
}

// describeBuiltin shows what text/template's own functions say, which is about
// types and numbers only, but for one.
func describeBuiltin(err error) string {
	if strings.HasPrefix(err.Error(), "non-comparable type") {
		return "values of these types cannot be compared"
	}
	return err.Error()
}

// describe says what an error of foreign code is about without its text, which
// may quote the input.
func describe(err error) string {
	var (
		own         *callError
		panicked    runtime.Error
		number      *strconv.NumError
		pattern     *syntax.Error
		badJSON     *json.SyntaxError
		unsupported *json.UnsupportedTypeError
		badBase64   base64.CorruptInputError
		badTime     *time.ParseError
	)
	switch {
	case errors.As(err, &own):
		return own.text
	case errors.As(err, &panicked):
		return panicked.Error()
	case errors.As(err, &number):
		return number.Err.Error()
	case errors.As(err, &pattern):
		return "invalid pattern: " + pattern.Code.String()
	case errors.As(err, &badJSON):
		return fmt.Sprintf("invalid JSON at byte %d", badJSON.Offset)
	case errors.As(err, &unsupported):
		return unsupported.Error()
	case errors.As(err, &badBase64):
		return badBase64.Error()
	case errors.As(err, &badTime):
		return "the time does not match its layout"
	default:
		return "it failed; its message is left out because it may show a value"
	}
}

// reasonOf returns what text/template says after the place, with fixed words in
// place of those messages that print a value.
func reasonOf(text string) string {
	for prefix, fixed := range map[string]string{
		"range can't iterate over ": "range can't iterate over a value of this type",
		"can't use ":                "can't iterate over a value of this type with two variables",
		"if/with can't use ":        "if/with can't use a value of this type",
	} {
		if strings.Contains(text, ">: "+prefix) {
			return fixed
		}
	}
	if place := strings.LastIndex(text, ">: "); place >= 0 {
		return text[place+len(">: "):]
	}
	return strings.TrimPrefix(text, "template: : ") // it failed before its first node
}
