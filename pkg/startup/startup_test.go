package startup

import (
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// TestMain shows what is in force before and after Over, for the tests that run this
// program anew.
func TestMain(m *testing.M) {
	if os.Getenv("STARTUP_SHOW") == "" {
		m.Run()
		return
	}
	show := func() string {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return strconv.Itoa(now)
	}
	before := show()
	Over()
	Over()
	_, _ = os.Stdout.WriteString(before + " " + show())
}

func TestStart(t *testing.T) {
	cases := map[string]struct{ gogc, want string }{
		"Usual":  {"", "400 100"},
		"Chosen": {"50", "50 50"},
		"Off":    {"off", "-1 -1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0])
			c.Env = append(os.Environ(), "STARTUP_SHOW=1", "GOGC="+tc.gogc)
			out, err := c.Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != tc.want {
				t.Errorf("before and after: %q, error %v, want %q", got, err, tc.want)
			}
		})
	}
}
