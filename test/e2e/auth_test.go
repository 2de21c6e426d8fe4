package e2e_test

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// method logs in by another method than kubernetes; OPTIONS are its options.
func method(name, options string) string {
	return "auto_auth {\n  method \"" + name + "\" {\n    exit_on_err = true\n    config = { " + options + " }\n  }\n}\n"
}

// pair issues a client certificate and puts it into the pod as NAME.crt and NAME.key.
func (p *pod) pair(name string, a *lab.Authority) {
	p.t.Helper()
	cert, key, err := a.Issue(lab.Leaf{CommonName: name, Organization: []string{p.name}})
	must(p.t, err)
	for file, content := range map[string][]byte{name + ".crt": cert, name + ".key": key} {
		p.file("new", string(content))
		must(p.t, os.Rename(p.path("new"), p.path(file)))
	}
}

// certVault is a Vault that serves TLS.
func certVault(t *testing.T) *lab.Vault {
	t.Helper()
	v := lab.UseVault(t, lab.VaultOptions{InMemory: true, TLS: true})
	must(t, world.furnish(t.Context(), v))
	must(t, v.EnableAuth(t.Context(), "cert", "cert"))
	return v
}

// certPod is a pod of such a Vault, with an authority and a role of its own, and a
// pair app.
func certPod(t *testing.T, v *lab.Vault) (p *pod, people *lab.Authority) {
	t.Helper()
	p, people = newPodAt(t, v), authority(t, "people")
	must(t, v.CertRole(t.Context(), "cert", p.name, people, p.name))
	p.file("ca.crt", string(v.Authority().PEM()))
	p.pair("app", people)
	p.pair("strange", authority(t, "somebody else"))
	return p, people
}

const (
	trusting = "vault { ca_cert = \"DIR/ca.crt\" }\n"
	appPair  = `name = "NAME", client_cert = "DIR/app.crt", client_key = "DIR/app.key"`
)

func TestCertLogin(t *testing.T) {
	t.Parallel()
	v := certVault(t)
	const at = `log in: log in at "auth/cert/login": `
	cases := map[string]struct {
		prepare  func(p *pod)
		document string
		want     string // "": it logs in
	}{
		"its own pair":     {document: trusting + method("cert", appPair)},
		"without a role":   {document: trusting + method("cert", strings.Replace(appPair, `name = "NAME", `, "", 1))},
		"its own CA":       {document: method("cert", appPair+`, ca_cert = "DIR/ca.crt"`) + trusting},
		"texts everywhere": {document: trusting + method("cert", appPair+`, reload = "true", reload_period = "30"`)},
		"the connection's pair": {
			document: "vault {\nca_cert = \"DIR/ca.crt\"\nclient_cert = \"DIR/app.crt\"\nclient_key = \"DIR/app.key\"\n}\n" + method("cert", `name = "NAME"`),
		},
		"no pair": {
			document: trusting + method("cert", `name = "NAME"`),
			want: at + `PUT ADDR/v1/auth/cert/login: permanent (HTTP 400): client certificate must be supplied; ` +
				`hint: name client_cert and client_key, in the method or in the vault block`,
		},
		"pair of another authority": {
			document: trusting + method("cert", strings.ReplaceAll(appPair, "app.", "strange.")),
			want: at + `PUT ADDR/v1/auth/cert/login: permanent (HTTP 400): failed to match all constraints for this login certificate; ` +
				`hint: no role of the auth mount fits the client certificate; check its CA and its names, and the name of the role`,
		},
		"role gone": {
			prepare:  func(p *pod) { must(p.t, p.vault.Delete(p.t.Context(), "auth/cert/certs/"+p.name)) },
			document: trusting + method("cert", appPair),
			want: at + `PUT ADDR/v1/auth/cert/login: permanent (HTTP 400): failed to match all constraints for this login certificate; ` +
				`hint: no role of the auth mount fits the client certificate; check its CA and its names, and the name of the role`,
		},
		"missing pair": {
			document: trusting + method("cert", strings.ReplaceAll(appPair, "app.", "none.")),
			want:     at + "read the client certificate: stat DIR/none.crt: no such file or directory\nstat DIR/none.key: no such file or directory",
		},
		"half a pair": {
			document: trusting + method("cert", `client_cert = "DIR/app.crt"`),
			want:     `auth method "cert": options "client_cert" and "client_key" go together`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, _ := certPod(t, v)
			if tc.prepare != nil {
				tc.prepare(p)
			}
			p.finds(p.start("exit_after_auth = true\n"+tc.document+kv), tc.want)
		})
	}
}

func TestCertLoginNeedsTLS(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.EnableAuth(t.Context(), "cert", p.name))
	p.pair("app", authority(t, "people"))
	document := strings.Replace(method("cert", appPair), "exit_on_err", "mount_path = \"auth/NAME\"\n    exit_on_err", 1)
	p.finds(p.start("exit_after_auth = true\n"+document+kv), `log in: log in at "auth/NAME/login": PUT ADDR/v1/auth/NAME/login: permanent (HTTP 400): tls connection required; `+
		`hint: the method cert needs TLS up to Vault itself: an address with https://, and no proxy between that ends TLS`)
}

