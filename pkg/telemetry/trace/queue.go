package trace

import "sync"

// The defaults of the specification: spans beyond the queue are dropped, and
// each request has at most a batch of them. A span takes about half a kilobyte,
// so that a collector that is away costs a megabyte.
const (
	maxQueue = 2048
	maxBatch = 512
)

// queue holds spans that have ended until they are sent.
type queue struct {
	full chan struct{} // has an element when a batch is there

	mu      sync.Mutex
	spans   []*span
	dropped int
}

func newQueue() *queue { return &queue{full: make(chan struct{}, 1)} }

// add never blocks.
func (q *queue) add(s *span) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.spans) >= maxQueue {
		q.dropped++
		return
	}
	q.spans = append(q.spans, s)
	if len(q.spans)%maxBatch == 0 {
		select {
		case q.full <- struct{}{}:
		default: // it is known already
		}
	}
}

// batch returns the oldest spans; they stay until done takes them out.
func (q *queue) batch() []*span {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]*span(nil), q.spans[:min(len(q.spans), maxBatch)]...)
}

// done takes the n oldest spans out; lost ones count as dropped.
func (q *queue) done(n int, lost bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if lost {
		q.dropped += n
	}
	q.spans = append([]*span(nil), q.spans[n:]...)
}

// missing tells how many spans were not sent: the dropped and the waiting ones.
func (q *queue) missing() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped + len(q.spans)
}
