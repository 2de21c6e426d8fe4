package secret_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pass lets virtual time go by, and everything that is due in it happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// half is the middle of all random numbers: a grace of 0.15, a fraction of 0.90.
func half() float64 { return 0.5 }

var alice = secret.Identity{Connection: "http://vault", Method: "kubernetes", Role: "alice"}

// world is a store on a running schedule with a scripted Vault.
type world struct {
	t     *testing.T
	store *secret.Store
	start time.Time

	mu     sync.Mutex
	calls  []string // "after what time" + method + path
	answer func(r vault.Request) (*vault.Response, error)
	epoch  uint64
	events []secret.Event
}

// newWorld starts a store for alice, who has a token.
func newWorld(t *testing.T, policy secret.Policy, answer func(vault.Request) (*vault.Response, error)) *world {
	t.Helper()
	w := &world{t: t, start: time.Now(), answer: answer, epoch: 1}
	schedule := lease.NewSchedule(10)
	w.store = secret.NewStore(schedule, secret.Options{Rand: half, Observe: func(e secret.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}})
	w.store.Attach(alice, w, policy)
	w.store.TokenChanged(alice, token(1, time.Time{}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- schedule.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return w
}

func token(epoch uint64, previousEnds time.Time) vault.TokenState {
	return vault.TokenState{Epoch: epoch, Token: &auth.Token{Value: sensitive.New("t")}, PreviousEnds: previousEnds}
}

// Do implements secret.Vault.
func (w *world) Do(_ context.Context, r vault.Request) (*vault.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("%v %s %s", time.Since(w.start), r.Method, r.Path))
	response, err := w.answer(r)
	if response != nil {
		response.Received, response.Epoch = time.Now(), w.epoch
	}
	return response, err
}

// scene changes what the scripted Vault answers from now on.
func (w *world) scene(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// takeCalls returns the calls since the last time.
func (w *world) takeCalls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *world) wantCalls(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.takeCalls()); diff != "" {
		w.t.Errorf("calls of Vault (-want +got):\n%s", diff)
	}
}

func read(path string) secret.Query { return secret.NewQuery(secret.Read, path, nil) }

func kv(value string) *vault.Response {
	return &vault.Response{Data: sensitive.NewData(map[string]any{"password": value})}
}

func leased(id string, ttl time.Duration, renewable bool) *vault.Response {
	return &vault.Response{LeaseID: id, LeaseDuration: ttl, Renewable: renewable, Data: sensitive.NewData(map[string]any{"username": id})}
}

func failure(kind vault.Kind) error {
	return &vault.Error{Kind: kind, Method: http.MethodGet, Path: "p", Address: "http://vault"}
}

func TestOneFetchForManyWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) { return kv("a"), nil })
		var watches []*secret.Watch
		for range 100 {
			watches = append(watches, w.store.Watch(alice, read("secret/data/app"), nil))
		}
		pass(time.Second)
		w.wantCalls("0s GET secret/data/app")
		for _, watch := range watches {
			if got := watch.State().Response.Data.Reveal()["password"]; got != "a" {
				t.Fatalf("a watcher sees %v", got)
			}
		}
	})
}

func TestIdentitiesNeverShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) { return kv("of alice"), nil })
		a := w.store.Watch(alice, read("secret/data/app"), nil)
		pass(time.Second)
		base := alice
		others := map[string]func(*secret.Identity){
			"connection": func(id *secret.Identity) { id.Connection = "x" },
			"namespace":  func(id *secret.Identity) { id.Namespace = "x" },
			"method":     func(id *secret.Identity) { id.Method = "x" },
			"mount":      func(id *secret.Identity) { id.Mount = "x" },
			"role":       func(id *secret.Identity) { id.Role = "x" },
			"subject":    func(id *secret.Identity) { id.Subject = "x" },
			"audience":   func(id *secret.Identity) { id.Audience = "x" },
		}
		for name, differ := range others {
			id := base
			differ(&id)
			denied := &world{t: t, start: w.start, answer: func(vault.Request) (*vault.Response, error) { return nil, failure(vault.Denied) }}
			w.store.Attach(id, denied, secret.Policy{})
			w.store.TokenChanged(id, token(1, time.Time{}))
			b := w.store.Watch(id, read("secret/data/app"), nil)
			pass(time.Millisecond)
			if b.State().Response != nil || b.State().Err == nil {
				t.Errorf("an identity of another %s sees the value of alice", name)
			}
		}
		if a.State().Response == nil {
			t.Error("alice lost her value")
		}
	})
}

func TestStaticSecretsArePolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := "one"
		w := newWorld(t, secret.Policy{Poll: 10 * time.Minute}, func(vault.Request) (*vault.Response, error) { return kv(value), nil })
		notified := 0
		watch := w.store.Watch(alice, read("secret/data/app"), func() { notified++ })
		pass(20 * time.Minute)
		w.wantCalls("0s GET secret/data/app", "9m0s GET secret/data/app", "18m0s GET secret/data/app")
		if notified != 1 {
			t.Errorf("notified %d times of one value, want once", notified)
		}
		w.scene(func() { value = "two" })
		pass(8 * time.Minute)
		if state := watch.State(); notified != 2 || state.Version != 2 || state.Response.Data.Reveal()["password"] != "two" {
			t.Errorf("after the change: notified %d times, version %d", notified, state.Version)
		}
	})
}

func TestLeaseIsRenewedInTimeAndReplacedAtItsMaxTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issued, end := 0, time.Time{}
		w := newWorld(t, secret.Policy{}, func(r vault.Request) (*vault.Response, error) {
			if r.Path == "sys/leases/renew" {
				return leased(fmt.Sprint("lease-", issued), min(time.Hour, time.Until(end)), true), nil
			}
			issued++
			end = time.Now().Add(2 * time.Hour) // the max TTL
			return leased(fmt.Sprint("lease-", issued), time.Hour, true), nil
		})
		watch := w.store.Watch(alice, read("database/creds/app"), nil)
		pass(time.Minute)
		first := watch.State()
		if first.Reason != secret.RenewalDue || first.Due.Sub(w.start) != 43*time.Minute { // 40m + 9m/3
			t.Errorf("due %v for %q, want 43m for renewal", first.Due.Sub(w.start), first.Reason)
		}
		pass(2*time.Hour - time.Minute)
		// Renewed at 43m to 1h43m, and at 1h26m to the max TTL of 2h: Vault granted
		// 34m of the hour that was asked for, so the lease is replaced when its grace
		// of 9m begins, while the old one still lives.
		w.wantCalls("0s GET database/creds/app", "43m0s PUT sys/leases/renew", "1h26m0s PUT sys/leases/renew", "1h51m0s GET database/creds/app")
		if got := watch.State().Response.LeaseID; got != "lease-2" {
			t.Errorf("lease = %q, want lease-2", got)
		}
	})
}

func TestRefusedRenewalKeepsTheLeaseAndNeverRunsAway(t *testing.T) {
	for _, kind := range []vault.Kind{vault.Denied, vault.Permanent} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issued := 0
				w := newWorld(t, secret.Policy{}, func(r vault.Request) (*vault.Response, error) {
					if r.Path == "sys/leases/renew" {
						return nil, failure(kind)
					}
					issued++
					return leased(fmt.Sprint("lease-", issued), time.Hour, true), nil
				})
				watch := w.store.Watch(alice, read("database/creds/app"), nil)
				pass(50 * time.Minute)
				if issued != 1 || watch.State().Response.LeaseID != "lease-1" || watch.State().Err == nil {
					t.Errorf("after a refusal: %d issued, error %v; want the first lease and the error", issued, watch.State().Err)
				}
				pass(24 * time.Hour)
				if issued < 24 || issued > 32 { // one each 51 minutes
					t.Errorf("%d leases issued in a day, want about one per 51m", issued)
				}
			})
		})
	}
}

func TestLostLeaseIsReplacedButCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issued := 0
		w := newWorld(t, secret.Policy{}, func(r vault.Request) (*vault.Response, error) {
			if r.Path == "sys/leases/renew" {
				return nil, failure(vault.NotFound)
			}
			issued++
			return leased(fmt.Sprint("lease-", issued), 20*time.Second, true), nil
		})
		w.store.Watch(alice, read("database/creds/app"), nil)
		pass(time.Hour)
		// The first renewal is due after 14.3 s, so an honest rate is 252 in an
		// hour; the quota allows 5 and one per 10 s, which is more than that.
		if issued < 200 || issued > 260 {
			t.Errorf("%d leases issued in an hour, want about 252", issued)
		}
	})
}

