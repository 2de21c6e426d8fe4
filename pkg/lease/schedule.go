package lease

import (
	"container/heap"
	"context"
	"math"
	"sync"
	"time"
)

// maxSleep bounds one sleep of the schedule. Timers run on the monotonic clock,
// which stands still while a machine is suspended and does not see the wall
// clock being set; looking again once a minute bounds how late a deadline on
// the wall clock (a certificate's end) is noticed.
const maxSleep = time.Minute

// Task is something to do at a time. It returns when it wants to be called
// next; the zero time means not before someone calls [Entry.Wake].
type Task func(ctx context.Context) time.Time

// Schedule runs tasks at their times: one timer and a heap of deadlines, however
// many there are. Goroutines exist only for tasks under way. A task never runs
// beside itself.
type Schedule struct {
	mu      sync.Mutex
	bounded lane // tasks of which only so many run at once
	urgent  lane // tasks that never wait for a place: tokens, deliveries
	changed chan struct{}
}

// lane is a part of the schedule with its own bound.
type lane struct {
	entries entryHeap
	running int
	limit   int
}

// Entry is a task in a schedule.
type Entry struct {
	schedule *Schedule
	lane     *lane
	task     Task
	at       time.Time // zero: sleeps until it is woken
	index    int       // in the heap; -1: not in it
	running  bool
	stopped  bool
	woken    time.Time // asked for while running
}

// NewSchedule makes a schedule that runs at most limit tasks at once, urgent
// ones not counted.
func NewSchedule(limit int) *Schedule {
	return &Schedule{
		bounded: lane{limit: limit},
		urgent:  lane{limit: math.MaxInt},
		changed: make(chan struct{}, 1),
	}
}

// Add puts a task into the schedule. At the zero time it sleeps until woken.
func (s *Schedule) Add(at time.Time, task Task) *Entry { return s.add(&s.bounded, at, task) }

// AddUrgent is Add for a task that must not wait behind others: those that the
// others wait for, and those that do not wait for a server.
func (s *Schedule) AddUrgent(at time.Time, task Task) *Entry { return s.add(&s.urgent, at, task) }

func (s *Schedule) add(l *lane, at time.Time, task Task) *Entry {
	e := &Entry{schedule: s, lane: l, task: task, index: -1}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(e, at)
	return e
}

// Len returns how many entries have a time at which they run.
func (s *Schedule) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bounded.entries) + len(s.urgent.entries)
}

// Wake makes the task run no later than at.
func (e *Entry) Wake(at time.Time) {
	s := e.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.stopped:
	case e.running:
		e.woken = Earliest(e.woken, at)
	default:
		s.put(e, Earliest(e.at, at))
	}
}

// Stop takes the entry out. A run under way goes on to its end.
func (e *Entry) Stop() {
	s := e.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	e.stopped = true
	if e.index >= 0 {
		heap.Remove(&e.lane.entries, e.index)
	}
}

// Run runs tasks until ctx ends, waits for those under way, and returns nil.
func (s *Schedule) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-s.changed:
		}
		timer.Reset(s.startDue(ctx, &tasks))
	}
}

// startDue starts every task whose time has come and that finds a free place,
// and returns how long to sleep.
func (s *Schedule) startDue(ctx context.Context, tasks *sync.WaitGroup) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	sleep := maxSleep
	for _, l := range []*lane{&s.urgent, &s.bounded} {
		for l.ready(now) {
			e, _ := heap.Pop(&l.entries).(*Entry)
			e.at, e.running = time.Time{}, true
			l.running++
			tasks.Go(func() { s.run(ctx, e) })
		}
		if len(l.entries) > 0 && l.running < l.limit {
			sleep = min(sleep, l.entries[0].at.Sub(now))
		}
	}
	return sleep
}

// ready tells whether the lane's first task may start.
func (l *lane) ready(now time.Time) bool {
	return len(l.entries) > 0 && l.running < l.limit && !l.entries[0].at.After(now)
}

// run runs one task and puts it back where it or a wake-up wants to be.
func (s *Schedule) run(ctx context.Context, e *Entry) {
	next := e.task(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.lane.running--
	e.running = false
	at := Earliest(next, e.woken)
	e.woken = time.Time{}
	if !e.stopped {
		s.put(e, at)
	}
	s.signal()
}

// put places an entry, whether it is in the heap or not. The caller holds mu.
func (s *Schedule) put(e *Entry, at time.Time) {
	e.at = at
	switch {
	case at.IsZero():
		return
	case e.index >= 0:
		heap.Fix(&e.lane.entries, e.index)
	default:
		heap.Push(&e.lane.entries, e)
	}
	if e.lane.entries[0] == e {
		s.signal()
	}
}

func (s *Schedule) signal() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// entryHeap orders entries by time; see container/heap.
type entryHeap []*Entry

func (h entryHeap) Len() int           { return len(h) }
func (h entryHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h entryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *entryHeap) Push(x any) {
	e, _ := x.(*Entry)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *entryHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}
