package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// pipe is a collector without a network, for virtual time. Each request gets the
// next of the answers, the last one for ever.
type pipe struct {
	t       *testing.T
	started time.Time
	answers []func(r *http.Request) (*http.Response, error)
	seen    []string // when, and how many spans
	spans   int      // that were taken
}

// RoundTrip implements http.RoundTripper.
func (p *pipe) RoundTrip(r *http.Request) (*http.Response, error) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	var data otlp.TracesData
	if err := proto.Unmarshal(content, &data); err != nil {
		p.t.Error(err)
	}
	n := len(data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans())
	p.seen = append(p.seen, fmt.Sprintf("%v: %d", time.Since(p.started), n))
	answer := p.answers[0]
	if len(p.answers) > 1 {
		p.answers = p.answers[1:]
	}
	got, err := answer(r)
	if err == nil && got.StatusCode == http.StatusOK {
		p.spans += n
	}
	return got, err
}

func answered(code int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: code, Status: fmt.Sprint(code), Header: h, Body: io.NopCloser(strings.NewReader(""))}, nil
	}
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func unreachable(*http.Request) (*http.Response, error) { return nil, errors.New("unreachable") }

// piped starts a tracer whose collector is a pipe.
func piped(t *testing.T, answers ...func(*http.Request) (*http.Response, error)) (*Tracer, *pipe, *[]string) {
	t.Helper()
	to, err := newTarget(variables())
	if err != nil {
		t.Fatal(err)
	}
	p := &pipe{t: t, started: time.Now(), answers: answers}
	to.client.Transport = p
	var told []string
	tracer := &Tracer{
		sampler: sampler{follow: true, share: 1}, queue: newQueue(), target: to, stop: make(chan struct{}), done: make(chan struct{}),
		options: Options{Failed: func(err error) { told = append(told, err.Error()) }},
	}
	go tracer.run(t.Context())
	return tracer, p, &told
}

func (t *Tracer) spans(n int) {
	for range n {
		_, end := t.Span(context.Background(), "x")
		end(nil)
	}
}

func TestPace(t *testing.T) {
	cases := map[string]struct {
		answers []func(*http.Request) (*http.Response, error)
		play    func(tracer *Tracer)
		want    []string // requests
		told    []string
		missing int
	}{
		"together, after five seconds": {
			answers: []func(*http.Request) (*http.Response, error){answered(200)},
			play: func(tracer *Tracer) {
				tracer.spans(2)
				<-time.After(3 * time.Second)
				tracer.spans(1)
				<-time.After(20 * time.Second)
				tracer.spans(1)
				<-time.After(time.Second)
			},
			want: []string{"5s: 3", "24s: 1"},
		},
		"at once when a batch is there": {
			answers: []func(*http.Request) (*http.Response, error){answered(200)},
			play: func(tracer *Tracer) {
				tracer.spans(512)
				<-time.After(time.Second)
				tracer.spans(1)
				<-time.After(time.Second)
			},
			want: []string{"0s: 512", "2s: 1"},
		},
		"pauses grow, one warning, nothing is lost": {
			answers: []func(*http.Request) (*http.Response, error){unreachable, answered(503), unreachable, unreachable, unreachable, answered(429), answered(200)},
			play: func(tracer *Tracer) {
				tracer.spans(1)
				<-time.After(time.Minute)
				tracer.spans(600)
				<-time.After(4 * time.Minute)
			},
			// Pauses of 5, 10, 20, 40, 60 and 60 s; a batch that is there changes nothing.
			want: []string{"5s: 1", "10s: 1", "20s: 1", "40s: 1", "1m20s: 512", "2m20s: 512", "3m20s: 512", "3m20s: 89"},
			told: []string{"send traces: unreachable"},
		},
		"a new row of failures is a new warning": {
			answers: []func(*http.Request) (*http.Response, error){unreachable, answered(200), answered(502), answered(200)},
			play: func(tracer *Tracer) {
				for range 2 {
					tracer.spans(1)
					<-time.After(62 * time.Second)
				}
			},
			want: []string{"5s: 1", "10s: 1", "1m5s: 1", "1m10s: 1"},
			told: []string{"send traces: unreachable", "send traces: the collector answered 502"},
		},
		"waits as asked": {
			answers: []func(*http.Request) (*http.Response, error){answered(429, "Retry-After", "90"), answered(200)},
			play: func(tracer *Tracer) {
				tracer.spans(1)
				<-time.After(3 * time.Minute)
			},
			want: []string{"5s: 1", "1m35s: 1"},
			told: []string{"send traces: the collector answered 429"},
		},
		"what is refused for good is dropped": {
			answers: []func(*http.Request) (*http.Response, error){answered(400), answered(200)},
			play: func(tracer *Tracer) {
				tracer.spans(2)
				<-time.After(6 * time.Second)
				tracer.spans(1)
				<-time.After(6 * time.Second)
			},
			want:    []string{"5s: 2", "10s: 1"},
			told:    []string{"send traces: the collector answered 400"},
			missing: 2,
		},
		"the queue is bounded": {
			answers: []func(*http.Request) (*http.Response, error){unreachable, answered(200)},
			play: func(tracer *Tracer) {
				tracer.spans(1)
				<-time.After(6 * time.Second)
				tracer.spans(3000)
				<-time.After(time.Minute)
			},
			want:    []string{"5s: 1", "10s: 512", "10s: 512", "10s: 512", "10s: 512"},
			told:    []string{"send traces: unreachable"},
			missing: 3001 - 2048,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, p, told := piped(t, tc.answers...)
				tc.play(tracer)
				err := tracer.shutdown(t.Context(), func() {})
				if diff := cmp.Diff(tc.want, p.seen); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tc.told, *told); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
				if got := tracer.queue.missing(); got != tc.missing || (err == nil) != (tc.missing == 0) {
					t.Errorf("%d spans missing, want %d; end: %v", got, tc.missing, err)
				}
			})
		})
	}
}

// TestEndIsBounded has a collector that takes requests and never answers.
func TestEndIsBounded(t *testing.T) {
	cases := map[string]struct {
		before  time.Duration // from the span to the end
		allowed time.Duration // by the caller
		want    time.Duration // that the end takes
	}{
		"nothing is under way":   {0, time.Hour, 5 * time.Second},
		"a request is under way": {6 * time.Second, time.Hour, 5 * time.Second},
		"the caller has no time": {6 * time.Second, time.Second, time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, _, _ := piped(t, hang)
				ctx, cancel := context.WithCancel(t.Context())
				// The context of requests is the one that shutdown cancels.
				tracer.target.client.Transport = cancelled{ctx, tracer.target.client.Transport}
				tracer.spans(1)
				<-time.After(tc.before)
				began := time.Now()
				end, release := context.WithTimeout(t.Context(), tc.allowed)
				defer release()
				err := tracer.shutdown(end, cancel)
				if took := time.Since(began); took != tc.want || err == nil || !strings.HasPrefix(err.Error(), "1 spans were not sent; the newest error: context ") {
					t.Errorf("end took %v, want %v: %v", took, tc.want, err)
				}
			})
		})
	}
}

// cancelled ends requests with a context beside their own.
type cancelled struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (c cancelled) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)() //nolint:contextcheck // two contexts end the request
	return c.next.RoundTrip(r.WithContext(ctx))
}
