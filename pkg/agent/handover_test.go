package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestPollsThatFindNothingNewWriteNoHandOver: each write encrypts everything anew,
// so that it shows in the file.
func TestPollsThatFindNothingNewWriteNoHandOver(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		dir := memoryDir(t)
		w.sidecar(kvTemplate + persist(dir))
		pass(time.Minute)
		file := func() string {
			content, err := os.ReadFile(filepath.Join(dir, "vaultk8s-handover"))
			if err != nil {
				t.Fatal(err)
			}
			return string(content)
		}
		first := file()
		pass(30 * time.Minute) // the token of an hour is renewed after 42 minutes
		if w.vault.Count("GET", "secret/data/app") < 6 || file() != first {
			t.Errorf("%d reads found nothing new; the file was written again: %t", w.vault.Count("GET", "secret/data/app"), file() != first)
		}
		w.vault.PutKV("secret", "app", map[string]any{"password": canary + "-2"})
		pass(6 * time.Minute)
		if file() == first {
			t.Error("a new value was not handed over")
		}
	})
}
