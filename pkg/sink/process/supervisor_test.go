package process

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"mvdan.cc/sh/v3/interp"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// given makes variables of A=1 and the like.
func given(entries ...string) map[string]sensitive.String {
	env := map[string]sensitive.String{}
	for _, e := range entries {
		name, value, _ := strings.Cut(e, "=")
		env[name] = sensitive.New(value)
	}
	return env
}

// theater is a supervisor on virtual time whose application is lines in a log.
type theater struct {
	*Supervisor
	begin    time.Time
	stopTime time.Duration // which the application takes to stop
	exit     chan error    // makes the application end

	mu  sync.Mutex
	log []string
}

func newTheater(t *testing.T, o SupervisorOptions) *theater {
	t.Helper()
	th := &theater{begin: time.Now(), exit: make(chan error)}
	o.Argv, o.Env = []string{"app"}, []string{"Z=0"}
	o.OnStart = func(changed []string) { th.note("changed %q", changed) }
	s, err := NewSupervisor(o)
	must(t, err)
	s.launch, s.reap = th.launch, func(context.Context) {}
	th.Supervisor = s
	return th
}

func (th *theater) note(format string, args ...any) {
	th.mu.Lock()
	defer th.mu.Unlock()
	th.log = append(th.log, time.Since(th.begin).String()+" "+fmt.Sprintf(format, args...))
}

func (th *theater) launch(ctx context.Context, env []string) error {
	th.note("start %s", strings.Join(env, " "))
	select {
	case err := <-th.exit:
		return err
	case <-ctx.Done():
		<-time.After(th.stopTime)
		th.note("stopped")
		return ctx.Err()
	}
}

// perform plays steps such as "1s update A=1 B=2", "2s exit 3" and "3s cancel".
func (th *theater) perform(t *testing.T, steps []string) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- th.Run(ctx) }()
	for _, step := range steps {
		words := strings.Fields(step)
		at, err := time.ParseDuration(words[0])
		must(t, err)
		<-time.After(time.Until(th.begin.Add(at)))
		synctest.Wait()
		switch words[1] {
		case "update":
			must(t, th.Update(given(words[2:]...)))
		case "exit":
			var status interp.ExitStatus
			_, err := fmt.Sscan(words[2], &status)
			must(t, err)
			if status == 0 {
				th.exit <- nil
				break
			}
			th.exit <- status
		case "vanish":
			th.exit <- errNotFound
		case "cancel":
			cancel()
		}
		synctest.Wait()
	}
	err := <-ended
	th.note("end")
	return err
}

