package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// memory makes a directory on a memory volume, which the init container and the
// sidecar of a pod share.
func (p *pod) memory() string {
	p.t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vaultk8s-e2e-")
	must(p.t, err)
	p.t.Cleanup(func() { must(p.t, os.RemoveAll(dir)) })
	return dir
}

func persist(dir string) string {
	return `cache { persist { type = "kubernetes" path = "` + dir + `" exit_on_err = true } }` + "\n"
}

// holdings is what a pod holds in the servers.
type holdings struct{ Logins, Users int }

func (p *pod) holdings() holdings {
	p.t.Helper()
	return holdings{Logins: p.logins(), Users: p.users()}
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	dir := p.memory()
	body := persist(dir) + quick + db + kv
	p.delivers(body)
	first := p.login("out/db")

	a := p.sidecar(body)
	a.awaitReady()
	a.awaitLog(1, "took over token and secrets")
	if got := p.holdings(); got != (holdings{1, 1}) {
		t.Errorf("after init and sidecar: %+v, want one login and one user", got)
	}
	a.kill()
	p.sidecar(body).awaitReady()
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2") // the token that was taken over works
	if got := p.holdings(); got != (holdings{1, 1}) || p.login("out/db") != first {
		t.Errorf("after a kill and a restart: %+v, want still the same login and user", got)
	}
	p.expectSealed(dir, first)
}

// expectSealed checks that the files of the hand-over show nothing.
func (p *pod) expectSealed(dir string, user credentials) {
	p.t.Helper()
	files, err := os.ReadDir(dir)
	must(p.t, err)
	if len(files) != 2 {
		p.t.Errorf("%d files in the directory of the hand-over, want the file and its key", len(files))
	}
	for _, f := range files {
		content, err := os.ReadFile(dir + "/" + f.Name())
		must(p.t, err)
		info, err := f.Info()
		must(p.t, err)
		for _, value := range []string{canary, user.password, "hvs."} {
			if strings.Contains(string(content), value) {
				p.t.Errorf("%s shows a secret", f.Name())
			}
		}
		if info.Mode().Perm() != 0o600 {
			p.t.Errorf("%s has mode %o, want 600", f.Name(), info.Mode().Perm())
		}
	}
}

func TestHandOverThatIsOfNoUse(t *testing.T) {
	cases := map[string]struct {
		spoil func(p *pod, dir string)
		role  string // of the second agent
		want  string // error
	}{
		"damaged": {
			spoil: func(p *pod, dir string) {
				must(p.t, os.WriteFile(dir+"/vaultk8s-handover", []byte("damaged"), 0o600))
			},
			want: `read hand-over in "MEM": the file is damaged, or was written for another identity`,
		},
		"of another role": {
			spoil: func(*pod, string) {}, role: "other",
			want: `read hand-over in "MEM": the file is damaged, or was written for another identity`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			dir := p.memory()
			p.delivers(persist(dir) + kv)
			tc.spoil(p, dir)
			p.put("app", canary+"-2")
			document := "exit_after_auth = true\n" + login + persist(dir) + kv
			if tc.role != "" {
				document = strings.Replace(document, `role = "NAME"`, `role = "`+tc.role+`"`, 1)
			}
			a := p.start(document)
			if want := strings.ReplaceAll(tc.want, "MEM", dir); a.wait() != 1 || failure(a.printed()) != want {
				t.Errorf("exit code %d\ngot  %s\nwant %s", a.wait(), failure(a.printed()), want)
			}
		})
	}
}

// TestHandOverOfARevokedToken restarts a sidecar whose token, and with it its
// database login, was revoked while it was away.
func TestHandOverOfARevokedToken(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	body := persist(p.memory()) + quick + db + kv
	a := p.sidecar(body)
	a.awaitReady()
	before := p.read("out/db")
	p.secretly(p.parseLogin(before).password)
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	p.revokeTokens()
	p.put("app", canary+"-2")
	p.sidecar(body)
	p.awaitFile("out/kv", canary+"-2")
	p.expectWorking(p.parseLogin(p.awaitOther("out/db", before)))
	if got := p.holdings(); got != (holdings{1, 1}) {
		t.Errorf("%+v, want one login and one user", got)
	}
}

func TestHandOverThatIsDamagedIsLeftAside(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	dir := p.memory()
	body := strings.Replace(persist(dir), "exit_on_err = true", "", 1) + kv
	must(t, os.WriteFile(dir+"/vaultk8s-handover", []byte("damaged"), 0o600))
	must(t, os.WriteFile(dir+"/vaultk8s-handover.key", []byte(strings.Repeat("k", 32)), 0o600))
	a := p.start("exit_after_auth = true\n" + login + body)
	if code := a.wait(); code != 0 || p.read("out/kv") != canary+"-1" {
		t.Errorf("exit code %d, kv file = %q", code, p.read("out/kv"))
	}
	a.awaitLog(1, "starting without what an agent before held", "error", "the file is damaged")
	b := p.start("exit_after_auth = true\n" + login + body)
	b.wait()
	b.awaitLog(1, "took over token and secrets")
}

func TestHandOverNeverTouchesADisk(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	code, printed := p.init(persist("/var/lib") + kv)
	if want := `no hand-over: "/var/lib" is not on a memory volume (emptyDir with medium: Memory)`; code != 1 || failure(printed) != want {
		t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(printed), want)
	}
}

// revokeTokens revokes the pod's tokens, and with them their leases.
func (p *pod) revokeTokens() {
	p.t.Helper()
	revoked := p.accessors()
	for _, accessor := range revoked {
		_, err := p.vault.Do(p.t.Context(), http.MethodPost, "auth/token/revoke-accessor", map[string]any{"accessor": accessor})
		must(p.t, err)
	}
	await(p.t, func() error {
		// An agent that runs may have logged in again by now.
		held := p.accessors()
		for _, accessor := range revoked {
			if slices.Contains(held, accessor) {
				return fmt.Errorf("the token with the accessor %s is still there", accessor)
			}
		}
		return nil
	})
}
