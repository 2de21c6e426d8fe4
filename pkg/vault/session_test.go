package vault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// sessionWorld is a session on a running schedule. Logins and answers are scripted.
type sessionWorld struct {
	t        *testing.T
	session  *vault.Session
	client   *vault.Client
	schedule *lease.Schedule
	start    time.Time

	mu     sync.Mutex
	log    []string // "after what time" + what happened
	states []vault.TokenState
	login  func(n int) (*auth.Token, error)
	answer func(token string, r *http.Request) (int, string)
	logins int
}

func newSessionWorld(t *testing.T, resume *auth.Token, login func(int) (*auth.Token, error), answer func(string, *http.Request) (int, string)) *sessionWorld {
	t.Helper()
	w := &sessionWorld{t: t, start: time.Now(), login: login, answer: answer}
	client, err := vault.NewClient(config.Vault{Address: "http://vault.test:8200"}, vault.WithTransport(w))
	if err != nil {
		t.Fatal(err)
	}
	schedule := lease.NewSchedule(4)
	w.client, w.schedule = client, schedule
	w.session = vault.NewSession(client, w, schedule, vault.SessionOptions{Rand: func() float64 { return 0.5 }, OnChange: w.changed})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- schedule.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	w.session.Start(resume)
	return w
}

// Login implements auth.Method.
func (w *sessionWorld) Login(context.Context, auth.Exchanger) (*auth.Token, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logins++
	w.note("login")
	return w.login(w.logins)
}

// RoundTrip implements http.RoundTripper.
func (w *sessionWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(strings.TrimPrefix(r.URL.Path, "/v1/"))
	status, body := w.answer(r.Header.Get("X-Vault-Token"), r)
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (w *sessionWorld) note(what string) {
	w.log = append(w.log, fmt.Sprintf("%v %s", time.Since(w.start).Round(time.Second), what))
}

func (w *sessionWorld) changed(s vault.TokenState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states = append(w.states, s)
}

func (w *sessionWorld) scene(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *sessionWorld) wantLog(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(want, w.log); diff != "" {
		w.t.Errorf("what the session did (-want +got):\n%s", diff)
	}
	w.log = nil
}

func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func token(n int, ttl time.Duration, renewable bool) *auth.Token {
	return &auth.Token{Value: sensitive.New(fmt.Sprint("token-", n)), TTL: ttl, Renewable: renewable}
}

func granted(ttl time.Duration) (int, string) {
	return http.StatusOK, fmt.Sprintf(`{"auth":{"client_token":"x","lease_duration":%d,"renewable":true}}`, int(ttl/time.Second))
}

const invalidToken = `{"errors":["permission denied","invalid token"]}`

func TestSessionRenewsInTimeAndLogsInAgainBeforeMaxTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var end time.Time
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) {
				end = time.Now().Add(2 * time.Hour)
				return token(n, time.Hour, true), nil
			},
			func(string, *http.Request) (int, string) { return granted(min(time.Hour, time.Until(end))) })
		elapse(2 * time.Hour)
		// Renewed after 40m + 9m/3 = 43m, and at 1h26m to the end at 2h. The next
		// renewal would fall into the grace of 9m, which begins at 1h51m: a new login,
		// while the old token still lives.
		w.wantLog("0s login", "43m0s auth/token/renew-self", "1h26m0s auth/token/renew-self", "1h51m0s login")
		state := w.session.State()
		if got := state.PreviousEnds.Sub(w.start).Round(time.Second); state.Epoch != 2 || got != 2*time.Hour {
			t.Errorf("epoch %d, the old token ends at %v; want 2 and 2h", state.Epoch, got)
		}
	})
}

func TestSessionReplacesWhatCannotBeRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) { return token(n, time.Hour, false), nil },
			func(string, *http.Request) (int, string) { return http.StatusInternalServerError, "" })
		elapse(100 * time.Minute)
		w.wantLog("0s login", "51m0s login") // an hour less the grace of 9m
	})
}

func TestSessionNeverTouchesATokenWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) { return token(n, 0, false), nil },
			func(string, *http.Request) (int, string) { return http.StatusInternalServerError, "" })
		elapse(1000 * time.Hour)
		w.wantLog("0s login")
	})
}

func TestSessionBacksOffAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) {
				if n <= 4 {
					return nil, &vault.Error{Kind: vault.Unavailable, Address: "http://vault.test:8200", Path: "auth/x/login", Method: http.MethodPut, Cause: errors.New("connection refused")}
				}
				return token(n, time.Hour, true), nil
			},
			func(string, *http.Request) (int, string) { return granted(time.Hour) })
		elapse(20 * time.Second)
		// 1, 2, 4 and 8 s, each less half of the jitter of a quarter: 0.875, 1.75, 3.5, 7.
		w.wantLog("0s login", "1s login", "3s login", "6s login", "13s login")
		var failures []int
		for _, s := range w.states {
			failures = append(failures, s.Failures)
		}
		if diff := cmp.Diff([]int{1, 2, 3, 4, 0}, failures); diff != "" {
			t.Errorf("failures shown (-want +got):\n%s", diff)
		}
	})
}