func TestSupervisorOverTime(t *testing.T) {
	cases := map[string]struct {
		reason   string
		options  SupervisorOptions
		stopTime time.Duration
		steps    []string
		log      []string
		err      string
	}{
		"NothingBeforeTheFirstUpdate": {
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"1h cancel"},
			log:     []string{"1h0m0s end"},
		},
		"FirstUpdateStarts": {
			reason:  "without the debounce, and with the variables winning",
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"5s update Z=1 A=1", "1h cancel"},
			log:     []string{"5s changed []", "5s start A=1 Z=1", "1h0m0s stopped", "1h0m0s end"},
		},
		"NoVariables": {
			steps: []string{"5s update", "6s cancel"},
			log:   []string{"5s changed []", "5s start Z=0", "6s stopped", "6s end"},
		},
		"RestartAfterTheWindow": {
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1 B=1", "10s update A=2 C=1", "20s cancel"},
			log: []string{
				"0s changed []", "0s start Z=0 A=1 B=1", "12s stopped",
				`12s changed ["A" "B" "C"]`, "12s start Z=0 A=2 C=1", "20s stopped", "20s end",
			},
		},
		"ManyChangesOneRestart": {
			reason:  "the window begins with the first and ends with the newest",
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1", "10s update A=2", "11s update A=3", "11.9s update A=4", "20s cancel"},
			log:     []string{"0s changed []", "0s start Z=0 A=1", "12s stopped", `12s changed ["A"]`, "12s start Z=0 A=4", "20s stopped", "20s end"},
		},
		"ChangesWithoutEnd": {
			reason:  "they cannot put the restart off",
			options: SupervisorOptions{RestartOnChange: true, Debounce: 3 * time.Second},
			steps:   []string{"0s update A=1", "10s update A=2", "12s update A=3", "14s update A=4", "16s update A=5", "17.5s cancel"},
			log: []string{
				"0s changed []", "0s start Z=0 A=1", "13s stopped", `13s changed ["A"]`, "13s start Z=0 A=3",
				"17s stopped", `17s changed ["A"]`, "17s start Z=0 A=5", "17.5s stopped", "17.5s end",
			},
		},
		"NoChange": {
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1", "10s update A=1", "20s update A=1", "30s cancel"},
			log:     []string{"0s changed []", "0s start Z=0 A=1", "30s stopped", "30s end"},
		},
		"ThereAndBack": {
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1", "10s update A=2", "11s update A=1", "30s cancel"},
			log:     []string{"0s changed []", "0s start Z=0 A=1", "30s stopped", "30s end"},
		},
		"AWindowOfItsOwn": {
			reason:  "a window that ended without a restart is over",
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1", "10s update A=2", "11s update A=1", "13s update A=3", "14.5s update A=4", "16s cancel"},
			log:     []string{"0s changed []", "0s start Z=0 A=1", "15s stopped", `15s changed ["A"]`, "15s start Z=0 A=4", "16s stopped", "16s end"},
		},
		"Never": {
			steps: []string{"0s update A=1", "10s update A=2", "20s update A=3", "30s cancel"},
			log:   []string{"0s changed []", "0s start Z=0 A=1", "30s stopped", "30s end"},
		},
		"ChangeWhileStopping": {
			reason:   "it is part of the restart",
			options:  SupervisorOptions{RestartOnChange: true},
			stopTime: 20 * time.Second,
			steps:    []string{"0s update A=1", "10s update A=2", "15s update A=3", "30s update A=4", "1m cancel"},
			log:      []string{"0s changed []", "0s start Z=0 A=1", "32s stopped", `32s changed ["A"]`, "32s start Z=0 A=4", "1m20s stopped", "1m20s end"},
		},
		"BackWhileStopping": {
			reason:   "it is too late to go on",
			options:  SupervisorOptions{RestartOnChange: true},
			stopTime: 20 * time.Second,
			steps:    []string{"0s update A=1", "10s update A=2", "15s update A=1", "1m cancel"},
			log:      []string{"0s changed []", "0s start Z=0 A=1", "32s stopped", "32s changed []", "32s start Z=0 A=1", "1m20s stopped", "1m20s end"},
		},
		"EndWhileStopping": {
			reason:   "there is no other start",
			options:  SupervisorOptions{RestartOnChange: true},
			stopTime: 20 * time.Second,
			steps:    []string{"0s update A=1", "10s update A=2", "15s cancel"},
			log:      []string{"0s changed []", "0s start Z=0 A=1", "32s stopped", "32s end"},
		},
		"EndInTheWindow": {
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1", "10s update A=2", "11s cancel"},
			log:     []string{"0s changed []", "0s start Z=0 A=1", "11s stopped", "11s end"},
		},
		"Exit": {
			steps: []string{"0s update A=1", "10s exit 3"},
			log:   []string{"0s changed []", "0s start Z=0 A=1", "10s end"},
			err:   `application "app" exited with status 3`,
		},
		"ExitZero": {
			reason: "an application that is done is an end, too",
			steps:  []string{"0s update", "10s exit 0"},
			log:    []string{"0s changed []", "0s start Z=0", "10s end"},
			err:    `application "app" exited with status 0`,
		},
		"ExitInTheWindow": {
			reason:  "it is not the restart that ended it",
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1", "10s update A=2", "11s exit 4"},
			log:     []string{"0s changed []", "0s start Z=0 A=1", "11s end"},
			err:     `application "app" exited with status 4`,
		},
		"ExitAfterRestart": {
			options: SupervisorOptions{RestartOnChange: true},
			steps:   []string{"0s update A=1", "10s update A=2", "12s exit 5"},
			log:     []string{"0s changed []", "0s start Z=0 A=1", "12s stopped", `12s changed ["A"]`, "12s start Z=0 A=2", "12s end"},
			err:     `application "app" exited with status 5`,
		},
		"CannotStart": {
			steps: []string{"0s update A=1", "0s vanish"},
			log:   []string{"0s changed []", "0s start Z=0 A=1", "0s end"},
			err:   `application "app" cannot start: executable file not found in PATH`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				th := newTheater(t, tc.options)
				th.stopTime = tc.stopTime
				err := th.perform(t, tc.steps)
				if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
					t.Errorf("%s: error (-want +got):\n%s", tc.reason, diff)
				}
				if diff := cmp.Diff(tc.log, th.log); diff != "" {
					t.Errorf("%s: log (-want +got):\n%s", tc.reason, diff)
				}
			})
		})
	}
}

