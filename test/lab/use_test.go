package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder is a test that tells what happens to it.
type recorder struct {
	testing.TB
	failed  bool
	said    []string
	cleanup []func()
}

func (r *recorder) Helper()           {}
func (r *recorder) Failed() bool      { return r.failed }
func (r *recorder) Cleanup(f func())  { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Error(args ...any) { r.failed = true; r.said = append(r.said, fmt.Sprint(args...)) }

func (r *recorder) Logf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

// play runs f and then the cleanups, as the testing package does.
func (r *recorder) play(f func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	wg.Wait()
	for _, c := range r.cleanup {
		c()
	}
}

// fake is a server without a process.
type fake struct {
	processes []*process
	stops     int
	stopErr   error
}

func (f *fake) Stop() error         { f.stops++; return f.stopErr }
func (f *fake) running() []*process { return f.processes }

func TestUse(t *testing.T) {
	log := child(t, "x").log
	writeTree(t, strings.TrimSuffix(log, "/log"), map[string]string{"log": "it hurts\n"})
	cases := map[string]struct {
		startErr, stopErr error
		test              func(r *recorder)
		said              []string
		stops             int
	}{
		"All is well": {test: func(*recorder) {}, stops: 1},
		"It does not start": {
			startErr: &NotBuiltError{Target: TargetVault}, test: func(r *recorder) { r.Error("the test goes on") },
			said: []string{"vault is not built: run `make lab`"},
		},
		"The test fails": {
			test:  func(r *recorder) { r.Error("wrong") },
			said:  []string{"wrong", "the end of the log of x:\nit hurts"},
			stops: 1,
		},
		"It does not stop": {
			stopErr: errors.New("still there"), test: func(*recorder) {},
			said: []string{"still there"}, stops: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := &fake{stopErr: tc.stopErr, processes: []*process{{command: command{name: "x", log: log}}}}
			r := &recorder{TB: t}
			r.play(func() {
				use(r, func(context.Context) (*fake, error) { return f, tc.startErr })
				tc.test(r)
			})
			if diff := cmp.Diff(tc.said, r.said); diff != "" {
				t.Error(diff)
			}
			if f.stops != tc.stops {
				t.Errorf("stopped %d times, want %d", f.stops, tc.stops)
			}
		})
	}
}
