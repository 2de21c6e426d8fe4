package process

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The line that nearly everybody uses, on a real program that records what
// reaches it.
func TestReloadLine(t *testing.T) {
	lines := map[string]string{
		"kill -HUP $(pidof nginx) 2>/dev/null || true":             "hangup\n",
		"sh -c 'kill -USR1 $(pidof nginx) || true'":                "user defined signal 1\n",
		"kill -s HUP `pidof -s nginx`":                             "hangup\n",
		"pkill -HUP -x nginx":                                      "hangup\n",
		"pkill --signal USR1 nginx":                                "user defined signal 1\n",
		"pkill --signal=HUP -f 'bin/nginx$'":                       "hangup\n",
		"pgrep -o nginx | { read pid; kill -1 $pid; }":             "hangup\n",
		"for p in $(pgrep ngin); do kill -SIGHUP -- -$p; done":     "hangup\n",
		"test -n \"$(pidof nginx)\" && kill -n 10 $(pidof nginx)":  "user defined signal 1\n",
		"if pidof -q nginx; then kill -hup $(pidof NGINXPATH); fi": "hangup\n",
	}
	dir := filepath.Join(t.TempDir(), "bin")
	must(t, os.Mkdir(dir, 0o755))
	path := install(t, dir, "nginx")
	for line, want := range lines {
		t.Run(line, func(t *testing.T) {
			cmd, out := launch(t, path, "record")
			_, errs, err := runLine(t, strings.ReplaceAll(line, "NGINXPATH", path), fakeProc(t, cmd.Process.Pid, os.Getpid()))
			if err != nil || errs != "" {
				t.Fatalf("%v: %s", err, errs)
			}
			if got, err := out.ReadString('\n'); got != want {
				t.Errorf("the program got %q (%v), want %q", got, err, want)
			}
		})
	}
}

// The same from the outside, with the /proc of the machine and a name that no
// other program has.
func TestReloadLineFromOutside(t *testing.T) {
	name := fmt.Sprintf("ngx%d", os.Getpid())
	_, out := launch(t, install(t, t.TempDir(), name), "record")
	c := Command{Argv: []string{"kill -HUP $(pidof " + name + ") 2>/dev/null || true"}, Env: []string{"PATH=/none"}}
	must(t, c.Run(t.Context()))
	if got, err := out.ReadString('\n'); got != "hangup\n" {
		t.Errorf("the program got %q, %v", got, err)
	}
}