// A thousand updates at once, from many sides, are one restart with one of them;
// the last one that comes alone is what is run in the end.
func TestSupervisorBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, SupervisorOptions{RestartOnChange: true})
		must(t, th.Update(given("A=0")))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- th.Run(ctx) }()
		synctest.Wait()
		var burst sync.WaitGroup
		for i := range 1000 {
			burst.Go(func() { must(t, th.Update(given(fmt.Sprint("A=", i+1)))) })
		}
		burst.Wait()
		must(t, th.Update(given("A=last")))
		<-time.After(time.Minute)
		cancel()
		must(t, <-ended)
		want := []string{"0s changed []", "0s start Z=0 A=0", "2s stopped", `2s changed ["A"]`, "2s start Z=0 A=last", "1m0s stopped"}
		if diff := cmp.Diff(want, th.log); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// What the caller does with its map afterwards is its own affair.
func TestUpdateTakesACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newTheater(t, SupervisorOptions{})
		env := given("A=1")
		must(t, th.Update(env))
		env["A"] = sensitive.New("2")
		must(t, th.perform(t, []string{"1s cancel"}))
		want := []string{"0s changed []", "0s start Z=0 A=1", "1s stopped", "1s end"}
		if diff := cmp.Diff(want, th.log); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateRefused(t *testing.T) {
	const secret = "s3cr3t"
	long := strings.Repeat(secret, 32*4096)
	cases := map[string]struct {
		env  map[string]sensitive.String
		want string
	}{
		"NoName":    {env: given("=" + secret), want: `variable "": not the name of an environment variable`},
		"Equals":    {env: map[string]sensitive.String{"A=B": sensitive.New(secret)}, want: `variable "A=B": not the name of an environment variable`},
		"NulInName": {env: given("A\x00=" + secret), want: `variable "A\x00": not the name of an environment variable`},
		"Nul":       {env: given("A=" + secret + "\x00"), want: `variable "A": the value holds a NUL, which no environment can hold`},
		"All": {
			env:  given("A=\x00", "B=fine", "=x"),
			want: "variable \"\": not the name of an environment variable\nvariable \"A\": the value holds a NUL, which no environment can hold",
		},
		"Long": {env: given("A=" + long), want: fmt.Sprintf(
			`variable "A": %d bytes are more than the %d that a program can be given in one variable`, len(long)+3, longestVariable())},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				th := newTheater(t, SupervisorOptions{RestartOnChange: true})
				must(t, th.Update(given("A=1")))
				err := th.Update(tc.env)
				if diff := cmp.Diff(tc.want, errorText(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if strings.Contains(errorText(err), secret) {
					t.Error("the error tells the value")
				}
				if diff := cmp.Diff([]string(nil), difference(given("A=1"), th.current())); diff != "" {
					t.Errorf("variables were taken: %s", diff)
				}
			})
		})
	}
}

func TestNewSupervisorRefuses(t *testing.T) {
	cases := map[string]struct {
		argv []string
		want string
	}{
		"Nothing":     {want: "command is empty"},
		"Blank":       {argv: []string{" "}, want: "command is empty"},
		"Syntax":      {argv: []string{"app 'x"}, want: "command \"app\" cannot run: shell syntax: 1:5: reached EOF without closing quote `'`"},
		"Unsupported": {argv: []string{"app <(x)"}, want: `command "app" cannot run: shell line 1:5: process substitution is not supported`},
		"Assignment":  {argv: []string{"PASSWORD=s3cr3t 'x"}, want: "command \"shell line\" cannot run: shell syntax: 1:17: reached EOF without closing quote `'`"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := NewSupervisor(SupervisorOptions{Argv: tc.argv})
			if diff := cmp.Diff(tc.want, errorText(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
