package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

func TestKubernetesLoginDeliversFiles(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.delivers(kv + `
template {
  contents    = "user={{ with secret \"secret/data/NAME/app\" }}{{ .Data.data.password }}{{ end }}\n"
  destination = "DIR/out/deep/er/ini"
  perms       = "0400"
}`)
	if got := p.read("out/kv"); got != canary+"-1" {
		t.Errorf("kv file = %q", got)
	}
	if got := p.read("out/deep/er/ini"); got != "user="+canary+"-1\n" {
		t.Errorf("ini file = %q", got)
	}
	if mode := p.stat("out/deep/er/ini").Mode().Perm(); mode != 0o400 {
		t.Errorf("mode of the ini file = %o, want 400", mode)
	}
	if n := p.logins(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func TestTokenSinkHoldsAWorkingToken(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.start("exit_after_auth = true\n" + strings.Replace(login, "auto_auth {", `auto_auth {
  sink "file" { config = { path = "DIR/token", mode = 0600 } }`, 1))
	if code := a.wait(); code != 0 {
		t.Fatalf("exit code %d, want 0", code)
	}
	token := p.read("token")
	p.secretly(token)
	if _, err := p.vault.DoAs(t.Context(), token, http.MethodGet, "secret/data/"+p.name+"/app", nil); err != nil {
		t.Errorf("read with the delivered token: %v", err)
	}
	if mode := p.stat("token").Mode().Perm(); mode != 0o600 {
		t.Errorf("mode of the token = %o, want 600", mode)
	}
}

func TestJWTLogin(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	_, err := p.vault.Write(t.Context(), "auth/jwt/role/"+p.name, map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{"vault"}, "bound_subject": "system:serviceaccount:shop:app",
		"token_policies": []string{p.name}, "token_ttl": "1h",
	})
	must(t, err)
	a := p.start("exit_after_auth = true\nauto_auth {\n  method \"jwt\" { config = { role = \"NAME\", path = \"DIR/jwt\" } }\n}\n" + kv)
	if code := a.wait(); code != 0 || p.read("out/kv") != canary+"-1" {
		t.Errorf("exit code %d, kv file = %q", code, p.read("out/kv"))
	}
	if p.read("jwt") != "" {
		t.Error("the JWT is still there: remove_jwt_after_reading is the default")
	}
}

// appRole makes a role of the pod's name; its credentials go to files.
func (p *pod) appRole() (roleID, secretID string) {
	p.t.Helper()
	roleID, secretID, err := p.vault.AppRole(p.t.Context(), "approle", p.name, time.Hour, p.name)
	must(p.t, err)
	p.file("role-id", roleID)
	p.file("secret-id", secretID)
	p.secretly(secretID)
	return roleID, secretID
}

// approle logs in with the files of appRole; OPTIONS are further ones.
const approle = `
auto_auth {
  method "approle" {
    exit_on_err = true
    config = { role_id_file_path = "DIR/role-id", secret_id_file_path = "DIR/secret-id" OPTIONS }
  }
}
exit_after_auth = true
`

func TestAppRoleLogin(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.appRole()
	a := p.start(strings.Replace(approle, "OPTIONS", "", 1) + kv)
	if code := a.wait(); code != 0 || p.read("out/kv") != canary+"-1" {
		t.Errorf("exit code %d, kv file = %q", code, p.read("out/kv"))
	}
	if p.read("secret-id") != "" || p.read("role-id") == "" {
		t.Error("the secret id is removed after reading, the role id is not")
	}
}

// wrapping demands a secret id that was wrapped at the role's own path.
const wrapping = `, secret_id_response_wrapping_path = "auth/approle/role/NAME/secret-id"`

// wrap puts a wrapping token for a new secret id into the file.
func (p *pod) wrap() (token string) {
	p.t.Helper()
	return p.putWrapping(p.wrapped("auth/approle/role/"+p.name+"/secret-id", ""))
}

func (p *pod) putWrapping(answer map[string]any) (token string) {
	p.t.Helper()
	token, _ = dig(answer, "wrap_info", "token").(string)
	if token == "" {
		p.t.Fatalf("nothing was wrapped: %v", answer)
	}
	p.file("secret-id", token)
	p.secretly(token)
	return token
}

func TestAppRoleLoginWithWrappedSecretID(t *testing.T) {
	cases := map[string]struct {
		prepare func(p *pod)
		want    string // "": it logs in
	}{
		"fresh": {prepare: func(p *pod) { p.wrap() }},
		"opened by somebody else": {
			prepare: func(p *pod) {
				token := p.wrap()
				_, err := p.vault.DoAs(p.t.Context(), token, http.MethodPut, "sys/wrapping/unwrap", nil)
				must(p.t, err)
			},
			want: `log in: unwrap the secret id in "DIR/secret-id": PUT ADDR/v1/sys/wrapping/lookup: permanent (HTTP 400): wrapping token is not valid or does not exist; ` +
				`hint: the wrapping token is expired or was unwrapped before, perhaps by someone else; issue a new one`,
		},
		"put there by somebody else": {
			prepare: func(p *pod) { p.putWrapping(p.wrapped("sys/wrapping/wrap", `{"secret_id": "`+canary+`"}`)) },
			want: `log in: unwrap the secret id in "DIR/secret-id": the wrapping token was created at "sys/wrapping/wrap", ` +
				`not at "auth/approle/role/NAME/secret-id"; someone may have replaced it`,
		},
		"not wrapped at all": {
			prepare: func(*pod) {},
			want: `log in: unwrap the secret id in "DIR/secret-id": PUT ADDR/v1/sys/wrapping/lookup: permanent (HTTP 400): wrapping token is not valid or does not exist; ` +
				`hint: the wrapping token is expired or was unwrapped before, perhaps by someone else; issue a new one`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			p.appRole()
			tc.prepare(p)
			a := p.start(strings.Replace(approle, "OPTIONS", wrapping, 1) + kv)
			code := a.wait()
			if tc.want == "" {
				if code != 0 || p.read("out/kv") != canary+"-1" {
					t.Errorf("exit code %d, kv file = %q", code, p.read("out/kv"))
				}
				return
			}
			if want := p.text(tc.want); code != 1 || failure(a.printed()) != want {
				t.Errorf("exit code %d\ngot  %s\nwant %s", code, failure(a.printed()), want)
			}
		})
	}
}

