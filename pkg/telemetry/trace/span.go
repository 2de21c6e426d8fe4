package trace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Kinds of spans, as OTLP numbers them.
const (
	kindInternal = 1
	kindClient   = 3
)

// place is where a span is in its trace, and what is passed on to others.
type place struct {
	trace   [16]byte
	span    [8]byte
	sampled bool
}

// span is one thing that was done. It is written by whoever runs it, and read by
// the exporter once it has ended.
type span struct {
	place
	parent     [8]byte
	name       string
	kind       uint64
	start, end time.Time
	attrs      []Attr
	failed     bool
	message    string
	ended      atomic.Bool
}

type placeKey struct{}

func placeOf(ctx context.Context) (place, bool) {
	p, ok := ctx.Value(placeKey{}).(place)
	return p, ok
}

// Span begins a span below that of ctx. The function that comes back ends it,
// with an error if what it stands for failed; a second call does nothing. Error
// texts are sent.
func (t *Tracer) Span(ctx context.Context, name string, attrs ...Attr) (context.Context, func(error)) {
	if t == nil {
		return ctx, nothing
	}
	// A copy, so that the caller's attributes stay on its stack where t is nil.
	ctx, s := t.begin(ctx, name, kindInternal, slices.Clone(attrs))
	return ctx, func(err error) { t.finish(s, err) }
}

func nothing(error) {}

func (t *Tracer) begin(ctx context.Context, name string, kind uint64, attrs []Attr) (context.Context, *span) {
	s := &span{name: name, kind: kind, attrs: attrs, start: time.Now()}
	parent, below := placeOf(ctx)
	s.place, s.parent = parent, parent.span
	if !below {
		_, _ = rand.Read(s.trace[:]) // crypto/rand ends the program rather than be weak
	}
	_, _ = rand.Read(s.span[:])
	s.sampled = t.sample(parent, below, s.trace)
	return context.WithValue(ctx, placeKey{}, s.place), s
}

func (t *Tracer) finish(s *span, err error) {
	if s.ended.Swap(true) || !s.sampled {
		return
	}
	if err != nil {
		s.failed, s.message = true, err.Error()
	}
	// A clock that was set back must not make a span end before its beginning.
	s.end = s.start.Add(time.Since(s.start))
	t.queue.add(s)
}

// traceparent is the header by which a server continues the trace.
func (p place) traceparent() string {
	flags := 0
	if p.sampled {
		flags = 1
	}
	return fmt.Sprintf("00-%x-%x-%02x", p.trace, p.span, flags)
}

// Continue returns a context whose spans continue the trace of a traceparent
// header, as W3C describes it. A header that cannot be read begins a new trace.
func (t *Tracer) Continue(ctx context.Context, traceparent string) context.Context {
	if t == nil {
		return ctx
	}
	if p, ok := parsePlace(traceparent); ok {
		return context.WithValue(ctx, placeKey{}, p)
	}
	return ctx
}

// parsePlace reads "VERSION-TRACE-SPAN-FLAGS" in hexadecimal digits of lower
// case. Later versions may add parts at the end; version ff is none.
func parsePlace(header string) (place, bool) {
	var p place
	const length = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(header) < length || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return p, false
	}
	version, rest := header[:2], header[length:]
	if version == "ff" || (version == "00" && rest != "") || (rest != "" && rest[0] != '-') {
		return p, false
	}
	var flags, number [1]byte
	ok := digits(number[:], version) && digits(p.trace[:], header[3:35]) && digits(p.span[:], header[36:52]) && digits(flags[:], header[53:55])
	p.sampled = flags[0]&1 == 1
	return p, ok && p.trace != [16]byte{} && p.span != [8]byte{}
}

func digits(to []byte, text string) bool {
	for _, c := range text {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(to, []byte(text))
	return err == nil
}
