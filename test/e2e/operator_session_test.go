package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

// sessions are those of an operator's process, with the rights of an operator, until
// the function that comes with them is called.
func (r *realm) sessions(p session.Persistence) (*session.Sessions, func()) {
	r.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", r.path("kubeconfig"))
	must(r.t, err)
	own, err := client.New(config, client.Options{Scheme: operatorScheme(r.t)})
	must(r.t, err)
	key, err := session.LoadKey(r.t.Context(), own, own, r.system, nil)
	must(r.t, err)
	logged := &strings.Builder{}
	s := session.New(session.Options{
		Log:               slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OperatorNamespace: r.system, Cached: r.client, Live: own, Client: own, Persistence: p, Key: key, Version: "e2e", DefaultGlobals: true,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	ended := false
	end := func() {
		if !ended {
			ended = true
			cancel()
			must(r.t, <-done)
			r.note("sessions have ended\n" + logged.String())
		}
	}
	r.t.Cleanup(end)
	return s, end
}

// session returns the session of an object of the space, logged in.
func (r *realm) session(s *session.Sessions, auth string) *session.Session {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	got, err := s.For(ctx, session.Ask{Namespace: r.space, AuthRef: auth})
	must(r.t, err)
	return got
}

func request(t *testing.T, s *session.Session, method, path string, body map[string]any) *vault.Response {
	t.Helper()
	got, err := s.Do(t.Context(), vault.Request{Method: method, Path: path, Body: body})
	must(t, err)
	return got
}

// TestOperatorSessionRestart: a second process goes on with the token of the first,
// and the leases of it live; its token in the cluster can be encrypted.
func TestOperatorSessionRestart(t *testing.T) {
	t.Parallel()
	for _, model := range []session.Persistence{session.PersistPlain, session.PersistEncrypted} {
		t.Run(string(model), func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			r.encryption()
			must(t, r.vault.DynamicRole(t.Context(), "database", r.name, time.Hour, 24*time.Hour))
			s, end := r.sessions(model)
			first := r.session(s, "vault")
			lent := request(t, first, http.MethodGet, "database/creds/"+r.name, nil)
			kept := r.awaitKept(first.CacheKey())
			if plain := bytes.Contains(kept.Data["secret"], []byte(first.Token().Token.Value.Reveal())); plain == (model == session.PersistEncrypted) {
				t.Errorf("the token is in the Secret as it is: %v", plain)
			}
			end()
			r.gate.take()
			s, _ = r.sessions(model)
			second := r.session(s, "vault")
			if second.CacheKey() != first.CacheKey() || second.ClientID() != first.ClientID() {
				t.Errorf("session %s with %s, want %s with %s", second.CacheKey(), second.ClientID(), first.CacheKey(), first.ClientID())
			}
			logins := 0
			if model == session.PersistEncrypted {
				logins = 1 // of whoever decrypts
			}
			if n := r.gate.asked("PUT auth/kubernetes/login"); n != logins {
				t.Errorf("%d logins of the second process, want %d", n, logins)
			}
			renewed := request(t, second, http.MethodPut, "sys/leases/renew", map[string]any{"lease_id": lent.LeaseID})
			if renewed.LeaseID != lent.LeaseID || renewed.LeaseDuration < 59*time.Minute {
				t.Errorf("lease %s for %v", renewed.LeaseID, renewed.LeaseDuration)
			}
		})
	}
}

// encryption makes a key of the transit engine, and the VaultAuth that uses it.
func (r *realm) encryption() {
	r.t.Helper()
	ctx, mount := r.t.Context(), "transit-"+r.name
	must(r.t, r.vault.Mount(ctx, "transit", mount))
	_, err := r.vault.Write(ctx, mount+"/keys/cache", nil)
	must(r.t, err)
	must(r.t, r.vault.Policy(ctx, r.name+"-cache", fmt.Sprintf(`path "%s/*" { capabilities = ["update"] }`, mount)))
	must(r.t, r.vault.WriteKubernetesRole(ctx, r.mount(), r.name+"-cache", lab.KubernetesRole{
		Namespaces: []string{r.system}, ServiceAccounts: []string{"operator"}, Audience: "vault", Policies: []string{r.name + "-cache"}, TTL: time.Hour,
	}))
	r.apply(`
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata:
  name: cache
  namespace: SYSTEM
  labels: {cacheStorageEncryption: "true"}
spec:
  vaultConnectionRef: default
  method: kubernetes
  mount: MOUNT
  kubernetes: {role: NAME-cache, serviceAccount: operator, audiences: [vault]}
  storageEncryption: {mount: transit-NAME, keyName: cache}
`)
}

// awaitKept waits for the Secret that a token is kept in.
func (r *realm) awaitKept(cacheKey string) *corev1.Secret {
	r.t.Helper()
	kept := &corev1.Secret{}
	await(r.t, func() error {
		return r.client.Get(r.t.Context(), client.ObjectKey{Namespace: r.system, Name: "vso-cc-" + cacheKey}, kept)
	})
	return kept
}

// TestOperatorSessionMethods logs in to a real Vault by methods whose credentials
// lie in Secrets, over TLS that Secrets configure, too.
func TestOperatorSessionMethods(t *testing.T) {
	t.Parallel()
	installDefinitions(t)
	v := certVault(t)
	p, people := certPod(t, v)
	r := makeRealm(t, world.kubernetes, p, false)
	roleID, secretID, err := v.AppRole(t.Context(), "approle", r.name, time.Hour, r.name)
	must(t, err)
	must(t, v.EnableAuth(t.Context(), "userpass", "userpass"))
	must(t, v.User(t.Context(), "userpass", r.name, canary, r.name))
	_, err = v.Write(t.Context(), "auth/jwt/role/"+r.name, map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "bound_subject": "system:serviceaccount:" + r.space + ":app", "policies": r.name,
	})
	must(t, err)
	r.secretly(secretID)
	r.keep("connection", map[string]string{"ca.crt": string(v.Authority().PEM()), "tls.crt": p.read("app.crt"), "tls.key": p.read("app.key")})
	r.keep("pair", map[string]string{"tls.crt": p.read("app.crt"), "tls.key": p.read("app.key")})
	r.keep("credentials", map[string]string{"id": secretID, "password": canary, "token": v.Token()})
	r.apply(strings.ReplaceAll(`
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultConnection
metadata: {name: tls, namespace: SPACE}
spec: {address: "ADDRESS", caCertSecretRef: connection, clientCertSecretRef: connection}
`, "ADDRESS", v.Address()))
	for name, spec := range map[string]string{
		"kubernetes": "method: kubernetes\n  mount: kubernetes\n  kubernetes: {role: NAME, serviceAccount: app, audiences: [vault]}",
		"jwt":        "method: jwt\n  mount: jwt\n  jwt: {role: NAME, serviceAccount: app, audiences: [vault]}",
		"approle":    "method: appRole\n  mount: approle\n  appRole: {roleId: ROLE, secretRef: credentials}",
		"userpass":   "method: userpass\n  mount: userpass\n  userpass: {username: NAME, secretRef: credentials}",
		"token":      "method: token\n  mount: token\n  token: {secretRef: credentials}",
		"cert":       "method: cert\n  mount: cert\n  cert: {role: NAME, secretRef: pair}",
		"shown":      "method: cert\n  mount: cert\n  cert: {role: NAME}",
	} {
		r.apply(strings.ReplaceAll("apiVersion: secrets.hashicorp.com/v1beta1\nkind: VaultAuth\nmetadata: {name: "+name+", namespace: SPACE}\nspec:\n  vaultConnectionRef: tls\n  "+spec+"\n", "ROLE", roleID))
	}
	s, _ := r.sessions(session.PersistNone)
	for _, name := range []string{"kubernetes", "jwt", "approle", "userpass", "token", "cert", "shown"} {
		got := request(t, r.session(s, name), http.MethodGet, "secret/data/"+r.name+"/app", nil)
		data, _ := got.Data.Reveal()["data"].(map[string]any)
		if data["password"] != canary+"-1" {
			t.Errorf("%s reads something else", name)
		}
	}
	r.renewed(s, people)
}

