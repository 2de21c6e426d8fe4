package stage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// teller is what the steps of these tests tell of.
type teller struct{ name string }

// TestPerform plays steps that succeed, fail and take too long.
func TestPerform(t *testing.T) {
	tests := map[string]struct {
		run  func(*teller, context.Context) (string, error)
		want Outcome
		err  string
	}{
		"seen": {
			run: func(of *teller, _ context.Context) (string, error) {
				<-time.After(time.Second)
				return "all of " + of.name, nil
			},
			want: Outcome{Title: "A step", Seen: "all of it", Took: time.Second},
		},
		"failed": {
			run: func(*teller, context.Context) (string, error) { return "half of it", errors.New("no") },
			err: "no",
		},
		"too late": {
			run: func(_ *teller, ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", fmt.Errorf("nothing came: %w", context.Cause(ctx))
			},
			err: "nothing came: 20s have passed",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				step := Step[*teller]{Title: "A step", Plan: "It does this.", Within: 20 * time.Second, Run: tt.run}
				got, err := Perform(t.Context(), NewScreen(&out), &teller{name: "it"}, step, 1, 2)
				if diff := cmp.Diff(tt.want, got); diff != "" || errorText(err) != tt.err {
					t.Errorf("got error %q, want %q; outcomes differ (-want +got):\n%s", errorText(err), tt.err, diff)
				}
				if !strings.Contains(out.String(), "1/2  A step") || !strings.Contains(out.String(), "  It does this.\n") {
					t.Errorf("the step was not announced: %q", out.String())
				}
			})
		})
	}
}

func TestSummarize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		s := NewScreen(&out)
		<-time.After(14 * time.Second)
		s.Summarize([]Outcome{
			{Title: "First", Seen: "this", Took: 1500 * time.Millisecond},
			{Title: "Second one", Seen: "that and more", Took: 12 * time.Second},
		})
		want := `
What was seen, in 14 s:
  STEP           SEEN           TOOK
  1  First       this           1.5 s
  2  Second one  that and more  12.0 s
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("the summary differs (-want +got):\n%s", diff)
		}
	})
}
