package csi

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

func TestTokenIsMadeWhereTheDriverPassesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		w := newWorld(t, with(kube), func(o *Options) { o.CSI.Events = false })
		p := aPod("orders-sa", 1)
		var asked map[string]any
		var at string
		c.token = func(body map[string]any, path string) string {
			asked, at = body, path
			return w.jwt(p, 15*time.Minute)
		}
		m := w.call(p, map[string]string{"roleName": "orders", "objects": twoKeys, "audience": "vault", tokensKey: ""})
		w.send(m)
		want := map[string]any{
			"expirationSeconds": 900.0, "audiences": []any{"vault"},
			"boundObjectRef": map[string]any{"kind": "Pod", "apiVersion": "v1", "name": p.Name, "uid": p.UID},
		}
		if diff := cmp.Diff(want, asked["spec"]); diff != "" || at != "/api/v1/namespaces/shop/serviceaccounts/orders-sa/token" {
			t.Errorf("%s %s", at, diff)
		}
		c.asked()
		w.mount(aPod("orders-sa", 2), map[string]string{"roleName": "orders", "objects": twoKeys, "audience": "vault", tokensKey: ""})
		if got := c.asked(); len(got) != 0 {
			t.Errorf("a second pod asks for a token: %q", got)
		}
	})
}

func TestNoTokenAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		err := w.refuse(w.call(aPod("orders-sa", 1), map[string]string{"roleName": "orders", "objects": twoKeys, tokensKey: ""}))
		if codeName(err) != "FailedPrecondition" || !strings.Contains(err.Error(), "set tokenRequests of its CSIDriver object") {
			t.Error(err)
		}
	})
}

func TestTokenNotAllowedToBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		c.forbid = "/token"
		w := newWorld(t, with(kube))
		err := w.refuse(w.call(aPod("orders-sa", 1), map[string]string{"roleName": "orders", "objects": twoKeys, tokensKey: ""}))
		want := "error making mount request: failed to login: failed to create a service account token for requesting pod shop/orders-sa-1: " +
			"create a token for service-account shop/orders-sa: /token is forbidden"
		if !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	})
}

func TestForeignTokenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		err := w.refuse(w.call(aPod("other-sa", 1), map[string]string{
			"roleName": "orders", "objects": twoKeys, tokensKey: w.tokensOf(aPod("orders-sa", 1), time.Hour),
		}))
		if codeName(err) != "InvalidArgument" || w.vault.Logins() != 0 {
			t.Errorf("%d logins: %v", w.vault.Logins(), err)
		}
	})
}

// TestRefusedLoginIsMendedByANewToken: what the driver passes next is tried at once.
func TestRefusedLoginIsMendedByANewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := aPod("orders-sa", 1)
		expired := w.call(p, map[string]string{"roleName": "orders", "objects": twoKeys, tokensKey: w.tokensOf(p, time.Second)})
		pass(2 * time.Second)
		if err := w.refuse(expired); !strings.Contains(err.Error(), "expired at") {
			t.Error(err)
		}
		began := time.Now()
		w.mount(p, class("orders", twoKeys))
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestTokenIsReplacedAtItsEnd: with the token that the driver passed last.
func TestTokenIsReplacedAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := aPod("orders-sa", 1)
		for range 200 {
			w.mount(p, class("orders", twoKeys))
			pass(time.Hour)
		}
		if n := w.vault.Logins(); n < 2 || n > 4 {
			t.Errorf("%d logins in 200 hours with tokens of 100", n)
		}
	})
}

// withSecrets is a call with the Secret of nodePublishSecretRef.
func (w *world) withSecrets(p pod, parameters, secrets map[string]string) map[string]string {
	w.t.Helper()
	m := w.call(p, parameters)
	m.Secrets = quoted(secrets)
	return w.send(m)
}

