package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// Options say how requests are answered.
type Options struct {
	Injector  injector.Options // its Namespace is that of each request
	Addresses Addresses
	Metrics   *Metrics
	// Certificate tells whether the certificate can be shown: nil, or why not.
	Certificate func() error
	// Trusted tells whether the API server trusts the certificate; nil, or why not.
	Trusted func() error
	// MetricsPath is where the metrics are; "" for nowhere.
	MetricsPath string
	// Heard hears of each request after it was answered. nil: nobody does.
	Heard func(Admission)
}

// Admission is what was done with a request.
type Admission struct {
	UID       string
	Namespace string
	Operation string
	DryRun    bool
	Reason    injector.Reason
	Injection injector.Injection
	Message   string // of a refusal; "" for none
	Warnings  []string
	Duration  time.Duration
}

// Handler answers the API server.
type Handler struct {
	options   Options
	scratches scratches
	draining  atomic.Bool
	mux       *http.ServeMux
}

// New makes a handler.
func New(o Options) *Handler {
	h := &Handler{options: o, mux: http.NewServeMux()}
	h.mux.HandleFunc("/mutate", h.mutate)
	h.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	h.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { h.ready(w, h.Ready()) })
	// The old injector's probes ask here, the liveness probe of its chart, too: a
	// bundle that is not right yet must not have the container killed.
	h.mux.HandleFunc("GET /health/ready", func(w http.ResponseWriter, _ *http.Request) {
		if err := h.serving(); err != nil {
			h.ready(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	if o.MetricsPath != "" {
		h.mux.Handle("GET "+o.MetricsPath, o.Metrics.Handler())
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Drain turns readiness off; requests are answered as before.
func (h *Handler) Drain() { h.draining.Store(true) }

// Ready returns nil, or why the API server should not be led here.
func (h *Handler) Ready() error {
	return errors.Join(h.serving(), h.options.Trusted())
}

func (h *Handler) serving() error {
	if h.draining.Load() {
		return errors.New("the injector is about to end")
	}
	return h.options.Certificate()
}

func (h *Handler) ready(w http.ResponseWriter, err error) {
	if err != nil {
		say(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	say(w, http.StatusOK, "ok")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the caller has gone if this fails
}

// mutate answers one review.
func (h *Handler) mutate(w http.ResponseWriter, r *http.Request) {
	m := h.options.Metrics
	begun := time.Now()
	m.queue.Inc()
	defer func() {
		m.queue.Dec()
		m.duration.Observe(float64(time.Since(begun).Microseconds()) / 1000)
	}()
	err := checkHead(r)
	if err == nil {
		err = h.review(w, r, begun)
	}
	if err == nil {
		return
	}
	m.malformed.Inc()
	var bad *badRequest
	if !errors.As(err, &bad) {
		bad = &badRequest{http.StatusInternalServerError, err.Error()}
	}
	say(w, bad.status, bad.text)
}

func checkHead(r *http.Request) error {
	if r.Method != http.MethodPost {
		return &badRequest{http.StatusMethodNotAllowed, fmt.Sprintf("method %q is not POST", r.Method)}
	}
	if t := r.Header.Get("Content-Type"); !isJSON(t) {
		return &badRequest{http.StatusUnsupportedMediaType, fmt.Sprintf("content type %q is not \"application/json\"", t)}
	}
	return nil
}

// review answers a review, or returns why it cannot.
func (h *Handler) review(w http.ResponseWriter, r *http.Request, begun time.Time) error {
	s := h.scratches.get()
	defer h.scratches.put(s)
	if err := s.read(w, r); err != nil {
		return err
	}
	q, version, err := parseReview(s.body)
	if err != nil {
		return err
	}
	v := h.judge(q, s)
	if err := json.NewEncoder(&s.text).Encode(answer{APIVersion: version, Kind: kindReview, Response: v.response}); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(bytes.TrimSpace(s.text.Bytes())) // the API server has gone if this fails
	h.note(q, v, begun)
	return nil
}

func (h *Handler) note(q *question, v verdict, begun time.Time) {
	h.options.Metrics.count(v)
	if h.options.Heard == nil {
		return
	}
	a := Admission{
		UID: string(q.UID), Namespace: q.Namespace, Operation: q.Operation, DryRun: q.DryRun != nil && *q.DryRun,
		Reason: v.reason, Injection: v.injection, Warnings: v.response.Warnings, Duration: time.Since(begun),
	}
	if v.response.Result != nil {
		a.Message = v.response.Result.Message
	}
	h.options.Heard(a)
}
