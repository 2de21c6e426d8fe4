package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// memoryDir returns a directory on a memory volume.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vaultk8s-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func persist(dir string) string {
	return `cache { persist { type = "kubernetes" path = "` + dir + `" exit_on_err = true } }`
}

func TestInitChecksWhatIsHandedOver(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		body := kvTemplate + dbTemplate + persist(memoryDir(t))
		if err := w.init(body); err != nil {
			t.Fatal(err)
		}
		first := w.read("out/db")
		w.vault.RevokeToken(w.read("vault-token"))
		if err := w.init(body); err != nil {
			t.Fatal(err)
		}
		if w.read("out/db") == first || len(w.vault.Leases()) != 1 || w.vault.Logins() != 2 {
			t.Errorf("after the token was revoked: %d leases, %d logins, still the first login: %t", len(w.vault.Leases()), w.vault.Logins(), w.read("out/db") == first)
		}
	})
}

func TestHandOverThatCannotBeRead(t *testing.T) {
	cases := map[string]struct {
		damage func(t *testing.T, dir string) error
		want   string
	}{
		"no key": {
			damage: func(_ *testing.T, dir string) error { return os.Remove(filepath.Join(dir, "vaultk8s-handover.key")) },
			want:   `read hand-over in "DIR": hand-over key: open DIR/vaultk8s-handover.key: no such file or directory`,
		},
		"another key": {
			damage: func(_ *testing.T, dir string) error {
				return os.WriteFile(filepath.Join(dir, "vaultk8s-handover.key"), make([]byte, 32), 0o600)
			},
			want: `read hand-over in "DIR": the file is damaged, or was written for another identity`,
		},
		"cut short": {
			damage: func(_ *testing.T, dir string) error { return os.Truncate(filepath.Join(dir, "vaultk8s-handover"), 10) },
			want:   `read hand-over in "DIR": the file is damaged, or was written for another identity`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				dir := memoryDir(t)
				if err := w.init(kvTemplate + persist(dir)); err != nil {
					t.Fatal(err)
				}
				if err := tc.damage(t, dir); err != nil {
					t.Fatal(err)
				}
				err := w.init(kvTemplate + persist(dir))
				if want := strings.ReplaceAll(tc.want, "DIR", dir); err == nil || err.Error() != want {
					t.Errorf("error = %v\nwant %s", err, want)
				}
			})
		})
	}
}

func TestHandOverNeverTouchesADisk(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		err := w.init(kvTemplate + persist("/proc"))
		want := `no hand-over: "/proc" is not on a memory volume (emptyDir with medium: Memory)`
		if err == nil || err.Error() != want {
			t.Errorf("error = %v\nwant %s", err, want)
		}
	})
}