// TestOutageDoesNotUseUpTheQuota: a lease that nearly ended in an outage is
// replaced when the backoff says so. Where no answer came, each attempt counts,
// because something may have been issued.
func TestOutageDoesNotUseUpTheQuota(t *testing.T) {
	answered := &vault.Error{Kind: vault.Sealed, Status: http.StatusServiceUnavailable}
	cases := map[string]struct {
		err         error
		least, most time.Duration
	}{
		// A lease of 100 s is asked for again 7.5 s before its end, after five failed
		// renewals, and then 0.2, 0.4, 0.9 and each 1.75 s later: at 97.5, 99.3 and
		// 101.03 s. Five attempts that count, until 95.8 s, leave half a TTL to wait.
		"answered":  {answered, time.Second, time.Second},
		"no answer": {failure(vault.Unavailable), 42 * time.Second, 42 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down error
				issued := 0
				w := newWorld(t, secret.Policy{Backoff: lease.Backoff{Max: 2 * time.Second}}, func(r vault.Request) (*vault.Response, error) {
					if down != nil {
						return nil, down
					}
					issued++
					return leased(fmt.Sprint("lease-", issued), 100*time.Second, true), nil
				})
				w.store.Watch(alice, read("database/creds/app"), nil)
				pass(time.Second)
				w.scene(func() { down = tc.err })
				pass(100 * time.Second)
				w.scene(func() { down = nil })
				ended := time.Now()
				for replaced := false; !replaced; {
					pass(time.Second)
					w.scene(func() { replaced = issued > 1 })
				}
				if took := time.Since(ended); took < tc.least || took > tc.most {
					t.Errorf("replaced %v after the outage, want %v to %v", took, tc.least, tc.most)
				}
			})
		})
	}
}

func TestNewTokenReplacesOnlyWhatDiesWithTheOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: 100 * time.Hour}, func(r vault.Request) (*vault.Response, error) {
			if strings.HasPrefix(r.Path, "database/") {
				return leased(r.Path, 10*time.Hour, true), nil
			}
			return kv("static"), nil
		})
		w.store.Watch(alice, read("secret/data/app"), nil)
		db := w.store.Watch(alice, read("database/creds/app"), nil)
		pass(time.Hour)
		w.takeCalls()

		w.scene(func() { w.epoch = 2 })
		w.store.TokenChanged(alice, token(2, time.Now().Add(time.Hour)))
		if got := time.Until(db.State().Expires); got != time.Hour {
			t.Errorf("the lease ends in %v, want 1h, with its token", got)
		}
		pass(time.Hour)
		w.wantCalls("1h15m0s GET database/creds/app") // in the middle of the first half of the overlap
		w.store.TokenChanged(alice, token(2, time.Now()))
		pass(time.Hour)
		w.wantCalls()
	})
}

func TestNothingIsAskedBeforeTheFirstLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) { return kv("a"), nil })
		bob := alice
		bob.Role = "bob"
		w.store.Attach(bob, w, secret.Policy{})
		watch := w.store.Watch(bob, read("secret/data/app"), nil)
		pass(time.Hour)
		w.wantCalls()
		if got := watch.State().Reason; got != secret.WaitForToken {
			t.Errorf("reason = %q, want %q", got, secret.WaitForToken)
		}
		w.store.TokenChanged(bob, token(1, time.Time{}))
		pass(time.Second)
		w.wantCalls("1h0m0s GET secret/data/app")
	})
}

func TestDeadTokenWaitsAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := true
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) {
			if dead {
				return nil, failure(vault.InvalidToken)
			}
			return kv("a"), nil
		})
		watch := w.store.Watch(alice, read("secret/data/app"), nil)
		pass(10 * time.Hour)
		w.wantCalls("0s GET secret/data/app")
		if got := watch.State().Reason; got != secret.WaitForToken {
			t.Errorf("reason = %q, want %q", got, secret.WaitForToken)
		}
		w.scene(func() { dead = false })
		w.store.TokenChanged(alice, token(2, time.Now()))
		pass(time.Millisecond)
		if watch.State().Response == nil || watch.State().Err != nil {
			t.Errorf("not read after the login: %v", watch.State().Err)
		}
	})
}

func TestFailuresAreSpacedAndLeaveOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: 100 * time.Hour}, func(r vault.Request) (*vault.Response, error) {
			if r.Path == "secret/data/bad" {
				return nil, failure(vault.Unavailable)
			}
			return kv("good"), nil
		})
		good := w.store.Watch(alice, read("secret/data/good"), nil)
		bad := w.store.Watch(alice, read("secret/data/bad"), nil)
		pass(time.Hour)
		calls := w.takeCalls()
		// 250 ms doubled to 60 s takes 9 attempts in about a minute, then one in
		// 52.5 s (a minute less half of the jitter): 9 + 59*60/52.5.
		if n := len(calls) - 1; n < 70 || n > 80 {
			t.Errorf("%d attempts in an hour, want about 76", n)
		}
		if good.State().Version != 1 || bad.State().Failures < 70 {
			t.Errorf("good version %d, bad failures %d", good.State().Version, bad.State().Failures)
		}
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) {
			return nil, &vault.Error{Kind: vault.RateLimited, RetryAfter: 10 * time.Minute}
		})
		w.store.Watch(alice, read("secret/data/app"), nil)
		pass(25 * time.Minute)
		w.wantCalls("0s GET secret/data/app", "10m0s GET secret/data/app", "20m0s GET secret/data/app")
	})
}

func TestOutageServesWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		w := newWorld(t, secret.Policy{Poll: time.Minute}, func(r vault.Request) (*vault.Response, error) {
			if down {
				return nil, failure(vault.Unavailable)
			}
			if r.Path == "sys/leases/renew" {
				return leased("lease-1", time.Hour, true), nil
			}
			if r.Path == "database/creds/app" {
				return leased("lease-1", time.Hour, true), nil
			}
			return kv("held"), nil
		})
		static := w.store.Watch(alice, read("secret/data/app"), nil)
		dynamic := w.store.Watch(alice, read("database/creds/app"), nil)
		pass(40 * time.Minute)
		w.scene(func() { down = true })
		pass(10 * time.Minute) // the renewal was due at 43m
		w.scene(func() { down = false })
		w.takeCalls()
		pass(6 * time.Minute)
		if static.State().Response == nil || static.State().Err != nil {
			t.Errorf("static secret after the outage: %v", static.State().Err)
		}
		if state := dynamic.State(); state.Version != 1 || state.Err != nil || time.Until(state.Expires) < 50*time.Minute {
			t.Errorf("dynamic secret after the outage: version %d, error %v, ends in %v; want the same lease, renewed", state.Version, state.Err, time.Until(state.Expires))
		}
	})
}

func TestStaticRoleIsReadAfterItsRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := newWorld(t, secret.Policy{}, func(vault.Request) (*vault.Response, error) {
			left := time.Hour - time.Since(start)%time.Hour
			return &vault.Response{Data: sensitive.NewData(map[string]any{
				"password": (time.Since(start) / time.Hour).String(), "rotation_period": number(3600), "ttl": number(int(left / time.Second)),
			})}, nil
		})
		w.store.Watch(alice, read("database/static-creds/app"), nil)
		pass(150 * time.Minute)
		w.wantCalls("0s GET database/static-creds/app", "1h0m1s GET database/static-creds/app", "2h0m1s GET database/static-creds/app")
	})
}

func TestAnnouncedChangeIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{Poll: 100 * time.Hour}, func(vault.Request) (*vault.Response, error) { return kv("a"), nil })
		w.store.Watch(alice, read("secret/data/app"), nil)
		pass(time.Hour)
		w.store.Notify(alice, read("secret/data/app"), 10*time.Second)
		w.store.Notify(alice, read("secret/data/unknown"), 0)
		pass(time.Minute)
		w.wantCalls("0s GET secret/data/app", "1h0m5s GET secret/data/app")
	})
}

// TestFailedRenewalsDoNotSlowReadsDown: where a lease could not be renewed, each
// second before its end counts.
func TestFailedRenewalsDoNotSlowReadsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, secret.Policy{}, func(r vault.Request) (*vault.Response, error) {
			return leased("first", 100*time.Second, true), nil
		})
		w.store.Watch(alice, read("database/creds/app"), nil)
		pass(time.Second)
		w.scene(func() {
			w.answer = func(vault.Request) (*vault.Response, error) { return nil, failure(vault.Unavailable) }
		})
		w.takeCalls()
		pass(93 * time.Second)
		calls := w.takeCalls()
		if n := len(calls); n < 3 || !strings.HasPrefix(calls[n-3], "1m32.5s GET") || !strings.HasPrefix(calls[n-1], "1m33.156") {
			t.Errorf("calls of Vault: %q; want reads at 92.5, 92.72 and 93.16 s after failed renewals", calls)
		}
	})
}
