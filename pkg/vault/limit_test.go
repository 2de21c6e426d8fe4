package vault

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// counting answers every request with a status, and keeps when it was asked.
type counting struct {
	status int
	header http.Header
	asked  []time.Duration
	start  time.Time
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.asked = append(c.asked, time.Since(c.start))
	return reply(r, c.status, c.header, `{"errors":["x"]}`), nil
}

// bubble runs a test on virtual time with a server of its own.
func bubble(t *testing.T, f func(t *testing.T, server *counting, limits *Limits)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, &counting{status: 200, header: http.Header{}, start: time.Now()}, NewLimits())
	})
}

func TestPauseHoldsBackEveryClientOfTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T, server *counting, limits *Limits) {
		connect := func(address string) *Client {
			return newClient(t, config.Vault{Address: address}, WithTransport(server), WithLimits(limits))
		}
		first, second, other := connect("http://vault:8200"), connect("http://Vault:8200/"), connect("http://other:8200")
		server.status = http.StatusTooManyRequests
		server.header = http.Header{"Retry-After": {"30"}}
		_, err := read(t, first, "a")
		if failed := failure(t, err); failed.Kind != RateLimited || failed.RetryAfter != 30*time.Second {
			t.Errorf("kind %v, wait %v", failed.Kind, failed.RetryAfter)
		}
		server.status = 200
		<-time.After(10 * time.Second)
		_, err = read(t, second, "b")
		failed := failure(t, err)
		want := "GET http://vault:8200/v1/b: rate limited: held back by the rate limit of the address"
		if failed.Error() != want || failed.RetryAfter != 20*time.Second {
			t.Errorf("error = %v, wait %v, want 20s", failed, failed.RetryAfter)
		}
		if _, err := read(t, other, "c"); err != nil {
			t.Errorf("another address is held back: %v", err)
		}
		<-time.After(20 * time.Second)
		if _, err := read(t, second, "d"); err != nil {
			t.Errorf("held back after the pause: %v", err)
		}
		if diff := cmp.Diff([]time.Duration{0, 10 * time.Second, 30 * time.Second}, server.asked); diff != "" {
			t.Errorf("requests that were sent (-want +got):\n%s", diff)
		}
	})
}

func TestPauseOfOtherRefusals(t *testing.T) {
	cases := map[string]struct {
		status int
		after  string
		kind   Kind
		want   time.Duration // of the pause
	}{
		"unavailable":            {status: 503, after: "5", kind: Unavailable, want: 5 * time.Second},
		"unavailable, no header": {status: 503, kind: Unavailable},
		"rate limit, no header":  {status: 429, kind: RateLimited},
		"denied":                 {status: 403, after: "5", kind: Denied},
		"internal error":         {status: 500, after: "5", kind: Unavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, server *counting, limits *Limits) {
				c := newClient(t, config.Vault{Address: "http://vault:8200"}, WithTransport(server), WithLimits(limits))
				server.status = tc.status
				server.header.Set("Retry-After", tc.after)
				_, err := read(t, c, "a")
				failed := failure(t, err)
				if failed.Kind != tc.kind || failed.RetryAfter != tc.want {
					t.Errorf("kind %v, wait %v, want %v, %v", failed.Kind, failed.RetryAfter, tc.kind, tc.want)
				}
				if pause := max(c.limit.pause(), 0); pause != tc.want {
					t.Errorf("pause = %v, want %v", pause, tc.want)
				}
			})
		})
	}
}

func TestShorterPauseDoesNotEndALongerOne(t *testing.T) {
	bubble(t, func(t *testing.T, _ *counting, limits *Limits) {
		l := limits.at("a", 0, 0)
		l.hold(&Error{RetryAfter: time.Minute})
		l.hold(&Error{RetryAfter: time.Second})
		l.hold(&Error{})
		if got := l.pause(); got != time.Minute {
			t.Errorf("pause = %v", got)
		}
	})
}

func TestRateIsSharedByTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T, server *counting, limits *Limits) {
		c := config.Vault{Address: "http://vault:8200", RateLimit: 2, RateBurst: 1}
		first := newClient(t, c, WithTransport(server), WithLimits(limits))
		second := newClient(t, config.Vault{Address: c.Address}, WithTransport(server), WithLimits(limits))
		for _, client := range []*Client{first, second, first, second} {
			if _, err := read(t, client, "a"); err != nil {
				t.Fatal(err)
			}
		}
		want := []time.Duration{0, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond}
		if diff := cmp.Diff(want, server.asked); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

func TestBurst(t *testing.T) {
	cases := map[string]struct {
		perSecond float64
		burst     int
		want      int // requests at once
	}{
		"given":          {perSecond: 1, burst: 5, want: 5},
		"as the rate":    {perSecond: 3.7, want: 3},
		"at least one":   {perSecond: 0.1, want: 1},
		"without a rate": {burst: 2, want: 20},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, server *counting, limits *Limits) {
				l, got := limits.at("a", tc.perSecond, tc.burst), 0
				for range 20 {
					ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Nanosecond))
					if l.wait(ctx) == nil {
						got++
					}
					cancel()
				}
				if got != tc.want {
					t.Errorf("%d requests at once, want %d", got, tc.want)
				}
			})
		})
	}
}

func TestWaitingIsBoundedByTheCaller(t *testing.T) {
	bubble(t, func(t *testing.T, server *counting, limits *Limits) {
		c := newClient(t, config.Vault{Address: "http://vault:8200", RateLimit: 0.1}, WithTransport(server), WithLimits(limits))
		_, err := read(t, c, "a")
		if err != nil {
			t.Fatal(err)
		}
		soon, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = c.Do(soon, sensitive.String{}, "", Request{Method: "GET", Path: "b"})
		if failed := failure(t, err); failed.Kind != RateLimited || failed.RetryAfter != 10*time.Second || time.Since(server.start) != 0 {
			t.Errorf("error %v, wait %v, after %v", failed, failed.RetryAfter, time.Since(server.start))
		}
		stopped, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		_, err = c.Do(stopped, sensitive.String{}, "", Request{Method: "GET", Path: "c"})
		if failure(t, err); !errors.Is(err, context.Canceled) || time.Since(server.start) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(server.start))
		}
		// Those who gave up must not have used up a turn.
		if _, err := read(t, c, "d"); err != nil || time.Since(server.start) != 10*time.Second {
			t.Errorf("error %v after %v, want 10s", err, time.Since(server.start))
		}
	})
}

func TestPauseThatBeginsWhileWaiting(t *testing.T) {
	bubble(t, func(t *testing.T, server *counting, limits *Limits) {
		l := limits.at("a", 0.1, 1)
		if err := l.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { l.hold(&Error{RetryAfter: time.Minute}) })
		err := l.wait(t.Context())
		if held, ok := errors.AsType[heldBack](err); !ok || held.wait != 51*time.Second {
			t.Errorf("error = %#v, want 51s left of the pause", err)
		}
	})
}

// TestTimeoutCountsFromTheSending: waiting for one's turn is not part of it.
func TestTimeoutCountsFromTheSending(t *testing.T) {
	bubble(t, func(t *testing.T, server *counting, limits *Limits) {
		c := newClient(t, config.Vault{Address: "http://vault:8200", RateLimit: 0.1, Timeout: time.Second}, WithTransport(server), WithLimits(limits))
		for range 3 {
			if _, err := read(t, c, "a"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestNewClientDoesNotGiveTheBurstAnew(t *testing.T) {
	bubble(t, func(t *testing.T, _ *counting, limits *Limits) {
		l := limits.at("a", 0.1, 1)
		if err := l.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if again := limits.at("a", 0.1, 1); again.reserve().Delay() != 10*time.Second {
			t.Error("a second client of the same rate may send at once")
		}
		if faster := limits.at("a", 1, 3); faster != l || faster.reserve().Delay() != 0 {
			t.Error("the newest rate does not count")
		}
	})
}