func TestTokenFileLogin(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	out, err := p.vault.Write(t.Context(), "auth/token/create", map[string]any{"policies": []string{p.name}, "ttl": "1h"})
	must(t, err)
	token, _ := dig(out, "auth", "client_token").(string)
	p.secretly(token)
	p.file("given", token)
	a := p.start("exit_after_auth = true\nauto_auth {\n  method \"token_file\" { config = { token_file_path = \"DIR/given\" } }\n}\n" + kv)
	if code := a.wait(); code != 0 || p.read("out/kv") != canary+"-1" {
		t.Errorf("exit code %d, kv file = %q", code, p.read("out/kv"))
	}
	if n := p.logins(); n != 1 {
		t.Errorf("%d tokens, want only the given one", n)
	}
}

// TestTokenIsRenewedAndReplaced lets a token live through renewals to its end.
func TestTokenIsRenewedAndReplaced(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	_, err := p.vault.Write(t.Context(), "auth/kubernetes/role/"+p.name, map[string]any{
		"bound_service_account_names": []string{"app"}, "bound_service_account_namespaces": []string{"shop"}, "audience": "vault",
		"token_policies": []string{p.name}, "token_ttl": "20s", "token_max_ttl": "40s",
	})
	must(t, err)
	a := p.sidecar(quick + kv)
	a.awaitReady()
	a.awaitLog(1, "token renewed")
	a.awaitLog(2, "logged in")
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	if n := len(a.logged("secret not refreshed")); n > 0 {
		t.Errorf("%d reads failed while the token was replaced, want none", n)
	}
}

// strangers makes roles that are not for the pod's service account or its token.
func (p *pod) strangers() {
	p.t.Helper()
	for name, role := range map[string]lab.KubernetesRole{
		"stranger": {Namespaces: []string{"shop"}, ServiceAccounts: []string{"other"}, Audience: "vault", Policies: []string{p.name}, TTL: time.Hour},
		"listener": {Namespaces: []string{"shop"}, ServiceAccounts: []string{"app"}, Audience: "somebody", Policies: []string{p.name}, TTL: time.Hour},
	} {
		must(p.t, p.vault.WriteKubernetesRole(p.t.Context(), "kubernetes", name, role))
	}
}
