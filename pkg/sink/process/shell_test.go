package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runLine interprets a line where no program is on the PATH.
func runLine(t *testing.T, line, procRoot string, env ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := Command{Argv: []string{line}, Stdout: &out, Stderr: &errs, Env: append([]string{"PATH=/none"}, env...)}
	s := newShell(c.withDefaults())
	if procRoot != "" {
		s.procRoot = procRoot
	}
	err = s.run(t.Context(), line)
	return out.String(), errs.String(), err
}

func TestShellLines(t *testing.T) {
	cases := map[string]struct {
		reason string
		line   string
		out    string
		errs   string
		status int
	}{
		"Comma":           {line: "echo a,b", out: "a,b\n"},
		"Quotes":          {line: `echo 'a  b' "c $((1+2))" d\ e`, out: "a  b c 3 d e\n"},
		"AndOr":           {line: "false && echo no || echo yes; true && echo also", out: "yes\nalso\n"},
		"OrTrue":          {line: "false || true"},
		"Status":          {line: "exit 7", status: 7},
		"LastStatus":      {line: "true; false", status: 1},
		"ErrExit":         {line: "set -e; false; echo no", status: 1},
		"Pipe":            {line: "printf 'a\nb\n' | cat | cat -", out: "a\nb\n"},
		"HereDoc":         {line: "cat <<EOF\nx $((2*3))\nEOF", out: "x 6\n"},
		"HereString":      {line: "cat <<< word", out: "word\n"},
		"Substitution":    {line: "x=$(echo in); echo ${x}side", out: "inside\n"},
		"Redirect":        {line: "cd DIR; echo x > f; echo y >> f; cat < f; rm f", out: "x\ny\n"},
		"Clobber":         {line: "cd DIR; echo x >| f; cat f; rm f", out: "x\n"},
		"ErrorToOutput":   {line: "cat /no/such 2>&1", out: "cat: open /no/such: no such file or directory\n", status: 1},
		"Discarded":       {line: "cat /no/such 2>/dev/null || true"},
		"If":              {line: "if test -f /no/such; then echo a; elif [ 1 = 1 ]; then echo b; fi", out: "b\n"},
		"Loop":            {line: "for i in a b; do echo $i; done", out: "a\nb\n"},
		"Case":            {line: `case x.pem in *.pem) echo cert;; esac`, out: "cert\n"},
		"Function":        {line: "f() { echo $1; }; f a; f b", out: "a\nb\n"},
		"Trap":            {line: "trap 'echo bye' EXIT; echo hi", out: "hi\nbye\n"},
		"NotFound":        {line: "no-such-program x", errs: "no-such-program: executable file not found in PATH\n", status: 127},
		"Command":         {line: "command -v pidof; command -v no-such-program", out: "pidof\n", status: 1},
		"CommandKill":     {line: "command kill -0 $$"},
		"Background":      {line: "{ echo a; } & wait; echo b", out: "a\nb\n"},
		"BackgroundEnd":   {line: "sleep 0.01 && echo late &", out: "late\n"},
		"BackgroundVars":  {line: "x=1; f() { echo $x $1; }; f a & x=2; wait", out: "1 a\n"},
		"BackgroundArgs":  {line: `set -- a 'b c'; { echo $#; } &`, out: "2\n"},
		"BackgroundNest":  {line: "( echo a & wait; echo b ) & wait; echo c", out: "a\nb\nc\n"},
		"WaitForItself":   {line: "wait & wait", reason: "a background statement is not its own child"},
		"BackgroundRedir": {line: "echo a > DIR/f & wait; cat DIR/f; rm DIR/f", out: "a\n"},
		"BackgroundNot":   {line: "! true & wait", reason: "the status of a background command is nobody's"},
		"NestedShell":     {line: `sh -c 'echo "$0 $1"; exit 3' zero one`, reason: "$0 is a detail", out: "gosh one\n", status: 3},
		"NestedQuiet":     {line: `/usr/local/bin/ash -c 'kill -0 $(pidof no-such-program) 2>/dev/null || true'`},
		"NestedErrExit":   {line: "sh -ec 'false; echo no'", status: 1},
		"NestedExport":    {line: "a=1; export b=2; sh -c 'echo [$a$b]'", out: "[2]\n"},
		"NestedInput":     {line: "echo 'echo piped' | sh", out: "piped\n"},
		"NestedFile":      {line: "cd DIR; echo 'echo $1' > s; sh s arg; rm s", out: "arg\n"},
		"NestedSyntax":    {line: "sh -c 'if'", errs: "sh: shell syntax: 1:1: `if` must be followed by a statement list\n", status: 2},
		"NestedNoText":    {line: "sh -c", errs: "sh: -c needs a text\n", status: 2},
		"NestedCommas":    {line: `sh -c 'echo a,b; echo "c, d"'`, out: "a,b\nc, d\n"},
		"NestedList":      {line: `x=a; /bin/sh -c "x=b; echo $x \$x \$(echo \"$x c\")"`, reason: "each shell expands what is its own", out: "a b a c\n"},
		"NestedOption":    {line: "sh -Z", errs: "sh: unknown option -Z\n", status: 2},
		"NestedNoFile":    {line: "sh /no/such", errs: "sh: open /no/such: no such file or directory\n", status: 2},
		"NestedBg":        {line: "sh -c 'sleep 0.01; echo x' & sh -c 'echo y &'; wait", out: "y\nx\n"},
		"Source":          {line: "cd DIR; echo 'v=1' > s; . ./s; echo $v; rm s", out: "1\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, errs, err := runLine(t, strings.ReplaceAll(tc.line, "DIR", t.TempDir()), "")
			type result struct {
				Out, Errs string
				Status    int
			}
			got := result{out, errs, shellStatus(err)}
			if err != nil && got.Status == 0 {
				t.Fatal(err)
			}
			if diff := cmp.Diff(result{tc.out, tc.errs, tc.status}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			noChildren(t)
		})
	}
}