// renewed replaces the connection's certificate, which is taken up without a restart:
// by who logs in with it the next time.
func (r *realm) renewed(s *session.Sessions, people *lab.Authority) {
	r.t.Helper()
	r.pair("next", people)
	r.keep("pair", map[string]string{"tls.crt": r.read("next.crt"), "tls.key": r.read("next.key")})
	got := r.session(s, "cert")
	before := got.ClientID()
	_, err := r.vault.Write(r.t.Context(), "auth/token/revoke", map[string]any{"token": got.Token().Token.Value.Reveal()})
	must(r.t, err)
	if _, err := got.Do(r.t.Context(), vault.Request{Method: http.MethodGet, Path: "secret/data/" + r.name + "/app"}); vault.KindOf(err) != vault.InvalidToken {
		r.t.Errorf("a revoked token reads, error %v", err)
	}
	await(r.t, func() error {
		if id := r.session(s, "cert").ClientID(); id == before {
			return fmt.Errorf("the session still has the revoked token %s", id)
		}
		return nil
	})
	if after := r.session(s, "cert").Token().Token.Metadata["common_name"]; after != "next" {
		r.t.Errorf("logged in as %q, want the new certificate", after)
	}
}

// keep makes or replaces a Secret of the space.
func (r *realm) keep(name string, data map[string]string) {
	r.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.space, Name: name}, StringData: data}
	must(r.t, client.IgnoreNotFound(r.client.Delete(r.t.Context(), s.DeepCopy())))
	must(r.t, r.client.Create(r.t.Context(), s))
}