func TestBuiltins(t *testing.T) {
	cases := map[string]struct {
		line, out, errs string
		status          int
	}{
		"KillNothing":   {line: "kill", errs: "kill: no process given\n", status: 2},
		"KillSelfGroup": {line: "kill 0", errs: "kill: 0 is refused: it would hit the agent itself\n", status: 1},
		"KillName":      {line: "kill x", errs: "kill: \"x\" is not a process id\n", status: 1},
		"KillSignal":    {line: "kill -NOPE 1", errs: "kill: unknown signal \"NOPE\"\n", status: 2},
		"KillHigh":      {line: "kill -65 1", errs: "kill: unknown signal \"65\"\n", status: 2},
		"KillNoSignal":  {line: "kill -s", errs: "kill: -s needs a signal\n", status: 2},
		"KillGone":      {line: "kill -0 2147483646 2147483645", errs: "kill: 2147483646: no such process\n2147483645: no such process\n", status: 1},
		"KillTwo":       {line: "kill -0 $$ $$"},
		"PidofNone":     {line: "pidof no-such-program", status: 1},
		"PidofOption":   {line: "pidof -Z x", errs: "pidof: unknown option -Z\n", status: 2},
		"PgrepNone":     {line: "pgrep -x no-such-program", status: 1},
		"PgrepNothing":  {line: "pgrep", errs: "pgrep: exactly one pattern is needed, not 0\n", status: 2},
		"PgrepTwo":      {line: "pgrep a b", errs: "pgrep: exactly one pattern is needed, not 2\n", status: 2},
		"PgrepPattern":  {line: "pgrep '('", errs: "pgrep: error parsing regexp: missing closing ): `(`\n", status: 2},
		"PgrepOption":   {line: "pgrep -fZ a", errs: "pgrep: unknown option -fZ\n", status: 2},
		"PgrepSignal":   {line: "pgrep -HUP a", errs: "pgrep: unknown option -HUP\n", status: 2},
		"PgrepUser":     {line: "pgrep -u no-such-user a", errs: "pgrep: unknown user \"no-such-user\"\n", status: 2},
		"PgrepNoUser":   {line: "pgrep -u", errs: "pgrep: -u needs a value\n", status: 2},
		"PkillNone":     {line: "pkill -HUP no-such-program", status: 1},
		"PkillMaybe":    {line: "pkill -HUP -x no-such-program || test $? -eq 1"},
		"PkillWrong":    {line: "pkill -NOPE -x a || test $? -eq 1", errs: "pkill: unknown option -NOPE\n", status: 1},
		"PkillSignal":   {line: "pkill --signal=NOPE a", errs: "pkill: unknown signal \"NOPE\"\n", status: 2},
		"SleepNothing":  {line: "sleep", errs: "sleep: how long?\n", status: 2},
		"SleepWord":     {line: "sleep soon", errs: "sleep: invalid time \"soon\"\n", status: 2},
		"SleepSum":      {line: "sleep 0 0s 0.001 0m"},
		"CatFiles":      {line: "echo a > f; echo b > g; cat f - g < g", out: "a\nb\nb\n"},
		"CatNoInput":    {line: "cat"},
		"CatOption":     {line: "cat -v", errs: "cat: unknown option -v\n", status: 2},
		"Touch":         {line: "touch -- f g; touch -c h; touch f; echo *", out: "f g\n"},
		"TouchNothing":  {line: "touch", errs: "touch: no file given\n", status: 2},
		"TouchNowhere":  {line: "touch a/b", errs: "touch: open DIR/a/b: no such file or directory\n", status: 1},
		"Mkdir":         {line: "mkdir -p a/b; test -d a/b"},
		"MkdirExists":   {line: "mkdir a; mkdir a", errs: "mkdir: mkdir DIR/a: file exists\n", status: 1},
		"Rm":            {line: "touch f; mkdir -p a/b; rm -rf f a none; echo *", out: "*\n"},
		"RmNothing":     {line: "rm -f"},
		"RmMissing":     {line: "rm none", errs: "rm: lstat DIR/none: no such file or directory\n", status: 1},
		"RmDirectory":   {line: "mkdir a; rm a", errs: "rm: \"DIR/a\" is a directory\n", status: 1},
		"RmRoot":        {line: "rm -rf ///", errs: "rm: refused to remove /\n", status: 1},
		"Mv":            {line: "echo x > f; mv f g; cat g; mkdir d; mv -f g d; cat d/g", out: "x\nx\n"},
		"MvOne":         {line: "mv f", errs: "mv: a source and a target are needed\n", status: 2},
		"Cp":            {line: "echo x > f; chmod 750 f; cp f g; cat g; test -x g; mkdir d; cp f g d; echo d/*", out: "x\nd/f d/g\n"},
		"CpSame":        {line: "echo x > f; cp f f", errs: "cp: \"DIR/f\" and \"DIR/f\" are the same file\n", status: 1},
		"CpDirectory":   {line: "mkdir d; cp d e", errs: "cp: \"DIR/d\" is a directory\n", status: 1},
		"CpMany":        {line: "cp a b c", errs: "cp: target \"c\" is not a directory\n", status: 2},
		"ChmodWords":    {line: "chmod u+x f", errs: "chmod: mode \"u+x\" is not an octal number\n", status: 2},
		"ChmodOne":      {line: "chmod 644", errs: "chmod: a mode and a file are needed\n", status: 2},
		"ChmodMissing":  {line: "chmod 644 f", errs: "chmod: \"f\": no such file or directory\n", status: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out, errs, err := runLine(t, "cd "+dir+"; "+tc.line, "")
			got := []any{out, strings.ReplaceAll(errs, dir, "DIR"), shellStatus(err)}
			if diff := cmp.Diff([]any{tc.out, tc.errs, tc.status}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestChmodSetsBits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	_, _, err := runLine(t, "touch "+path+"; chmod 4711 "+path, "")
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if got := info.Mode().String(); got != "urwx--x--x" {
		t.Errorf("mode %s", got)
	}
}

func TestKillList(t *testing.T) {
	out, _, err := runLine(t, "kill -l", "")
	must(t, err)
	if !strings.HasPrefix(out, "HUP INT QUIT ") || !strings.Contains(out, " TERM ") {
		t.Errorf("kill -l shows %q", out)
	}
}

func TestSleepTime(t *testing.T) {
	cases := map[string]time.Duration{
		"1": time.Second, "0.5": time.Second / 2, "2s": 2 * time.Second, "3m": 3 * time.Minute,
		"1h": time.Hour, "1d": 24 * time.Hour, "infinity": 365 * 24 * time.Hour, "1e300": 365 * 24 * time.Hour,
	}
	for arg, want := range cases {
		if got, err := sleepTime(arg); err != nil || got != want {
			t.Errorf("sleepTime(%q) = %v, %v; want %v", arg, got, err, want)
		}
	}
	for _, arg := range []string{"", "s", "-1", "NaN", "1x", "1 s"} {
		if got, err := sleepTime(arg); err == nil {
			t.Errorf("sleepTime(%q) = %v, want an error", arg, got)
		}
	}
}

// table is a made-up /proc: pid to comm, state, start time, command line, exe and uid.
type row struct {
	comm, state string
	start       int
	cmdline     string
	exe         string
	uid         int
}

func table(t *testing.T, rows map[int]row) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "self"), 0o755))
	for pid, r := range rows {
		dir := filepath.Join(root, strconv.Itoa(pid))
		must(t, os.Mkdir(dir, 0o755))
		stat := fmt.Sprintf("%d (%s) %s 1 %s%d 0 0\n", pid, r.comm, r.state, strings.Repeat("0 ", 17), r.start)
		must(t, os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "cmdline"), []byte(r.cmdline), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, "status"), fmt.Appendf(nil, "Name:\tx\nUid:\t0\t%d\t0\t0\n", r.uid), 0o644))
		if r.exe != "" {
			must(t, os.Symlink(r.exe, filepath.Join(dir, "exe")))
		}
	}
	return root
}

