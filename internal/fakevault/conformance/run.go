package conformance

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

//go:embed testdata
var recorded embed.FS

// Run plays every case against the target and compares the answers with those
// that a real server gave.
func Run(t *testing.T, target Target) {
	t.Helper()
	each(t, target, func(t *testing.T, c Case, got string) {
		want, err := recorded.ReadFile("testdata/" + c.file())
		if err != nil {
			t.Fatalf("there is no record of a real server's answers: %v", err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("the answers differ from a real server's (-real +got):\n%s", diff)
		}
	})
}

// Record plays every case against the target, which must be a real server, and
// keeps the answers in dir.
func Record(t *testing.T, target Target, dir string) {
	t.Helper()
	each(t, target, func(t *testing.T, c Case, got string) {
		if err := os.WriteFile(filepath.Join(dir, c.file()), []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

func each(t *testing.T, target Target, judge func(*testing.T, Case, string)) {
	t.Helper()
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			got, err := c.play(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			judge(t, c, got)
		})
	}
}

func (c Case) file() string { return strings.ReplaceAll(c.Name, " ", "-") + ".golden" }

// play runs a case and writes down its answers.
func (c Case) play(ctx context.Context, target Target) (string, error) {
	s := &session{target: target, vars: maps.Clone(target.Vars)}
	if s.vars == nil {
		s.vars = map[string]string{}
	}
	s.vars["m"] = "case-" + strings.ToLower(rand.Text()[:10])
	s.vars["root_token"] = target.Token
	if err := s.prepare(ctx, c.Setup); err != nil {
		return "", err
	}
	if !c.Sealed {
		return s.story(ctx, c.Do)
	}
	if err := target.Seal(ctx); err != nil {
		return "", err
	}
	story, err := s.story(ctx, c.Do)
	if err == nil {
		err = target.Unseal(ctx)
	}
	return story, err
}

func (s *session) prepare(ctx context.Context, steps []Step) error {
	for _, step := range steps {
		a, err := s.do(ctx, step)
		if err != nil {
			return fmt.Errorf("set up with %s %s: %w", step.Method, step.Path, err)
		}
		if a.status >= 300 {
			return fmt.Errorf("set up with %s %s: HTTP %d: %s", step.Method, step.Path, a.status, a.body)
		}
	}
	return nil
}

func (s *session) story(ctx context.Context, steps []Step) (string, error) {
	var out strings.Builder
	for _, step := range steps {
		a, err := s.do(ctx, step)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w: %s", step.Method, step.Path, err, a.body)
		}
		fmt.Fprintf(&out, "# %s %s %s\n%s\n", step.Method, step.Path, step.Body, s.shape(a))
	}
	return out.String(), nil
}
