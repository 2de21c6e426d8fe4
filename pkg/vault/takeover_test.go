package vault_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestSessionTakesOverTokenAndCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) { return token(n, time.Hour, true), nil },
			func(_ string, r *http.Request) (int, string) {
				if r.URL.Path == "/v1/auth/token/lookup-self" {
					return http.StatusOK, `{"data":{"ttl":3000,"renewable":true}}`
				}
				return granted(time.Hour)
			})
		elapse(10 * time.Minute)
		next := vault.NewSession(w.client, w, w.schedule, vault.SessionOptions{Rand: func() float64 { return 0.5 }})
		next.TakeOver(w.session)
		elapse(40 * time.Minute)
		// The old session does nothing more; the new one renews by what remains: 50m
		// with a grace of 7m30s, so after 33m20s + 2m30s.
		w.wantLog("0s login", "10m0s auth/token/lookup-self", "45m50s auth/token/renew-self")
		if state := next.State(); state.Epoch != 1 || state.Token == nil || state.Token.Value.Reveal() != "token-1" {
			t.Errorf("epoch %d, want the count and the token of the session before", state.Epoch)
		}
		next.Relogin()
		elapse(time.Second)
		w.wantLog("50m0s login")
		if state := next.State(); state.Epoch != 2 || state.Resumed {
			t.Errorf("after a login: epoch %d, resumed %v; want 2 and false", state.Epoch, state.Resumed)
		}
		next.Stop()
		elapse(24 * time.Hour)
		w.wantLog()
	})
}

func TestSessionTakesOverNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) {
				if n == 1 {
					return nil, &vault.Error{Kind: vault.Unavailable}
				}
				return token(n, time.Hour, true), nil
			}, nil)
		synctest.Wait()
		next := vault.NewSession(w.client, w, w.schedule, vault.SessionOptions{Rand: func() float64 { return 0.5 }})
		next.TakeOver(w.session)
		elapse(time.Minute)
		w.wantLog("0s login", "0s login")
	})
}