func TestOtherMethods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		token := fakevault.TokenRole{Policies: []string{"orders"}, TTL: time.Hour}
		w.vault.EnableAppRole("approle")
		roleID := w.vault.AppRole("approle", "orders", true, token)
		w.vault.EnableUserpass("users", map[string]string{"u": canary + "-password"}, token)
		w.vault.EnableJWTAuth("jwt")
		w.vault.JWTRole("jwt", "orders", []string{"vault"}, "system:serviceaccount:shop:orders-sa", token)
		cases := map[string]struct{ parameters, secrets map[string]string }{
			"approle": {
				map[string]string{"authMethod": "approle", "vaultAuthMountPath": "approle"},
				map[string]string{"role_id": roleID, "secret_id": w.vault.SecretID("approle", "orders", time.Hour, 0)},
			},
			"userpass": {
				map[string]string{"authMethod": "userpass", "vaultAuthMountPath": "users", "auth": "username: u"},
				map[string]string{"username": "u", "password": canary + "-password"},
			},
			"jwt": {map[string]string{"authMethod": "jwt", "vaultAuthMountPath": "jwt", "roleName": "orders"}, nil},
		}
		for name, tc := range cases {
			parameters := map[string]string{"objects": twoKeys}
			maps.Copy(parameters, tc.parameters)
			if got := w.withSecrets(aPod("orders-sa", 1), parameters, tc.secrets); got["db"] != canary+"-db" {
				t.Errorf("%s: %v", name, got)
			}
		}
		files, err := filepath.Glob(filepath.Join(w.provider.credentials, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of credentials: %v", err)
		}
		for _, name := range files {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestCredentialsRefuse(t *testing.T) {
	cases := map[string]struct {
		parameters, secrets map[string]string
		want                string
	}{
		"no role id":     {map[string]string{"authMethod": "approle"}, nil, `auth method "approle": the Secret of nodePublishSecretRef has no key "role_id"`},
		"no certificate": {map[string]string{"authMethod": "cert"}, map[string]string{"tls.key": canary}, `auth method "cert": the Secret of nodePublishSecretRef has no key "tls.crt"`},
		"a file of the provider": {
			map[string]string{"authMethod": "ldap", "auth": "password_file_path: /etc/passwd"},
			map[string]string{"username": "u", "password": canary},
			`parameter "auth": a class cannot set the option "password_file_path"; credentials come from nodePublishSecretRef`,
		},
		"the node of AWS": {
			map[string]string{"authMethod": "aws", "roleName": "r", "auth": "type: iam"},
			nil,
			`auth method "aws" without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow`,
		},
		"the node of AWS with a ruse": {
			map[string]string{"authMethod": "aws", "roleName": "r", "auth": "type: ec2"},
			map[string]string{"access_key": "x"},
			`auth method "aws" without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow`,
		},
		"the node of AWS by a blank": {
			map[string]string{"authMethod": "aws", "roleName": "r", "auth": "type: ' ec2'"},
			map[string]string{"access_key": "x", "secret_key": canary},
			`auth method "aws" without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow`,
		},
		"the node of AWS by half of a key": {
			map[string]string{"authMethod": "aws", "roleName": "r", "auth": "type: iam"},
			map[string]string{"access_key": " ", "session_token": canary},
			`auth method "aws" without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow`,
		},
		"a key of AWS without its secret": {
			map[string]string{"authMethod": "aws", "roleName": "r", "auth": "type: iam"},
			map[string]string{"access_key": "x"},
			`auth method "aws": the options "access_key" and "secret_key" go together`,
		},
		"the machine of Google by a blank": {
			map[string]string{"authMethod": "gcp", "roleName": "r", "auth": "type: 'gce '"},
			map[string]string{"credentials.json": canary},
			`auth method "gcp" without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow`,
		},
		"the node of Azure": {
			map[string]string{"authMethod": "azure", "roleName": "r", "auth": "resource: x"},
			nil,
			`auth method "azure" without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow`,
		},
		"a method without its options": {
			map[string]string{"authMethod": "gcp", "roleName": "r"},
			map[string]string{"credentials.json": canary},
			`auth method "gcp": option "type" is required`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				parameters := map[string]string{"objects": twoKeys}
				maps.Copy(parameters, tc.parameters)
				m := w.call(aPod("orders-sa", 1), parameters)
				m.Secrets = quoted(tc.secrets)
				err := w.refuse(m)
				if want := "rpc error: code = InvalidArgument desc = error making mount request: " + tc.want; err.Error() != want {
					t.Errorf(" got %v\nwant %s", err, want)
				}
			})
		})
	}
}