// finds waits for the end of an agent: it has delivered, or it failed with an
// error as matches compares it.
func (p *pod) finds(a *agent, want string) {
	p.t.Helper()
	code := a.wait()
	if want == "" {
		if code != 0 || p.read("out/kv") != canary+"-1" {
			p.t.Errorf("exit code %d, kv file = %q, error %s", code, p.read("out/kv"), failure(a.printed()))
		}
		return
	}
	if want = p.text(want); code != 1 || !matches(failure(a.printed()), want) {
		p.t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), want)
	}
}

// serials lists the serial numbers of the certificates behind the pod's tokens.
func (p *pod) serials() []string {
	p.t.Helper()
	var found []string
	for _, accessor := range p.accessors() {
		out, err := p.vault.Write(p.t.Context(), "auth/token/lookup-accessor", map[string]any{"accessor": accessor})
		must(p.t, err)
		if serial, _ := dig(out, "data", "meta", "serial_number").(string); serial != "" && !slices.Contains(found, serial) {
			found = append(found, serial)
		}
	}
	return found
}

func TestReplacedCertificateLogsInAgain(t *testing.T) {
	t.Parallel()
	p, people := certPod(t, certVault(t))
	a := p.start(trusting + quick + method("cert", appPair+`, reload = "true", reload_period = "1"`) + kv)
	a.awaitReady()
	a.awaitLog(1, "logged in", "identity", "CN=app,O="+p.name)
	p.pair("app", people)
	a.awaitLog(2, "logged in", "identity", "CN=app,O="+p.name)
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	if n := len(p.serials()); n < 2 {
		t.Errorf("the logins showed %d certificates, want the old and the new one", n)
	}
}

// ldapPod is a pod of the shared Vault with an ldap mount and a user of its name,
// whose password lies in the file password.
func ldapPod(t *testing.T, l *lab.LDAP) *pod {
	t.Helper()
	p := newPod(t)
	must(t, p.vault.ConnectLDAP(t.Context(), p.name, l))
	must(t, l.AddUser(t.Context(), p.name, canary+" pw"))
	must(t, p.vault.LDAPUser(t.Context(), p.name, p.name, p.name))
	p.file("password", canary+" pw\n")
	return p
}

const ldapUser = `username = "NAME", password_file_path = "DIR/password"`

// ldap logs in at the mount of the pod's name.
func ldap(options string) string {
	return strings.Replace(method("ldap", options), "exit_on_err", "mount_path = \"auth/NAME\"\n    exit_on_err", 1)
}

func TestLDAPLogin(t *testing.T) {
	t.Parallel()
	l := lab.UseLDAP(t)
	const at = `log in: log in at "auth/NAME/login/NAME": PUT ADDR/v1/auth/NAME/login/NAME: permanent (HTTP 400): `
	cases := map[string]struct {
		prepare  func(p *pod)
		document string
		want     string // "": it logs in
		stays    bool   // the password's file does
	}{
		"removed":     {document: ldap(ldapUser)},
		"kept":        {document: ldap(ldapUser + `, remove_password_after_reading = "false"`), stays: true},
		"kept, plain": {document: ldap(ldapUser + `, remove_password_after_reading = false`), stays: true},
		"wrong password": {
			prepare:  func(p *pod) { p.file("password", canary+"-wrong") },
			document: ldap(ldapUser),
			want:     at + `invalid credentials; hint: the user name or the password is wrong; check them, and the path of the auth mount`,
		},
		"user gone": {
			document: ldap(strings.Replace(ldapUser, `"NAME"`, `"nobody"`, 1)),
			want: `log in: log in at "auth/NAME/login/nobody": PUT ADDR/v1/auth/NAME/login/nobody: permanent (HTTP 400): ` +
				`invalid credentials; hint: the user name or the password is wrong; check them, and the path of the auth mount`,
		},
		"policy gone": {
			prepare:  func(p *pod) { must(p.t, p.vault.Delete(p.t.Context(), "auth/"+p.name+"/users/"+p.name)) },
			document: once + ldap(ldapUser),
			want:     `read secret/data/NAME/app: gave up at attempt 1: GET ADDR/v1/secret/data/NAME/app: denied (HTTP 403): permission denied...`,
		},
		"no password": {
			document: ldap(strings.Replace(ldapUser, "DIR/password", "DIR/none", 1)), stays: true,
			want: `log in: read the password: open DIR/none: no such file or directory`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := ldapPod(t, l)
			if tc.prepare != nil {
				tc.prepare(p)
			}
			p.finds(p.start("exit_after_auth = true\n"+tc.document+kv), tc.want)
			if stays := p.read("password") != ""; stays != tc.stays {
				t.Errorf("the file of the password is there: %v", stays)
			}
		})
	}
}

