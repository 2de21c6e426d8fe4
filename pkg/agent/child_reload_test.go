package agent_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// lateVariable is one whose secret is not there yet.
const lateVariable = `
env_template "LATE" {
  contents = "{{ with secret \"secret/data/other\" }}{{ .Data.data.password }}{{ end }}"
}
`

// trapping notes its name, the signals that it gets, and its end.
func trapping(name string) string {
	return applicationDocument("trap 'echo " + name + " hangs >> DIR/seen' USR1; trap 'echo " + name + " ends >> DIR/seen; exit 0' TERM; " +
		"echo " + name + " >> DIR/seen; while :; do sleep 0.05; done")
}

// TestReloadLeavesTheApplicationUntilTheNextCanStart replaces an application by
// one that waits for a secret, takes that back, and does it again.
func TestReloadLeavesTheApplicationUntilTheNextCanStart(t *testing.T) {
	w := newWorld(t)
	signals := make(chan os.Signal, 1)
	quick := "template_config { static_secret_render_interval = \"50ms\" }\n"
	seen := func(want ...string) {
		t.Helper()
		eventually(t, "the applications have noted "+strings.Join(want, ", "), func() bool { return w.read("seen") == strings.Join(want, "\n")+"\n" })
	}
	change := w.reloads(t, w.document(trapping("one")+quick), signals)
	seen("one")
	change(w.document(trapping("two") + lateVariable + quick))
	signals <- syscall.SIGUSR1
	seen("one", "one hangs")
	change(w.document(trapping("one") + quick))
	change(w.document(trapping("three") + lateVariable + quick))
	signals <- syscall.SIGUSR1
	seen("one", "one hangs", "one hangs")
	w.vault.PutKV("secret", "other", map[string]any{"password": canary + "-late"})
	seen("one", "one hangs", "one hangs", "one ends", "three")
	change(w.document(dbTemplate))
	seen("one", "one hangs", "one hangs", "one ends", "three", "three ends")
}