func TestShellLineErrors(t *testing.T) {
	cases := map[string]struct{ line, want string }{
		"Syntax":      {line: "nginx 'unclosed", want: `command "nginx" cannot run: shell syntax: 1:7: reached EOF without closing quote ` + "`'`"},
		"Substitute":  {line: "cat <(echo x)", want: `command "cat" cannot run: shell line 1:5: process substitution is not supported`},
		"Coproc":      {line: "coproc echo", want: `command "echo" cannot run: shell line 1:1: coproc is not supported`},
		"Descriptor":  {line: "echo x 3>&1", want: `command "echo" cannot run: shell line 1:8: redirection of descriptor 3 is not supported`},
		"Target":      {line: "echo x >&$fd", want: `command "echo" cannot run: shell line 1:8: this target of >& is not supported`},
		"Source":      {line: "cat <&4", want: `command "cat" cannot run: shell line 1:5: this source of <& is not supported`},
		"ReadWrite":   {line: "cat <> f", want: `command "cat" cannot run: shell line 1:5: <> is not supported`},
		"InBody":      {line: "{ echo x 5>f; } &", want: `command "echo" cannot run: shell line 1:10: redirection of descriptor 5 is not supported`},
		"AllAtOnce":   {line: "a 3>b; c 4>d", want: "command \"a\" cannot run: shell line 1:3: redirection of descriptor 3 is not supported\nshell line 1:10: redirection of descriptor 4 is not supported"},
		"Assignment":  {line: "TOKEN=s3cr3t false x", want: `command "false" failed: exit status 1`},
		"NoName":      {line: "TOKEN=s3cr3t; exit 2", want: `command "exit" failed: exit status 2`},
		"BadAndValue": {line: "TOKEN=s3cr3t 'x", want: `command "shell line" cannot run: shell syntax: 1:14: reached EOF without closing quote ` + "`'`"},
		"Expanded":    {line: "$X y", want: `command "shell line" failed: exit status 127`},
		"Kill":        {line: "kill -HUP $(pidof no-such-program)", want: `command "kill" failed: exit status 2`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := Command{Argv: []string{tc.line}, Env: []string{"PATH=/none"}}.Run(t.Context())
			if diff := cmp.Diff(tc.want, errorText(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A program on the PATH comes before a built-in of the same name, except for
// those that are part of every shell.
func TestProgramBeforeBuiltin(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"pidof", "kill", "sh", "prog"} {
		install(t, dir, name)
	}
	cases := map[string]struct{ line, part, want string }{
		"Pidof":   {line: "pidof x", part: "args", want: "[\"x\"]\n"},
		"Shell":   {line: "sh -c x", part: "args", want: "[\"-c\" \"x\"]\n"},
		"Kill":    {line: "kill -0 $$", part: "args", want: ""},
		"Env":     {line: "export B=2; A=1 prog", part: "env", want: "A=1\nB=2\n"},
		"Unset":   {line: "export C=3; unset C; prog", part: "env", want: ""},
		"Status":  {line: "prog; echo $?", part: "exit:42", want: "42\n"},
		"Signal":  {line: "prog; echo $?", part: "die", want: "137\n"},
		"Stdin":   {line: "echo x | prog", part: "args", want: "[]\n"},
		"Command": {line: "command -v pidof", part: "args", want: dir + "/pidof\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := Command{Argv: []string{tc.line}, Env: []string{"PATH=" + dir, partVariable + "=" + tc.part}, Stdout: &out}
			must(t, c.Run(t.Context()))
			got := out.String()
			if tc.part == "env" {
				got = onlyLetters(got)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// onlyLetters keeps the variables with a name of one letter.
func onlyLetters(env string) string {
	var kept strings.Builder
	for line := range strings.Lines(env) {
		if strings.Index(line, "=") == 1 && line[0] != '_' {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestProgramThatCannotStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "garbage")
	must(t, os.WriteFile(path, []byte("text"), 0o755))
	_, errs, err := runLine(t, path+" x", "")
	want := fmt.Sprintf("%s: fork/exec %s: exec format error\n", path, path)
	if shellStatus(err) != 126 || errs != want {
		t.Errorf("got %v, %q; want status 126, %q", err, errs, want)
	}
}

// Entries that are no variables must not break the interpreter.
func TestOddEnvironment(t *testing.T) {
	out, _, err := runLine(t, "echo $A", "", "odd", "=x", "A=1", "A=2", "9=x")
	if err != nil || out != "2\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestWriteToNamedPipe(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(fifo, 0o600))
	got := make(chan string)
	go func() {
		content, err := os.ReadFile(fifo)
		got <- fmt.Sprint(string(content), err)
	}()
	_, _, err := runLine(t, "echo reload > "+fifo, "")
	must(t, err)
	if diff := cmp.Diff("reload\n<nil>", <-got); diff != "" {
		t.Error(diff)
	}
}

func FuzzCommandLine(f *testing.F) {
	for _, seed := range []string{
		"", "nginx", "kill -HUP $(pidof nginx) 2>/dev/null || true", "sh -c 'echo a,b'", "a & (b & c) &",
		"cat <<EOF\nx\nEOF", "f() { g & }; f", "x=1 y", "'", "a 3>&1 >|b <>c", "coproc x", "cat <(a) >(b)",
		"case a in b) c &;; esac", "${", "$((", "a\x00b", "[[ a =~ b ]]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if firstWord(line) == "" && strings.TrimSpace(line) != "" {
			t.Errorf("a command without a name in errors: %q", line)
		}
		sc, err := parse(strings.NewReader(line))
		if (sc == nil) == (err == nil) {
			t.Fatalf("parse(%q) = %v, %v", line, sc, err)
		}
		words, err := quote(strings.Split(line, " "))
		if err != nil {
			return
		}
		if _, err := parse(strings.NewReader(words)); err != nil {
			t.Errorf("quoted words %q do not parse: %v", words, err)
		}
	})
}
