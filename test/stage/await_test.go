package stage

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

var errInterrupted = errors.New("interrupted")

func TestAwait(t *testing.T) {
	tests := map[string]struct {
		reason string
		look   func(n int, since time.Duration) (string, error)
		cancel time.Duration // when somebody interrupts; 0: never
		want   string
		err    string
		took   time.Duration
	}{
		"at once": {
			reason: "what is there already costs no time",
			look:   func(int, time.Duration) (string, error) { return "there", nil },
			want:   "there",
		},
		"after a second": {
			reason: "the first look after it has happened sees it",
			look: func(_ int, since time.Duration) (string, error) {
				if since < time.Second {
					return "", errors.New("not yet")
				}
				return "there", nil
			},
			want: "there",
			took: time.Second,
		},
		"never": {
			reason: "the error has the deadline and the newest look",
			look:   func(n int, _ time.Duration) (string, error) { return "", fmt.Errorf("look %d", n) },
			err:    "the thing was not seen: 10s have passed; the newest look: look 500",
			took:   10 * time.Second,
		},
		"broken": {
			reason: "waiting on is of no use",
			look: func(n int, _ time.Duration) (string, error) {
				if n == 3 {
					return "", fmt.Errorf("look %d: %w", n, Broken{Err: errors.New("half a file")})
				}
				return "", errors.New("not yet")
			},
			err:  "waited for the thing: look 3: half a file",
			took: 2 * lookEvery,
		},
		"interrupted": {
			reason: "the cause of the end is told",
			look:   func(int, time.Duration) (string, error) { return "", errors.New("not yet") },
			cancel: 90 * time.Millisecond,
			err:    "the thing was not seen: interrupted; the newest look: not yet",
			took:   90 * time.Millisecond,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.cancel > 0 {
					timer := time.AfterFunc(tt.cancel, func() { cancel(errInterrupted) })
					defer timer.Stop()
				}
				// A nanosecond more, so that the look at the deadline comes first.
				ctx, stop := context.WithTimeoutCause(ctx, 10*time.Second-time.Nanosecond, errors.New("10s have passed"))
				defer stop()
				begin, n := time.Now(), 0
				got, err := Await(ctx, "the thing", func(context.Context) (string, error) {
					n++
					return tt.look(n, time.Since(begin))
				})
				if got != tt.want || errorText(err) != tt.err {
					t.Errorf("got %q and error %q, want %q and %q: %s", got, errorText(err), tt.want, tt.err, tt.reason)
				}
				if took := time.Since(begin).Round(time.Millisecond); took != tt.took {
					t.Errorf("it took %s, want %s", took, tt.took)
				}
			})
		})
	}
}

// TestAwaitCutShort is about a look that the deadline ends: it has seen nothing,
// and the one before it is what tells what went wrong.
func TestAwaitCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeoutCause(t.Context(), time.Second, errors.New("1s has passed"))
		defer stop()
		n := 0
		_, err := Await(ctx, "the thing", func(ctx context.Context) (string, error) {
			if n++; n == 1 {
				return "", errors.New("the old value")
			}
			<-ctx.Done()
			return "", ctx.Err()
		})
		if want := "the thing was not seen: 1s has passed; the newest look: the old value"; errorText(err) != want {
			t.Errorf("got error %q, want %q", errorText(err), want)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Error("the error is that of the look that was cut short")
		}
	})
}

// errorText is the text of an error, "" for none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
