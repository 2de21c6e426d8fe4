package session_test

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
)

// TestOneLogin: a thousand resources of one identity that start at once log in
// once, and what all of them read is read once.
func TestOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start()
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				got, err := s.For(t.Context(), orders)
				if err != nil {
					t.Error(err)
					return
				}
				got.Watch(read("orders"), nil)
			})
		}
		all.Wait()
		synctest.Wait()
		if n := w.vault.Logins(); n != 1 {
			t.Errorf("%d logins, want 1", n)
		}
		if n := w.vault.Count("GET", "secret/data/orders"); n != 1 {
			t.Errorf("%d reads, want 1", n)
		}
		if w.issued != 1 {
			t.Errorf("%d tokens of the ServiceAccount, want 1", w.issued)
		}
		if got := w.announced(); len(got) != 0 {
			t.Errorf("the first login announced %v", got)
		}
	})
}

// TestNames: the names in the status are those of the older operator.
func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.EnableNamespace("eu")
		s, _ := w.start()
		got := in(t, s, orders)
		if !regexp.MustCompile(`^kubernetes-[0-9a-f]{22}$`).MatchString(got.CacheKey()) {
			t.Errorf("cache key %q", got.CacheKey())
		}
		if want := store.ClientID(got.Token().Token.Accessor); got.ClientID() != want || want == "" {
			t.Errorf("client ID %q, want %q", got.ClientID(), want)
		}
		clone := in(t, s, session.Ask{Namespace: "shop", AuthRef: "orders", VaultNamespace: "/eu/"})
		if want := got.CacheKey() + "-eu"; clone.CacheKey() != want || clone.ClientID() != got.ClientID() {
			t.Errorf("clone %q with %q, want %q with %q", clone.CacheKey(), clone.ClientID(), want, got.ClientID())
		}
		if again := in(t, s, orders); again != got {
			t.Error("another pointer for the same session")
		}
		other := in(t, s, session.Ask{Namespace: "team", AuthRef: "shop/orders"})
		if other.CacheKey() == got.CacheKey() || other.Identity() == got.Identity() {
			t.Error("two namespaces share an identity")
		}
		if w.vault.Logins() != 2 {
			t.Errorf("%d logins, want one for each namespace", w.vault.Logins())
		}
	})
}

// TestVaultNamespace: a resource that names a Vault namespace reads there, with the
// same token.
func TestVaultNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start()
		w.vault.EnableNamespace("eu")
		w.vault.EnableKV("eu/secret", 2)
		w.vault.PutKV("eu/secret", "orders", map[string]any{"where": "eu"})
		w.vault.Policy("orders", map[string][]string{"eu/secret/*": {"read"}, "secret/*": {"read"}})
		ask := orders
		ask.VaultNamespace = "eu"
		watch := in(t, s, ask).Watch(read("orders"), nil)
		root := in(t, s, orders).Watch(read("orders"), nil)
		synctest.Wait()
		if r := watch.State().Response; r == nil || r.Data.Reveal()["data"].(map[string]any)["where"] != "eu" {
			t.Errorf("state %+v", watch.State())
		}
		if r := root.State().Response; r == nil || r.Data.Reveal()["data"].(map[string]any)["where"] != nil {
			t.Errorf("state of the root namespace %+v", root.State())
		}
		if w.vault.Logins() != 1 {
			t.Errorf("%d logins, want 1", w.vault.Logins())
		}
	})
}