func TestProcessSearch(t *testing.T) {
	me, err := user.Current()
	must(t, err)
	uid, err := strconv.Atoi(me.Uid)
	must(t, err)
	root := table(t, map[int]row{
		30:          {comm: "nginx", state: "S", start: 100, cmdline: "nginx: master process nginx -g daemon off;\x00\x00", exe: "/usr/sbin/nginx", uid: uid},
		20:          {comm: "nginx", state: "S", start: 200, cmdline: "nginx: worker process\x00", uid: uid + 1},
		21:          {comm: "nginx", state: "Z", start: 200},
		40:          {comm: "weird) (name", state: "R", start: 300, cmdline: "weird"},
		50:          {comm: "very-long-progr", state: "S", start: 400, cmdline: "/opt/very-long-program-name\x00-x\x00", exe: "/opt/very-long-program-name (deleted)"},
		60:          {comm: "java", state: "S", start: 500, cmdline: "-app\x00-jar\x00server.jar\x00"},
		os.Getpid(): {comm: "nginx", state: "R", start: 1, cmdline: "nginx\x00"},
	})
	must(t, os.Mkdir(filepath.Join(root, "70"), 0o755)) // gone before it was read
	must(t, os.Mkdir(filepath.Join(root, "80"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "80", "stat"), []byte("80 (short) S 1"), 0o644))
	cases := map[string]struct {
		line, out string
		status    int
	}{
		"Pidof":         {line: "pidof nginx", out: "30 20\n"},
		"PidofOldest":   {line: "pidof -s nginx", out: "30\n"},
		"PidofSeveral":  {line: "pidof -x nginx app", out: "30 20 60\n"},
		"PidofPath":     {line: "pidof /usr/sbin/nginx", out: "30\n"},
		"PidofLong":     {line: "pidof very-long-program-name", out: "50\n"},
		"PidofOdd":      {line: "pidof 'weird) (name'", out: "40\n"},
		"PidofShort":    {line: "pidof short", status: 1},
		"Pgrep":         {line: "pgrep 'ngin|java'", out: "30\n20\n60\n"},
		"PgrepExact":    {line: "pgrep -x 'ngin|java'", out: "60\n"},
		"PgrepFull":     {line: "pgrep -f 'server.jar'", out: "60\n"},
		"PgrepNotFull":  {line: "pgrep server.jar", status: 1},
		"PgrepOldest":   {line: "pgrep -o nginx", out: "30\n"},
		"PgrepNewest":   {line: "pgrep -n nginx", out: "20\n"},
		"PgrepTogether": {line: "pgrep -fn 'nginx: '", out: "20\n"},
		"PgrepUser":     {line: "pgrep -u " + me.Username + " nginx", out: "30\n"},
		"PgrepUsers":    {line: fmt.Sprintf("pgrep -u %d,%d nginx", uid, uid+1), out: "30\n20\n"},
		"PgrepAnyOf":    {line: fmt.Sprintf("pgrep -u %d", uid+1), out: "20\n"},
		"PgrepDash":     {line: "pgrep -f -- '-jar'", out: "60\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			out, errs, err := runLine(t, tc.line, root)
			if diff := cmp.Diff([]any{tc.out, "", tc.status}, []any{out, errs, shellStatus(err)}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestProcessSearchWithoutProc(t *testing.T) {
	for _, name := range []string{"pidof", "pgrep", "pkill"} {
		_, errs, err := runLine(t, name+" x", "/no/such")
		want := name + ": list processes: open /no/such: no such file or directory\n"
		if shellStatus(err) != 1 || errs != want {
			t.Errorf("%s: %v, %q; want %q", name, err, errs, want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("1 (a b) S 1 " + strings.Repeat("0 ", 17) + "7 0")
	f.Add("1 (a) b) S")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, stat string) {
		comm, state, _, ok := parseStat(stat)
		if ok && (state == "" || !strings.Contains(stat, "("+comm+")")) {
			t.Errorf("parseStat(%q) = %q, %q", stat, comm, state)
		}
	})
}
