package vault_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// wrapWorld is a user who logs in for somebody else, on a running schedule.
type wrapWorld struct {
	t        *testing.T
	server   *fakevault.Server
	client   *vault.Client
	login    *vault.WrappedLogin
	password string // file
	start    time.Time

	mu    sync.Mutex
	log   []string // "after what time" + what happened
	infos []vault.WrapInfo
}

func newWrapWorld(t *testing.T) *wrapWorld {
	t.Helper()
	w := &wrapWorld{t: t, server: fakevault.New(), password: filepath.Join(t.TempDir(), "password"), start: time.Now()}
	w.server.EnableUserpass("userpass", map[string]string{"bob": "right"}, fakevault.TokenRole{TTL: time.Hour})
	w.put("right")
	client, err := vault.NewClient(config.Vault{Address: "http://vault.test:8200"}, vault.WithTransport(w.server))
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	method, err := auth.New(config.Auth{Method: "userpass", Options: map[string]string{
		"username": "bob", "password_file_path": w.password, "remove_password_after_reading": "false",
	}})
	if err != nil {
		t.Fatal(err)
	}
	schedule := lease.NewSchedule(4)
	w.login = vault.NewWrappedLogin(client, method, schedule, vault.WrappedLoginOptions{
		TTL: 5 * time.Minute, Rand: func() float64 { return 0 }, OnLogin: w.wrapped, OnFailure: w.failed,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- schedule.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

func (w *wrapWorld) put(password string) {
	w.t.Helper()
	if err := os.WriteFile(w.password, []byte(password), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wrapWorld) wrapped(info vault.WrapInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.infos = append(w.infos, info)
	w.log = append(w.log, fmt.Sprintf("%v wrapped", time.Since(w.start).Round(time.Second)))
}

func (w *wrapWorld) failed(err error, failures int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf("%v failed %d: %v", time.Since(w.start).Round(time.Second), failures, vault.KindOf(err)))
}

func (w *wrapWorld) wantLog(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(want, w.log); diff != "" {
		w.t.Errorf("what happened (-want +got):\n%s", diff)
	}
	w.log = nil
}

// open unwraps what was handed out n-th, from 0, and returns the token's policies.
func (w *wrapWorld) open(n int) ([]string, error) {
	w.t.Helper()
	w.mu.Lock()
	token := w.infos[n].Token
	w.mu.Unlock()
	answer, err := w.client.Do(w.t.Context(), token, "", vault.Request{Method: http.MethodPut, Path: "sys/wrapping/unwrap"})
	if err != nil {
		return nil, err
	}
	return answer.Auth.Policies, nil
}

func TestWrappedLoginHandsOutWhatOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapWorld(t)
		w.login.Start()
		elapse(time.Second)
		w.wantLog("0s wrapped")
		info := w.infos[0]
		if info.TTL != 5*time.Minute || info.CreationPath != "auth/userpass/login/bob" || info.Accessor == "" || info.WrappedAccessor == "" || !info.CreationTime.Equal(w.start) {
			t.Errorf("what was handed out: %+v", info)
		}
		policies, err := w.open(0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"default"}, policies); diff != "" {
			t.Errorf("policies of the token inside (-want +got):\n%s", diff)
		}
		if _, err := w.open(0); err == nil {
			t.Error("it can be opened twice")
		}
	})
}

func TestWrappedLoginIsNotRepeatedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapWorld(t)
		elapse(time.Hour)
		w.wantLog() // nothing happens before the start
		w.login.Start()
		elapse(1000 * time.Hour)
		w.wantLog("1h0m0s wrapped")
		w.login.Relogin()
		elapse(time.Hour)
		w.wantLog("1001h0m0s wrapped")
		if n := w.server.Count(http.MethodPut, "*"); n != 2 {
			t.Errorf("%d requests, want one per login", n)
		}
	})
}

func TestWrappedLoginBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapWorld(t)
		w.put("wrong")
		w.login.Start()
		elapse(4 * time.Second)
		w.wantLog("0s failed 1: permanent", "1s failed 2: permanent", "3s failed 3: permanent")
		w.put("right")
		w.login.Relogin() // the credentials changed: at once, not at 7 s
		elapse(time.Hour)
		w.wantLog("4s wrapped")
		w.put("wrong")
		w.login.Relogin()
		elapse(time.Second / 2)
		w.wantLog("1h0m4s failed 1: permanent") // the count began anew
	})
}

func TestWrappedLoginHeedsRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapWorld(t)
		w.server.Fault(fakevault.Fault{Path: "*", Status: http.StatusTooManyRequests, RetryAfter: time.Minute, Times: 1})
		w.login.Start()
		elapse(2 * time.Minute)
		w.wantLog("0s failed 1: rate limited", "1m0s wrapped")
	})
}

func TestWrappedLoginStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWrapWorld(t)
		w.put("wrong")
		w.login.Start()
		elapse(time.Second / 2)
		w.wantLog("0s failed 1: permanent")
		w.login.Stop()
		elapse(time.Hour)
		w.wantLog()
	})
}

// TestWrappedLoginEndsQuietly ends the program during a login: that is no failure.
func TestWrappedLoginEndsQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := fakevault.New()
		server.Fault(fakevault.Fault{Path: "*", Delay: time.Minute})
		client, err := vault.NewClient(config.Vault{Address: "http://vault.test:8200", Timeout: time.Hour}, vault.WithTransport(server))
		if err != nil {
			t.Fatal(err)
		}
		method, err := auth.New(config.Auth{Method: "cert"})
		if err != nil {
			t.Fatal(err)
		}
		schedule := lease.NewSchedule(1)
		login := vault.NewWrappedLogin(client, method, schedule, vault.WrappedLoginOptions{
			TTL: time.Minute, OnFailure: func(err error, _ int) { t.Errorf("heard of a failure: %v", err) },
			OnLogin: func(vault.WrapInfo) { t.Error("heard of a login") },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- schedule.Run(ctx) }()
		login.Start()
		elapse(time.Second)
		cancel()
		<-done
	})
}
