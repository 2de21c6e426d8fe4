package e2e_test

import (
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// afflicted starts a sidecar with a static and a dynamic secret at a Vault of
// its own, and returns once both are there.
func afflicted(t *testing.T, v *lab.Vault) (*pod, *agent) {
	t.Helper()
	p := newPodAt(t, v)
	p.dynamic(time.Hour, 24*time.Hour)
	a := p.sidecar(quick + kv + db)
	a.awaitReady()
	p.secretly(p.login("out/db").password)
	return p, a
}

// expectServing checks what an application sees of an outage: nothing.
func (a *agent) expectServing(kvValue, dbValue string) {
	a.pod.t.Helper()
	if code, out := a.pod.run("agent", "ready"); code != 0 {
		a.pod.t.Errorf("not ready during an outage: %s", out)
	}
	if a.pod.read("out/kv") != kvValue || a.pod.read("out/db") != dbValue {
		a.pod.t.Error("a file changed during an outage")
	}
}

func TestOutageOfVault(t *testing.T) {
	cases := map[string]struct {
		begin, end func(t *testing.T, v *lab.Vault)
		want       string // in the log
	}{
		"crashed and started again": {
			begin: func(_ *testing.T, v *lab.Vault) { v.Kill() },
			end:   func(t *testing.T, v *lab.Vault) { must(t, v.Restart(t.Context())) },
			want:  "nothing listens there",
		},
		"sealed and unsealed": {
			begin: func(t *testing.T, v *lab.Vault) { must(t, v.Seal(t.Context())) },
			end:   func(t *testing.T, v *lab.Vault) { must(t, v.Unseal(t.Context())) },
			want:  "sealed (HTTP 503)",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t)
			p, a := afflicted(t, v)
			user := p.read("out/db")
			tc.begin(t, v)
			a.awaitLog(2, "secret not refreshed", "error", tc.want)
			a.expectServing(canary+"-1", user)
			tc.end(t, v)
			p.put("app", canary+"-2")
			p.awaitFile("out/kv", canary+"-2")
			if got := p.holdings(); got != (holdings{1, 1}) || p.read("out/db") != user {
				t.Errorf("after the outage: %+v, want the login and the user of before", got)
			}
			p.expectWorking(p.login("out/db"))
		})
	}
}

// TestStartDuringAnOutage starts a pod before its Vault.
func TestStartDuringAnOutage(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	p := newPodAt(t, v)
	v.Kill()
	a := p.sidecar(kv)
	a.awaitLog(1, "login or token renewal failed", "error", "nothing listens there; check the address and the port, and that Vault runs")
	if code, out := p.run("agent", "ready"); code != 1 || failure(out) != "not ready: 1 of 1 templates were not rendered yet" {
		t.Errorf("ready without Vault: exit code %d, %s", code, out)
	}
	must(t, v.Restart(t.Context()))
	p.awaitFile("out/kv", canary+"-1")
	a.awaitReady()
}

func TestRevokedTokenIsReplaced(t *testing.T) {
	t.Parallel()
	p, a := afflicted(t, world.vault)
	before := p.read("out/db")
	p.revokeTokens()
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	p.expectWorking(p.parseLogin(p.awaitOther("out/db", before))) // it died with the token
	p.awaitUsers(1)
	if got := p.holdings(); got != (holdings{1, 1}) {
		t.Errorf("%+v, want one login and one user", got)
	}
	if n := len(a.logged("logged in")); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

func TestDeniedPathRecoversWithItsPolicy(t *testing.T) {
	t.Parallel()
	p, a := afflicted(t, world.vault)
	user := p.read("out/db")
	p.deny()
	a.awaitLog(1, "secret not refreshed", "error", "denied (HTTP 403)", "path", "read secret/data/"+p.name+"/app")
	p.put("app", canary+"-2")
	a.expectServing(canary+"-1", user)
	p.allow()
	p.awaitFile("out/kv", canary+"-2")
	if got := p.holdings(); got != (holdings{1, 1}) || p.read("out/db") != user {
		t.Errorf("%+v, want the login and the user of before", got)
	}
}

func TestDeletedSecretKeepsItsFile(t *testing.T) {
	t.Parallel()
	p, a := afflicted(t, world.vault)
	user := p.read("out/db")
	must(t, p.vault.Delete(t.Context(), "secret/metadata/"+p.name+"/app"))
	a.awaitLog(1, "secret not refreshed", "error", "not found (HTTP 404)")
	a.expectServing(canary+"-1", user)
	p.put("app", canary+"-again")
	p.awaitFile("out/kv", canary+"-again")
}