func TestSessionLogsInAgainWhenVaultForgetsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoked := false
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) { return token(n, time.Hour, true), nil },
			func(token string, _ *http.Request) (int, string) {
				if revoked && token == "token-1" {
					return http.StatusForbidden, invalidToken
				}
				return http.StatusOK, `{"data":{"k":"v"}}`
			})
		elapse(time.Minute)
		w.scene(func() { revoked = true })
		read := vault.Request{Method: http.MethodGet, Path: "secret/data/app"}
		if _, err := w.session.Do(t.Context(), read); err == nil || vault.KindOf(err) != vault.InvalidToken {
			t.Fatalf("Do with a revoked token: %v", err)
		}
		elapse(time.Second)
		response, err := w.session.Do(t.Context(), read)
		if err != nil || response.Epoch != 2 {
			t.Fatalf("Do after the new login: %v", err)
		}
		w.wantLog("0s login", "1m0s secret/data/app", "1m0s login", "1m1s secret/data/app")
		if got := w.session.State().PreviousEnds.Sub(w.start); got != time.Minute {
			t.Errorf("the old token ended at %v, want 1m", got)
		}
	})
}

func TestSessionManyInvalidAnswersMakeOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) { return token(n, time.Hour, true), nil },
			func(token string, _ *http.Request) (int, string) {
				if token == "token-1" {
					return http.StatusForbidden, invalidToken
				}
				return http.StatusOK, `{"data":{}}`
			})
		elapse(time.Second)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				_, _ = w.session.Do(t.Context(), vault.Request{Method: http.MethodGet, Path: "secret/data/app"})
			})
		}
		wg.Wait()
		elapse(time.Second)
		w.scene(func() {
			if w.logins != 2 {
				t.Errorf("%d logins, want 2", w.logins)
			}
		})
	})
}

func TestSessionRenewalFailures(t *testing.T) {
	cases := map[string]struct {
		status int
		body   string
		want   []string
	}{
		"refused: used to its grace, then replaced": {
			status: http.StatusForbidden, body: `{"errors":["permission denied"]}`,
			want: []string{"0s login", "43m0s auth/token/renew-self", "51m0s login"},
		},
		"away: tried again while there is time": {
			// 8.75, 17.5, 35, 70, 140 s after one another; the next would be in the grace.
			status: http.StatusInternalServerError, body: ``,
			want: []string{
				"0s login", "43m0s auth/token/renew-self", "43m9s auth/token/renew-self", "43m26s auth/token/renew-self",
				"44m1s auth/token/renew-self", "45m11s auth/token/renew-self", "47m31s auth/token/renew-self", "51m0s login",
			},
		},
		"forgotten: replaced at once": {
			status: http.StatusForbidden, body: invalidToken,
			want: []string{"0s login", "43m0s auth/token/renew-self", "43m0s login"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSessionWorld(t, nil,
					func(n int) (*auth.Token, error) { return token(n, time.Hour, true), nil },
					func(string, *http.Request) (int, string) { return tc.status, tc.body })
				elapse(55 * time.Minute)
				w.wantLog(tc.want...)
			})
		})
	}
}

func TestSessionResumesATokenWithoutALogin(t *testing.T) {
	const known = `{"data":{"ttl":1800,"renewable":true,"accessor":"a","type":"service"}}`
	cases := map[string]struct {
		status int
		body   string
		want   []string
		epoch  uint64
	}{
		"known":     {http.StatusOK, known, []string{"0s auth/token/lookup-self"}, 1},
		"forgotten": {http.StatusForbidden, invalidToken, []string{"0s auth/token/lookup-self", "0s login"}, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSessionWorld(t, token(0, time.Hour, true),
					func(n int) (*auth.Token, error) { return token(n, time.Hour, true), nil },
					func(string, *http.Request) (int, string) { return tc.status, tc.body })
				elapse(time.Minute)
				w.wantLog(tc.want...)
				if got := w.session.State().Epoch; got != tc.epoch {
					t.Errorf("epoch %d, want %d: the leases that were handed over are of epoch 1", got, tc.epoch)
				}
			})
		})
	}
}

func TestSessionReloginKeepsTheOldTokenValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) { return token(n, time.Hour, true), nil },
			func(string, *http.Request) (int, string) { return granted(time.Hour) })
		elapse(10 * time.Minute)
		w.session.Relogin()
		elapse(time.Second)
		state := w.session.State()
		if state.Epoch != 2 || state.PreviousEnds.Sub(w.start) != time.Hour {
			t.Errorf("epoch %d, the old token ends at %v; want 2 and 1h", state.Epoch, state.PreviousEnds.Sub(w.start))
		}
	})
}

func TestSessionRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(n int) (*auth.Token, error) { return token(n, time.Hour, true), nil },
			func(string, *http.Request) (int, string) { return http.StatusNoContent, "" })
		elapse(time.Second)
		if err := w.session.Revoke(t.Context()); err != nil {
			t.Fatal(err)
		}
		elapse(10 * time.Hour)
		w.wantLog("0s login", "1s auth/token/revoke-self")
	})
}

func TestSessionBeforeTheFirstLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSessionWorld(t, nil,
			func(int) (*auth.Token, error) { return nil, errors.New("no token file") },
			func(string, *http.Request) (int, string) { return http.StatusOK, "{}" })
		elapse(time.Millisecond)
		_, err := w.session.Do(t.Context(), vault.Request{Method: http.MethodGet, Path: "secret/data/app"})
		want := "GET http://vault.test:8200/v1/secret/data/app: invalid token: not logged in yet"
		if err == nil || err.Error() != want {
			t.Errorf("error = %v, want %s", err, want)
		}
	})
}
