package agent

import (
	"os"
	"testing"
)

func TestReadOnlyMappings(t *testing.T) {
	cases := map[string]struct {
		line string
		want bool
	}{
		"code":          {"00400000-00a00000 r-xp 00000000 fe:00 123 /usr/local/bin/vaultk8s", true},
		"constants":     {"00a00000-01000000 r--p 00600000 fe:00 123 /usr/local/bin/vaultk8s", true},
		"variables":     {"01000000-01100000 rw-p 00c00000 fe:00 123 /usr/local/bin/vaultk8s", false},
		"heap":          {"c000000000-c000400000 rw-p 00000000 00:00 0", false},
		"another file":  {"7f0000000000-7f0000100000 r-xp 00000000 fe:00 9 /lib/libc.so.6", false},
		"unreadable":    {"zz-yy r-xp 00000000 fe:00 123 /usr/local/bin/vaultk8s", false},
		"wrong way":     {"00a00000-00400000 r-xp 00000000 fe:00 123 /usr/local/bin/vaultk8s", false},
		"no permission": {"00400000-00a00000 ---p 00000000 fe:00 123 /usr/local/bin/vaultk8s", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			start, end, ok := readOnly(tc.line, "/usr/local/bin/vaultk8s")
			if ok != tc.want || (ok && start >= end) {
				t.Errorf("readOnly() = %#x, %#x, %v; want %v", start, end, ok, tc.want)
			}
		})
	}
}

// TestDropCode runs on what it has just dropped.
func TestDropCode(t *testing.T) {
	if err := dropCode(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile("/proc/self/status"); err != nil {
		t.Fatal(err)
	}
}
