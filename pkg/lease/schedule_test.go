package lease_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pass lets virtual time go by, and everything that is due in it happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// started runs a schedule until the test ends.
func started(t *testing.T, s *lease.Schedule) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
}

func TestScheduleRunsTasksAtTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lease.NewSchedule(4)
		start := time.Now()
		var ran []time.Duration
		periodic := func(context.Context) time.Time {
			ran = append(ran, time.Since(start))
			return time.Now().Add(24 * time.Hour)
		}
		s.Add(start.Add(time.Hour), periodic)
		started(t, s)
		pass(72 * time.Hour)
		want := []time.Duration{time.Hour, 25 * time.Hour, 49 * time.Hour}
		if diff := cmp.Diff(want, ran); diff != "" {
			t.Errorf("times of the task (-want +got):\n%s", diff)
		}
	})
}

func TestScheduleWake(t *testing.T) {
	cases := map[string]struct {
		first, wake time.Duration // negative: none
		want        time.Duration
	}{
		"earlier than planned": {first: time.Hour, wake: time.Minute, want: time.Minute},
		"later than planned":   {first: time.Minute, wake: time.Hour, want: time.Minute},
		"asleep":               {first: -1, wake: time.Minute, want: time.Minute},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := lease.NewSchedule(1)
				start := time.Now()
				var at time.Time
				if tc.first >= 0 {
					at = start.Add(tc.first)
				}
				var ran []time.Duration
				e := s.Add(at, func(context.Context) time.Time {
					ran = append(ran, time.Since(start))
					return time.Time{}
				})
				started(t, s)
				synctest.Wait()
				e.Wake(start.Add(tc.wake))
				pass(2 * time.Hour)
				if diff := cmp.Diff([]time.Duration{tc.want}, ran); diff != "" {
					t.Errorf("times of the task (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestScheduleNeverRunsATaskBesideItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lease.NewSchedule(8)
		var running, runs, most atomic.Int32
		e := s.Add(time.Now(), func(ctx context.Context) time.Time {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			runs.Add(1)
			<-time.After(time.Second)
			return time.Time{}
		})
		started(t, s)
		for range 9 {
			pass(100 * time.Millisecond)
			e.Wake(time.Now())
		}
		pass(10 * time.Second)
		if most.Load() != 1 || runs.Load() != 2 {
			t.Errorf("ran %d times, %d at once; want 2 times (the wake-ups during the first run make one more), 1 at once", runs.Load(), most.Load())
		}
	})
}

func TestScheduleBoundsWhatRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lease.NewSchedule(3)
		var running, most atomic.Int32
		slow := func(context.Context) time.Time {
			most.Store(max(most.Load(), running.Add(1)))
			<-time.After(time.Minute)
			running.Add(-1)
			return time.Time{}
		}
		for range 20 {
			s.Add(time.Now(), slow)
		}
		started(t, s)
		synctest.Wait()
		var urgent atomic.Bool
		s.AddUrgent(time.Now(), func(context.Context) time.Time {
			urgent.Store(true)
			return time.Time{}
		})
		synctest.Wait()
		if !urgent.Load() {
			t.Error("an urgent task waited behind slow ones")
		}
		pass(time.Hour)
		if most.Load() != 3 || running.Load() != 0 {
			t.Errorf("%d at once and %d left; want 3 and 0", most.Load(), running.Load())
		}
	})
}

func TestScheduleStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lease.NewSchedule(1)
		var ran atomic.Int32
		count := func(context.Context) time.Time {
			ran.Add(1)
			return time.Now().Add(time.Minute)
		}
		stopped := s.Add(time.Now().Add(time.Hour), count)
		var self *lease.Entry
		self = s.Add(time.Now().Add(time.Minute), func(context.Context) time.Time {
			self.Stop()
			return time.Now()
		})
		stopped.Stop()
		stopped.Wake(time.Now())
		started(t, s)
		pass(24 * time.Hour)
		if ran.Load() != 0 || s.Len() != 0 {
			t.Errorf("stopped entry ran %d times, %d entries left; want 0 and 0", ran.Load(), s.Len())
		}
	})
}

func TestScheduleWaitsForTasksUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := lease.NewSchedule(1)
		finished := false
		s.Add(time.Now(), func(context.Context) time.Time {
			<-time.After(time.Minute)
			finished = true
			return time.Time{}
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || !finished {
			t.Errorf("Run() = %v, task finished: %t; want nil and true", err, finished)
		}
	})
}

func BenchmarkSchedule100000(b *testing.B) {
	for b.Loop() {
		s := lease.NewSchedule(64)
		now := time.Now()
		for i := range 100_000 {
			s.Add(now.Add(time.Duration(i)*time.Millisecond), func(context.Context) time.Time { return time.Time{} })
		}
	}
}