func TestErrors(t *testing.T) {
	kubernetes := func(role string) v1beta1.AuthMethods {
		return v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: role, ServiceAccount: "orders", Audiences: []string{"vault"}}}
	}
	cases := map[string]struct {
		ask    session.Ask
		add    []client.Object
		vault  func(*fakevault.Server)
		reason string
		want   string
	}{
		"no VaultAuth": {ask: session.Ask{Namespace: "shop", AuthRef: "none"}, want: "VaultAuth shop/none: it does not exist"},
		"no default":   {ask: session.Ask{Namespace: "shop"}, want: "VaultAuth vault-secrets-operator-system/default: it does not exist"},
		"no name":      {ask: session.Ask{Namespace: "shop", AuthRef: "a/b/c"}, want: `vaultAuthRef: "a/b/c" is not a reference: write NAME or NAMESPACE/NAME`},
		"not allowed":  {ask: session.Ask{Namespace: "evil", AuthRef: "shop/orders"}, want: `VaultAuth shop/orders: namespace "evil" is not among those that it allows`},
		"no connection": {
			ask:  session.Ask{Namespace: "shop", AuthRef: "a"},
			add:  []client.Object{vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "m", VaultConnectionRef: "gone", AuthMethods: kubernetes("r")})},
			want: "VaultConnection shop/gone: it does not exist",
		},
		"no global": {
			ask:  session.Ask{Namespace: "shop", AuthRef: "a"},
			add:  []client.Object{vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{VaultAuthGlobalRef: &v1beta1.VaultAuthGlobalRef{}})},
			want: "VaultAuthGlobal vault-secrets-operator-system/default: it does not exist",
		},
		"no account": {
			ask: session.Ask{Namespace: "shop", AuthRef: "a"},
			add: []client.Object{vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "kubernetes", AuthMethods: v1beta1.AuthMethods{
				Kubernetes: &v1beta1.KubernetesAuth{Role: "r", ServiceAccount: "gone"},
			}})},
			want: "ServiceAccount shop/gone: it does not exist",
		},
		"no role in Vault": {
			ask:  session.Ask{Namespace: "shop", AuthRef: "a"},
			add:  []client.Object{vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "kubernetes", AuthMethods: kubernetes("gone")})},
			want: `log in at "auth/kubernetes/login": PUT http://vault.test:8200/v1/auth/kubernetes/login: permanent (HTTP 400): invalid role name "gone"; hint: the auth mount has no role of this name; check the role and the path of the auth mount`,
		},
		"no key in the Secret": {
			ask: session.Ask{Namespace: "shop", AuthRef: "a"},
			add: []client.Object{
				vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "appRole", Mount: "approle", AuthMethods: v1beta1.AuthMethods{
					AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretRef: "s"},
				}}),
				secretOf("s", "shop", 11, map[string]string{"secret_id": canary}),
			},
			want: `Secret shop/s: its data has no key "id"`,
		},
		"an empty secret id": {
			ask: session.Ask{Namespace: "shop", AuthRef: "a"},
			add: []client.Object{
				vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "appRole", Mount: "approle", AuthMethods: v1beta1.AuthMethods{
					AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretRef: "s"},
				}}),
				secretOf("s", "shop", 11, map[string]string{"id": ""}),
			},
			want: `the secret id file "key id of Secret shop/s" is empty`,
		},
		"no certificate": {
			ask: session.Ask{Namespace: "shop", AuthRef: "a"},
			add: []client.Object{
				vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "kubernetes", VaultConnectionRef: "c", AuthMethods: kubernetes("orders")}),
				connection("c", "shop", 11, v1beta1.VaultConnectionSpec{Address: "https://vault", CACertSecretRef: "ca"}),
			},
			want: "Secret shop/ca: it does not exist",
		},
		"no address": {
			ask: session.Ask{Namespace: "shop", AuthRef: "a"},
			add: []client.Object{
				vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "kubernetes", VaultConnectionRef: "c", AuthMethods: kubernetes("orders")}),
				connection("c", "shop", 11, v1beta1.VaultConnectionSpec{Address: "vault:8200"}),
			},
			want: `VaultConnection shop/c: the address of Vault must start with http://, https:// or unix:///, not "vault:8200"`,
		},
		"no annotation": {
			ask: session.Ask{Namespace: "shop", AuthRef: "a"},
			add: []client.Object{vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "aws", Mount: "aws", AuthMethods: v1beta1.AuthMethods{
				AWS: &v1beta1.AWSAuth{Role: "r", IRSAServiceAccount: "orders"},
			}})},
			want: `ServiceAccount shop/orders: annotation "eks.amazonaws.com/role-arn" is not set`,
		},
		"no region": {
			ask: session.Ask{Namespace: "shop", AuthRef: "a"},
			add: []client.Object{vaultAuth("a", "shop", 10, v1beta1.VaultAuthSpec{Method: "aws", Mount: "aws", AuthMethods: v1beta1.AuthMethods{
				AWS: &v1beta1.AWSAuth{Role: "r", Region: "Europe/"},
			}})},
			want: `VaultAuth shop/a: auth method "aws": option "region" must be the name of a region such as "us-east-1", not "Europe/"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, tc.add...)
				s, _ := w.start()
				wantError(t, s, tc.ask, tc.want)
			})
		})
	}
}

// TestOutage: while Vault is away every resource learns so at once, none of them
// makes another attempt, and all are told when it is over.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start()
		over := w.vault.Fault(fakevault.Fault{Drop: true})
		began := time.Now()
		for range 100 {
			if _, err := s.For(t.Context(), orders); err == nil || !strings.Contains(err.Error(), "unavailable") {
				t.Fatalf("For during the outage: %v", err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("100 answers took %v, want none to wait for another attempt", took)
		}
		pass(time.Minute)
		attempts := w.vault.Count("", "*")
		if attempts < 4 || attempts > 12 {
			t.Errorf("%d attempts in a minute, want about one each 1, 2, 4, 8, 16, 30 s", attempts)
		}
		w.announced()
		over()
		pass(30 * time.Second)
		got := w.announced()
		if len(got) != 1 || got[0].ClientID == "" || got[0].Ended {
			t.Fatalf("announced %+v after the outage, want one login", got)
		}
		if id := in(t, s, orders).ClientID(); id != got[0].ClientID {
			t.Errorf("client ID %q, announced %q", id, got[0].ClientID)
		}
	})
}

// TestWaitNoLonger: who does not wait for a slow login is told of its end.
func TestWaitNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start()
		defer w.vault.Fault(fakevault.Fault{Path: "auth/kubernetes/login", Delay: 5 * time.Second})()
		wantError(t, s, orders, "wait for the login of VaultAuth shop/orders: context deadline exceeded")
		pass(5 * time.Second)
		if got := w.announced(); len(got) != 1 {
			t.Errorf("announced %+v, want the login", got)
		}
	})
}

// TestTokenEnds: a token that Vault does not know any more is replaced at the first
// request, whatever the server says of it, and everybody is told.
func TestTokenEnds(t *testing.T) {
	cases := map[string]struct {
		end   func(w *world, token string)
		after time.Duration
	}{
		"revoked": {end: func(w *world, token string) { w.vault.RevokeToken(token) }},
		"an older server says only denied": {
			end: func(w *world, token string) {
				w.vault.RevokeToken(token)
				w.vault.Fault(fakevault.Fault{Status: 403, Path: "secret/*", Times: 1})
			},
			after: time.Minute,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				s, _ := w.start()
				got := in(t, s, orders)
				before := got.ClientID()
				pass(tc.after)
				tc.end(w, got.Token().Token.Value.Reveal())
				if _, err := get(t, got, "secret/data/orders"); err == nil {
					t.Fatal("a request with a revoked token succeeded")
				}
				synctest.Wait()
				changes := w.announced()
				if len(changes) != 1 || changes[0].CacheKey != got.CacheKey() || changes[0].ClientID == before {
					t.Errorf("announced %+v", changes)
				}
				if _, err := get(t, in(t, s, orders), "secret/data/orders"); err != nil {
					t.Error(err)
				}
				if w.vault.Logins() != 2 {
					t.Errorf("%d logins, want 2", w.vault.Logins())
				}
			})
		})
	}
}

// TestDenied: what is denied to a living token is no reason to log in again and
// again; but a role that got further policies is noticed without a restart, unless
// a lease would suffer.
func TestDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.EnableKV("other", 2)
		w.vault.PutKV("other", "x", map[string]any{"a": "b"})
		s, _ := w.start()
		ask := func() error {
			_, err := get(t, in(t, s, orders), "other/data/x")
			synctest.Wait()
			return err
		}
		for range 30 {
			if ask() == nil {
				t.Fatal("a policy is missing, and the read succeeded")
			}
			pass(5 * time.Second)
		}
		if w.vault.Logins() != 1 {
			t.Errorf("%d logins within 150 s, want 1", w.vault.Logins())
		}
		if n := w.vault.Count("GET", "auth/token/lookup-self"); n > 16 {
			t.Errorf("%d look-ups in 150 s, want one in 10 s", n)
		}
		w.vault.Policy("more", map[string][]string{"other/*": {"read"}})
		w.vault.KubernetesRole("kubernetes", "orders", fakevault.KubernetesRole{
			ServiceAccounts: []string{"orders"}, Namespaces: []string{"*"},
			Token: fakevault.TokenRole{Policies: []string{"orders", "more"}, TTL: time.Hour},
		})
		pass(5 * time.Minute)
		_ = ask()
		if err := ask(); err != nil {
			t.Errorf("the role has the policy now: %v", err)
		}
		if _, err := get(t, in(t, s, orders), "database/creds/orders"); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			_, _ = get(t, in(t, s, orders), "sys/denied")
			pass(time.Minute)
		}
		if w.vault.Logins() != 2 {
			t.Errorf("%d logins, want 2: a lease hangs on the token", w.vault.Logins())
		}
	})
}

// TestAPIServerAway: sessions that are there go on while the API server is away.
func TestAPIServerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start()
		in(t, s, orders)
		pass(2 * time.Minute)
		w.setBroken(func(what string) error {
			if strings.Contains(what, "PartialObjectMetadata") {
				return errAway
			}
			return nil
		})
		in(t, s, orders)
		wantError(t, s, session.Ask{Namespace: "team", AuthRef: "shop/orders"},
			"look up ServiceAccount team/orders: Internal error occurred: etcd is away")
	})
}

func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, _ := w.start()
		c := connection("c", "shop", 30, v1beta1.VaultConnectionSpec{Address: "http://vault.test:8200"})
		got, err := s.Connect(t.Context(), c)
		if err != nil || got.Sealed || !got.Initialized || !strings.HasPrefix(got.Version, "1.") {
			t.Errorf("%+v, %v", got, err)
		}
		w.vault.Seal()
		if got, err = s.Connect(t.Context(), c); err != nil || !got.Sealed {
			t.Errorf("sealed: %+v, %v", got, err)
		}
		c.Spec.Address = ""
		if _, err = s.Connect(t.Context(), c); err == nil || err.Error() != "VaultConnection shop/c: address is not set" {
			t.Errorf("error %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c.Spec.Address = "http://vault.test:8200"
		if _, err = s.Connect(ctx, c); err == nil {
			t.Error("no error after the caller has given up")
		}
	})
}
