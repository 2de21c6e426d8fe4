package trace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Timing. Pauses after a failed request grow from the delay to the maximum.
const (
	sendDelay    = 5 * time.Second // spans wait so long to be sent together
	maxPause     = time.Minute
	flushTimeout = 5 * time.Second // for the last spans, at the end
)

// Options is what [Start] needs.
type Options struct {
	Lookup  func(name string) (string, bool) // variables, as os.LookupEnv
	Service string                           // name of the service where OTEL_SERVICE_NAME says none
	Version string                           // of the program
	Failed  func(error)                      // hears of the first of a row of failed requests; nil: nobody does
}

// Tracer makes spans and sends them. Nil is one that does nothing.
type Tracer struct {
	sampler
	queue    *queue
	target   *target
	resource []Attr
	options  Options
	once     sync.Once // closes stop
	stop     chan struct{}
	done     chan struct{}
	newest   error // of the newest request; only the sending goroutine touches it before done
}

// Start returns a tracer, and what ends it: that sends what is left, within five
// seconds, and tells how many spans were never sent. Without an endpoint, with
// OTEL_TRACES_EXPORTER=none or OTEL_SDK_DISABLED=true the tracer is nil, and the
// end does nothing. The error names all variables that are wrong; a program does
// better without traces than not at all, so log it and go on.
//
// Spans that end after the end of the tracer are not sent.
func Start(o Options) (*Tracer, func(context.Context) error, error) {
	idle := func(context.Context) error { return nil }
	e := environment(o.Lookup)
	wanted, err := e.wanted()
	if !wanted || err != nil {
		return nil, idle, err
	}
	to, targetErr := newTarget(e)
	sample, samplerErr := newSampler(e)
	resource, resourceErr := e.resource(o.Service, o.Version)
	if err := errors.Join(targetErr, samplerErr, resourceErr); err != nil {
		return nil, idle, err
	}
	t := &Tracer{
		sampler: sample, queue: newQueue(), target: to, resource: resource, options: o,
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	go t.run(ctx)
	return t, func(end context.Context) error { return t.shutdown(end, cancel) }, nil // which waits for run
}

// run sends spans until stop is closed, and then those that are left.
func (t *Tracer) run(ctx context.Context) {
	defer close(t.done)
	timer := time.NewTimer(sendDelay)
	defer timer.Stop()
	full := t.queue.full
	for failures := 0; ; {
		select {
		case <-t.stop:
			_ = t.sendAll(ctx) // shutdown tells what is left
			return
		case <-timer.C:
		case <-full:
		}
		pause := sendDelay
		full = t.queue.full
		if refused := t.sendAll(ctx); refused != nil {
			pause = max(min(sendDelay<<min(failures, 10), maxPause), refused.after)
			failures++
			full = nil // more spans are no reason to try earlier
		} else {
			failures = 0
		}
		timer.Reset(pause)
	}
}

// sendAll sends batches until none is left or one has to wait, and returns why.
func (t *Tracer) sendAll(ctx context.Context) *refusal {
	for {
		batch := t.queue.batch()
		if len(batch) == 0 {
			return nil
		}
		err := t.target.send(ctx, encode(t.resource, t.options.Version, batch))
		t.tell(err)
		var refused *refusal
		if errors.As(err, &refused) && refused.again {
			return refused
		}
		t.queue.done(len(batch), err != nil)
	}
}

// tell passes on the first of a row of errors.
func (t *Tracer) tell(err error) {
	if err != nil && t.newest == nil && t.options.Failed != nil {
		t.options.Failed(fmt.Errorf("send traces: %w", err))
	}
	t.newest = err
}

// shutdown ends run, which a hanging collector can hold up no longer than
// flushTimeout, or than the caller's context lasts.
func (t *Tracer) shutdown(ctx context.Context, cancel context.CancelFunc) error {
	defer t.target.client.CloseIdleConnections()
	defer cancel()
	t.once.Do(func() { close(t.stop) })
	ctx, release := context.WithTimeout(ctx, flushTimeout)
	defer release()
	select {
	case <-t.done:
	case <-ctx.Done():
		cancel()
		<-t.done
	}
	if n := t.queue.missing(); n > 0 {
		return fmt.Errorf("%d spans were not sent; the newest error: %w", n, t.newest)
	}
	return nil
}
