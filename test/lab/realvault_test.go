package lab_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// tempRoot directs temporary directories into one of the test's own, so that it
// sees what is left. An unprivileged PostgreSQL must be able to pass through.
func tempRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	return dir
}

// expectNothing checks after Stop that no process, file or listener is left.
func expectNothing(t *testing.T, root string, pids []int, addresses ...string) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is left", pid)
		}
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) > 0 {
		t.Errorf("files are left: %v, %v", entries, err)
	}
	for _, a := range addresses {
		l, err := net.Listen("tcp", a)
		if err != nil {
			t.Errorf("address is taken: %v", err)
			continue
		}
		_ = l.Close()
	}
}

func hostPort(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return rest
}

// must fails the test at once.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dig walks down nested objects of an answer.
func dig(in map[string]any, keys ...string) any {
	var at any = in
	for _, k := range keys {
		object, _ := at.(map[string]any)
		at = object[k]
	}
	return at
}

func putSecret(t *testing.T, v *lab.Vault, value string) {
	t.Helper()
	_, err := v.Write(t.Context(), "secret/data/app", map[string]any{"data": map[string]any{"k": value}})
	must(t, err)
}

func expectSecret(t *testing.T, v *lab.Vault, want string) {
	t.Helper()
	out, err := v.Read(t.Context(), "secret/data/app")
	if got := dig(out, "data", "data", "k"); err != nil || got != want {
		t.Errorf("secret/app is %v, %v; want %s", got, err, want)
	}
}

func TestVaultLeavesNothing(t *testing.T) {
	for name, o := range map[string]lab.VaultOptions{
		"On disk":   {},
		"In memory": {InMemory: true},
		"TLS":       {TLS: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := tempRoot(t)
			v, err := lab.StartVault(t.Context(), o)
			must(t, err)
			putSecret(t, v, "here")
			expectSecret(t, v, "here")
			must(t, v.Stop())
			must(t, v.Stop())
			expectNothing(t, root, []int{v.PID()}, hostPort(v.Address()))
		})
	}
}

func TestVaultFailedStartLeavesNothing(t *testing.T) {
	root := tempRoot(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	_, err = lab.StartVault(t.Context(), lab.VaultOptions{Listen: taken.Addr().String()})
	want := "vault ended before it was ready: exit status 1; the end of its log:\n" +
		"vault: listen tcp " + taken.Addr().String() + ": bind: address already in use"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = lab.StartVault(t.Context(), lab.VaultOptions{Data: "/x", InMemory: true})
	if want := `vault options contradict each other: Data "/x" and InMemory`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	expectNothing(t, root, nil)
}

func TestVaultRestart(t *testing.T) {
	v := lab.UseVault(t, lab.VaultOptions{})
	address := v.Address()
	putSecret(t, v, "kept")
	for name, end := range map[string]func(){
		"In order": func() {},
		"After a crash": func() {
			v.Kill()
			if _, err := v.Read(t.Context(), "sys/health"); err == nil {
				t.Error("a killed server answers")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := v.PID()
			end()
			must(t, v.Restart(t.Context()))
			if v.PID() == before || v.Address() != address {
				t.Errorf("pid %d at %s, was %d at %s", v.PID(), v.Address(), before, address)
			}
			expectSecret(t, v, "kept")
		})
	}
	memory := lab.UseVault(t, lab.VaultOptions{InMemory: true})
	if err := memory.Restart(t.Context()); err == nil || err.Error() != "restart vault: its storage is in memory" {
		t.Errorf("restart in memory: %v", err)
	}
}

func TestVaultData(t *testing.T) {
	o := lab.VaultOptions{Data: filepath.Join(t.TempDir(), "data"), Token: "chosen"}
	first := lab.UseVault(t, o)
	putSecret(t, first, "lasting")
	must(t, first.Stop())
	second := lab.UseVault(t, o)
	if second.Token() != "chosen" {
		t.Errorf("token %q", second.Token())
	}
	expectSecret(t, second, "lasting")
}

func TestVaultSeal(t *testing.T) {
	for name, o := range map[string]lab.VaultOptions{"On disk": {}, "In memory": {InMemory: true}} {
		t.Run(name, func(t *testing.T) {
			v := lab.UseVault(t, o)
			putSecret(t, v, "behind the barrier")
			for range 2 {
				must(t, v.Seal(t.Context()))
				_, err := v.Read(t.Context(), "secret/data/app")
				if lab.StatusCode(err) != http.StatusServiceUnavailable {
					t.Errorf("reading a sealed vault: %v", err)
				}
				must(t, v.Unseal(t.Context()))
				expectSecret(t, v, "behind the barrier")
			}
		})
	}
}

func TestVaultTLS(t *testing.T) {
	v := lab.UseVault(t, lab.VaultOptions{TLS: true})
	want := []string{"VAULT_ADDR=" + v.Address(), "VAULT_TOKEN=" + v.Token(), "VAULT_CACERT=" + v.CACert()}
	if diff := cmp.Diff(want, v.Env()); diff != "" {
		t.Error(diff)
	}
	pem, err := os.ReadFile(v.CACert())
	if err != nil || !bytes.Equal(pem, v.Authority().PEM()) {
		t.Errorf("the file of the authority: %v", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.Address()+"/v1/sys/health", http.NoBody)
	must(t, err)
	resp, err := client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Error("a client without the authority connects")
	}
}

func TestVaultTTLs(t *testing.T) {
	v := lab.UseVault(t, lab.VaultOptions{DefaultLeaseTTL: 90 * time.Second, MaxLeaseTTL: time.Hour})
	must(t, v.EnableAuth(t.Context(), "userpass", "userpass"))
	must(t, v.User(t.Context(), "userpass", "bob", "pw"))
	out, err := v.DoAs(t.Context(), "", http.MethodPost, "auth/userpass/login/bob", map[string]any{"password": "pw"})
	must(t, err)
	if got := dig(out, "auth", "lease_duration"); got != 90.0 {
		t.Errorf("a token lives %v s, want 90", got)
	}
}

func TestVaultStartStopsWithContext(t *testing.T) {
	root := tempRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lab.StartVault(ctx, lab.VaultOptions{}); err == nil {
		t.Error("a start under an ended context succeeds")
	}
	expectNothing(t, root, nil)
}