// TestDirectoryAway: the server behind Vault is away, not Vault.
func TestDirectoryAway(t *testing.T) {
	t.Parallel()
	l := lab.UseLDAP(t)
	p := ldapPod(t, l)
	must(t, l.Stop())
	a := p.start("exit_after_auth = true\n" + ldap(ldapUser) + kv)
	p.finds(a, `log in: log in at "auth/NAME/login/NAME": PUT ADDR/v1/auth/NAME/login/NAME: unavailable (HTTP 500): `+
		`ldap.(Client).connect: error connecting to host "`+l.URL()+`": LDAP Result Code 200 "Network Error": dial tcp `+l.Address()+`: connect: connection refused; `+
		`hint: Vault does not reach the directory; check the url of the auth mount, and that the directory runs`)
}

// TestPasswordIsRememberedAfterItsFile lets tokens end, whose password was removed.
func TestPasswordIsRememberedAfterItsFile(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.EnableAuth(t.Context(), "userpass", p.name))
	must(t, p.vault.User(t.Context(), p.name, "app.bot", canary, p.name))
	_, err := p.vault.Write(t.Context(), "auth/"+p.name+"/users/app.bot", map[string]any{"token_ttl": "4s", "token_max_ttl": "4s"})
	must(t, err)
	p.file("password", canary)
	a := p.start(quick + strings.Replace(ldap(`username = "app.bot", password_file_path = "DIR/password"`), "ldap", "userpass", 1) + kv)
	a.awaitReady()
	a.awaitLog(2, "logged in", "method", "userpass", "identity", "app.bot")
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	if p.read("password") != "" {
		t.Error("the password is still there")
	}
}

func TestUserpassRefuses(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	must(t, p.vault.EnableAuth(t.Context(), "userpass", p.name))
	must(t, p.vault.User(t.Context(), p.name, "app", canary, p.name))
	p.file("password", canary+"-wrong")
	a := p.start("exit_after_auth = true\n" + strings.Replace(ldap(`username = "app", password_file_path = "DIR/password"`), "ldap", "userpass", 1) + kv)
	p.finds(a, `log in: log in at "auth/NAME/login/app": PUT ADDR/v1/auth/NAME/login/app: permanent (HTTP 400): `+
		`invalid username or password; hint: the user name or the password is wrong; check them, and the path of the auth mount`)
}

// TestMethodsThatAreNotServed asks for methods of the Vault Agent that are left out.
func TestMethodsThatAreNotServed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alicloud", "cf", "kerberos", "oci", "tpm"} {
		p := newPod(t)
		p.finds(p.start(method(name, `role = "NAME"`)+kv), `auth method "`+name+`" is one of the Vault Agent that is not supported here; supported are ...`)
	}
}

// TestWrappedLogin has a login's answer wrapped by a real Vault, and opens it.
func TestWrappedLogin(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	client, err := vault.NewClient(config.Vault{Address: p.vault.Address()})
	must(t, err)
	defer client.Close()
	m, err := auth.New(config.Auth{Method: "kubernetes", Role: p.name, Options: map[string]string{"token_path": p.path("jwt")}})
	must(t, err)
	schedule := lease.NewSchedule(1)
	infos := make(chan vault.WrapInfo, 2)
	login := vault.NewWrappedLogin(client, m, schedule, vault.WrappedLoginOptions{
		TTL: 5 * time.Minute, OnLogin: func(i vault.WrapInfo) { infos <- i },
		OnFailure: func(err error, _ int) { t.Errorf("log in: %v", err) },
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	done := make(chan error, 1)
	go func() { done <- schedule.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	login.Start()
	for range 2 {
		p.opens(ctx, <-infos)
		login.Relogin()
	}
	p.note("nothing but errors would be printed here\n")
}

// opens unwraps the answer of a login once, and reads with its token.
func (p *pod) opens(ctx context.Context, info vault.WrapInfo) {
	p.t.Helper()
	if info.CreationPath != "auth/kubernetes/login" || info.TTL != 5*time.Minute || info.Accessor == "" {
		p.t.Errorf("what is told of the wrapping: %+v", info)
	}
	out, err := p.vault.DoAs(ctx, info.Token.Reveal(), http.MethodPut, "sys/wrapping/unwrap", nil)
	must(p.t, err)
	token, _ := dig(out, "auth", "client_token").(string)
	if dig(out, "auth", "accessor") != info.WrappedAccessor {
		p.t.Errorf("accessor %v inside, %s was told", dig(out, "auth", "accessor"), info.WrappedAccessor)
	}
	if _, err := p.vault.DoAs(ctx, token, http.MethodGet, "secret/data/"+p.name+"/app", nil); err != nil {
		p.t.Errorf("read with the wrapped token: %v", err)
	}
	if _, err := p.vault.DoAs(ctx, info.Token.Reveal(), http.MethodPut, "sys/wrapping/unwrap", nil); err == nil {
		p.t.Error("it opens twice")
	}
}
