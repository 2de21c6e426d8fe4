package e2e_test

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTerminationIsOrderly(t *testing.T) {
	for name, s := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			p.dynamic(time.Hour, 24*time.Hour)
			a := p.sidecar("pid_file = \"DIR/pid\"\n" + kv + db)
			a.awaitReady()
			p.login("out/db")
			if p.read("pid") == "" {
				t.Error("no pid file")
			}
			a.signal(syscall.SIGHUP) // ignored
			a.signal(s)
			if code := a.wait(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			a.awaitLog(1, "agent ended")
			if p.read("pid") != "" || p.read("out/kv") != canary+"-1" {
				t.Error("the pid file is still there, or the delivered file is not")
			}
			if got := p.holdings(); got != (holdings{1, 1}) {
				t.Errorf("%+v: without revoke_on_shutdown nothing is revoked", got)
			}
		})
	}
}

func TestTerminationRevokes(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	a := p.sidecar("revoke_on_shutdown = true\n" + kv + db)
	a.awaitReady()
	user := p.login("out/db")
	p.expectWorking(user)
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	a.awaitLog(1, "token revoked")
	p.awaitUsers(0)
	if n := p.logins(); n != 0 {
		t.Errorf("%d tokens are left, want none", n)
	}
}

func TestTerminationWhileVaultIsAway(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	p := newPodAt(t, v)
	a := p.sidecar("revoke_on_shutdown = true\n" + kv)
	a.awaitReady()
	v.Kill()
	if code := a.end(); code != 1 {
		t.Errorf("exit code %d, want 1: the token is not revoked", code)
	}
	want := p.text("revoke the agent's token: PUT ADDR/v1/auth/token/revoke-self: unavailable: ")
	if got := failure(a.printed()); !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s...", got, want)
	}
}

// TestTerminationDuringTheStart ends an agent that waits for an answer of Vault.
func TestTerminationDuringTheStart(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	must(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(patience)))
	a := p.sidecar(kv, "-address=http://"+l.Addr().String())
	c, err := l.Accept() // the login is under way; nobody will answer it
	must(t, err)
	defer c.Close()
	begin := time.Now()
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the end took %s: it waited for the answer", took)
	}
	if p.read("out/kv") != "" {
		t.Error("a file was delivered without a login")
	}
}

// TestTerminationDuringACommand ends an agent whose command runs on and on.
func TestTerminationDuringACommand(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.sidecar(strings.Replace(kv, `out/kv"`, `out/kv"`+"\n  command = \"touch DIR/begun; sleep 600; touch DIR/over\"", 1))
	await(t, func() error {
		_, err := os.Stat(p.path("begun"))
		return err
	})
	if code := a.end(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if _, err := os.Stat(p.path("over")); err == nil {
		t.Error("the command ran to its end")
	}
}
