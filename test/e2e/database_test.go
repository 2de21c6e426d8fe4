package e2e_test

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// db delivers a login of the database.
const db = `
template {
  contents    = "{{ with secret \"database/creds/NAME\" }}{{ .Data.username }}:{{ .Data.password }}{{ end }}"
  destination = "DIR/out/db"
}
`

type credentials struct{ user, password string }

// dynamic makes a role of the pod's name that issues database logins.
func (p *pod) dynamic(ttl, maxTTL time.Duration) {
	p.t.Helper()
	must(p.t, p.vault.DynamicRole(p.t.Context(), "database", p.name, ttl, maxTTL))
}

// login reads a delivered login; its password must not be printed from now on.
func (p *pod) login(name string) credentials {
	p.t.Helper()
	return p.parseLogin(p.read(name))
}

func (p *pod) parseLogin(text string) credentials {
	p.t.Helper()
	user, password, ok := strings.Cut(text, ":")
	if !ok {
		p.t.Fatalf("%q is no login", text)
	}
	p.secretly(password)
	return credentials{user, password}
}

// users counts the users that Vault has made in the database for the pod; their
// names hold the role's.
func (p *pod) users() int {
	p.t.Helper()
	out, err := world.postgres.Query(p.t.Context(), "select count(*) from pg_roles where rolname like 'v-%-"+p.name+"-%'")
	must(p.t, err)
	n, err := strconv.Atoi(out)
	must(p.t, err)
	return n
}

// expectWorking checks that a login works in the database.
func (p *pod) expectWorking(c credentials) {
	p.t.Helper()
	if err := p.works(c); err != nil {
		p.t.Error(err)
	}
}

func (p *pod) works(c credentials) error {
	if out, err := world.postgres.QueryAs(p.t.Context(), c.user, c.password, "select 1"); err != nil || out != "1" {
		return fmt.Errorf("the login does not work: %w", err)
	}
	return nil
}

func (p *pod) awaitUsers(want int) {
	p.t.Helper()
	await(p.t, func() error {
		if n := p.users(); n != want {
			return fmt.Errorf("%d database users, want %d", n, want)
		}
		return nil
	})
}

// TestDynamicLoginIsRenewedAndThenReplacedWithOverlap lives through a whole
// lease: of 60 s, renewed after 43, and replaced before its max TTL of 75 s. Its
// grace is the last tenth to fifth of 60 s, so old and new overlap for three seconds
// at least, even where renewals are tried through half of the grace.
func TestDynamicLoginIsRenewedAndThenReplacedWithOverlap(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Minute, 75*time.Second)
	a := p.sidecar(db)
	a.awaitReady()
	before := p.read("out/db")
	old := p.parseLogin(before)
	fresh := p.parseLogin(p.awaitOther("out/db", before))
	p.expectWorking(old)
	p.expectWorking(fresh)
	if len(a.logged("lease renewed")) == 0 {
		t.Error("the lease was replaced without being renewed before")
	}
	p.awaitUsers(1)
	p.expectWorking(fresh)
	if n := len(a.logged("logged in")); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func TestTwoTemplatesShareOneLogin(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, 24*time.Hour)
	p.delivers(db + strings.Replace(db, "out/db", "out/second", 1))
	if got := p.holdings(); got != (holdings{1, 1}) || p.login("out/db") != p.login("out/second") {
		t.Errorf("two templates on one path: %+v, want one login and one user", got)
	}
	p.expectWorking(p.login("out/db"))
}

func TestStaticRoleFollowsItsRotation(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.StaticRole(t.Context(), "database", p.name, world.postgres, 15*time.Second))
	a := p.sidecar(strings.Replace(db, "creds/", "static-creds/", 1))
	a.awaitReady()
	before := p.read("out/db")
	old := p.parseLogin(before)
	fresh := p.parseLogin(p.awaitOther("out/db", before))
	if old.user != fresh.user || old.user != p.name {
		t.Errorf("users %q and %q, want %q twice", old.user, fresh.user, p.name)
	}
	p.expectWorking(fresh)
	a.awaitLog(1, "secret changed", "reason", "static role rotates")
}

// TestRevokedLeaseIsReplaced revokes the lease behind the agent's back: it finds
// out at the renewal, after 70 to 73 % of 6 s.
func TestRevokedLeaseIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(6*time.Second, time.Hour)
	a := p.sidecar(db)
	a.awaitReady()
	before := p.read("out/db")
	p.secretly(p.parseLogin(before).password)
	_, err := p.vault.Write(t.Context(), "sys/leases/revoke-force/database/creds/"+p.name, nil)
	must(t, err)
	fresh := p.parseLogin(p.awaitOther("out/db", before))
	p.expectWorking(fresh)
	p.awaitUsers(1)
	if n := len(a.logged("logged in")); n != 1 {
		t.Errorf("%d logins, want 1: the token is as good as before", n)
	}
}

// TestAgentThatWasFrozenRecovers stops the agent's process for longer than its
// lease lives, as a suspended machine does: when it goes on, its clock says that
// everything is overdue, and Vault has forgotten the lease.
func TestAgentThatWasFrozenRecovers(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(4*time.Second, time.Hour)
	a := p.sidecar(db)
	a.awaitReady()
	before := p.read("out/db")
	p.secretly(p.parseLogin(before).password)
	a.signal(syscall.SIGSTOP)
	p.awaitUsers(0)
	a.signal(syscall.SIGCONT)
	fresh := p.parseLogin(p.awaitOther("out/db", before))
	p.expectWorking(fresh)
	p.awaitUsers(1)
}
