package stage

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
)

func TestEnd(t *testing.T) {
	busy := errors.New("busy")
	cases := map[string]struct {
		err         error
		interrupted bool
		code        int
		said        string
	}{
		"Seen":             {},
		"SeenAtLast":       {interrupted: true},
		"Help":             {err: fmt.Errorf("arguments: %w", flag.ErrHelp)},
		"Failed":           {err: busy, code: 1, said: "\nThe tour failed: busy\n"},
		"Interrupted":      {err: busy, interrupted: true, code: 130, said: "\nThe tour was interrupted. All servers are stopped, all files are removed.\n"},
		"SomethingIsThere": {err: errors.Join(errors.New("step"), LeftBehind{busy}), interrupted: true, code: 1, said: "\nThe tour failed: step\nnot everything was removed: busy\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.interrupted {
				cancel()
			}
			var said strings.Builder
			if code := End(ctx, &said, "tour", tc.err); code != tc.code || said.String() != tc.said {
				t.Errorf("code %d, said %q, want %d, %q", code, said.String(), tc.code, tc.said)
			}
		})
	}
	if err := error(LeftBehind{busy}); !errors.Is(err, busy) {
		t.Errorf("%v hides its cause", err)
	}
}
