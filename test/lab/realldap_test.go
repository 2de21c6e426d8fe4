package lab_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

func TestLDAPLeavesNothing(t *testing.T) {
	root := tempRoot(t)
	l, err := lab.StartLDAP(t.Context())
	must(t, err)
	must(t, l.AddUser(t.Context(), "bob", "first pw"))
	dn := "uid=bob," + l.People()
	for password, want := range map[string]bool{"first pw": true, "other": false} {
		if err := l.WhoAmI(t.Context(), dn, password); (err == nil) != want {
			t.Errorf("login with %q: %v", password, err)
		}
	}
	must(t, l.SetPassword(t.Context(), "bob", "second"))
	err = l.WhoAmI(t.Context(), dn, "first pw")
	if err == nil || !strings.Contains(err.Error(), "Invalid credentials (49)") || strings.Contains(err.Error(), "first pw") {
		t.Errorf("login with the password before: %v", err)
	}
	must(t, l.WhoAmI(t.Context(), dn, "second"))
	if err := l.AddUser(t.Context(), "bob", "x"); err == nil || !strings.Contains(err.Error(), "Already exists (68)") {
		t.Errorf("the same user again: %v", err)
	}
	must(t, l.Stop())
	must(t, l.Stop())
	expectNothing(t, root, []int{l.PID()}, l.Address())
}

func TestLDAPLogin(t *testing.T) {
	v, l := useVaultWithPolicy(t), lab.UseLDAP(t)
	ctx := t.Context()
	must(t, v.ConnectLDAP(ctx, "people", l))
	must(t, l.AddUser(ctx, "bob", "pw"))
	must(t, v.LDAPUser(ctx, "people", "bob", "app"))
	token, err := v.Login(ctx, "auth/people/login/bob", map[string]any{"password": "pw"})
	must(t, err)
	expectReader(ctx, t, v, token)
	for user, password := range map[string]string{"bob": "wrong", "nobody": "pw"} {
		_, err = v.Login(ctx, "auth/people/login/"+user, map[string]any{"password": password})
		if lab.StatusCode(err) != http.StatusBadRequest {
			t.Errorf("%s with the password %q: %v", user, password, err)
		}
	}
}