func TestIdentitiesDiffer(t *testing.T) {
	usual := loginSpec{vault: config.Vault{Address: "https://v"}, auth: config.Auth{Method: "kubernetes", Mount: "kubernetes", Role: "r"}, subject: "shop/a"}
	seen := map[string]string{}
	for name, change := range map[string]func(*loginSpec){
		"usual":             func(*loginSpec) {},
		"address":           func(s *loginSpec) { s.vault.Address = "https://w" },
		"authority":         func(s *loginSpec) { s.vault.CACertBytes = "x" },
		"skip verification": func(s *loginSpec) { s.vault.TLSSkipVerify = true },
		"server name":       func(s *loginSpec) { s.vault.TLSServerName = "x" },
		"namespace":         func(s *loginSpec) { s.namespace = "x" },
		"auth namespace":    func(s *loginSpec) { s.auth.Namespace = "x" },
		"method":            func(s *loginSpec) { s.auth.Method = "jwt" },
		"mount":             func(s *loginSpec) { s.auth.Mount = "x" },
		"role":              func(s *loginSpec) { s.auth.Role = "x" },
		"account":           func(s *loginSpec) { s.subject = "shop/b" },
		"audience":          func(s *loginSpec) { s.audience = "x" },
	} {
		s := usual
		change(&s)
		id := s.identity()
		key := strings.Join([]string{id.Connection, id.Namespace, id.Method, id.Mount, id.Role, id.Subject, id.Audience}, "|")
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s are one identity", name, other)
		}
		seen[key] = name
	}
}

func TestNamespaceAndRoleOfAnObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.KubernetesRole("kubernetes", "second", fakevault.KubernetesRole{
			ServiceAccounts: []string{"orders-sa"}, Namespaces: []string{"shop"}, Token: fakevault.TokenRole{Policies: []string{"other"}, TTL: time.Hour},
		})
		got := w.mount(aPod("orders-sa", 1), class("orders", twoKeys+"- {objectName: other, secretPath: secret/data/other, secretKey: x, roleName: second}"))
		if got["other"] != canary+"-other" || w.vault.Logins() != 2 {
			t.Errorf("%v with %d logins", got, w.vault.Logins())
		}
	})
}

func TestAuthorityFromTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, kube := newKube(t)
		w := newWorld(t, with(kube))
		c.put("secrets", "shop/ca", "ca.crt", "PEM of a Secret")
		c.put("configmaps", "shop/ca", "bundle", "PEM of a ConfigMap")
		c.put("secrets", "shop/client", "tls.crt", "certificate")
		c.put("secrets", "shop/client", "tls.key", "key")
		q := &request{pod: aPod("orders-sa", 1), files: kubernetesFiles{caSecret: "ca", caConfigMap: "ca/bundle", clientCertSecret: "client"}}
		for range 2 {
			q.vault = config.Vault{}
			if err := w.provider.fetchFiles(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		if q.vault.CACertBytes != "PEM of a Secret\nPEM of a ConfigMap\n" {
			t.Errorf("%q", q.vault.CACertBytes)
		}
		if content, err := os.ReadFile(q.vault.ClientKey); err != nil || string(content) != "key" {
			t.Errorf("%q %v", content, err)
		}
		asked := 0
		for _, r := range c.asked() {
			if strings.HasPrefix(r, "GET /api/v1/namespaces/shop/") {
				asked++
			}
		}
		if asked != 3 {
			t.Errorf("%d requests for 3 objects that were needed twice", asked)
		}
		q.files = kubernetesFiles{caSecret: "ca/nothing"}
		if err := w.provider.fetchFiles(t.Context(), q); textOf(err) != `secrets shop/ca has no key "nothing"` {
			t.Error(err)
		}
		q.files = kubernetesFiles{caSecret: "nothing"}
		if err := w.provider.fetchFiles(t.Context(), q); !strings.HasPrefix(textOf(err), "get secrets shop/nothing: ") || codeOf(err).String() != "Internal" {
			t.Error(err)
		}
	})
}

func TestHolderKeepsTheNewestToken(t *testing.T) {
	h := &jwtHolder{}
	now := time.Now()
	late, early := podToken{sensitive.New("late"), now.Add(time.Hour)}, podToken{sensitive.New("early"), now.Add(time.Minute)}
	if !h.offer(pod{}, early) || !h.offer(pod{}, late) || h.offer(pod{}, early) || h.offer(pod{}, podToken{}) {
		t.Error("a newer token was not told from an older one")
	}
	if got, err := h.token(t.Context()); err != nil || got.Reveal() != "late" {
		t.Errorf("%v %v", got.Reveal(), err)
	}
}

// TestConnectionsOfAClass: what a class says of the connection reaches the client.
func TestConnectionsOfAClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Transport = nil })
		m := w.call(aPod("orders-sa", 1), map[string]string{"roleName": "orders", "objects": twoKeys, "vaultCACertPath": "/nothing/ca.crt"})
		if err := w.refuse(m); codeName(err) != "InvalidArgument" || !strings.Contains(err.Error(), "/nothing/ca.crt") {
			t.Error(err)
		}
	})
}
