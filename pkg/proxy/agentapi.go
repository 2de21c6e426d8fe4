package proxy

import (
	"net/http"
)

// The agent's own endpoints.
const (
	pathMetrics    = "/agent/v1/metrics"
	pathQuit       = "/agent/v1/quit"
	pathCacheClear = "/agent/v1/cache-clear"
)

// Endpoints is what the agent's own endpoints do.
type Endpoints struct {
	Metrics     http.Handler // /agent/v1/metrics?format=prometheus; nil: not served
	MetricsJSON http.Handler // without format=prometheus; nil: Metrics
	Quit        func()       // ends the agent; it is called after the answer is written
}

func (p *Proxy) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, http.MethodGet) {
		return
	}
	handler := p.o.Agent.MetricsJSON
	if handler == nil || r.FormValue("format") == "prometheus" {
		handler = p.o.Agent.Metrics
	}
	if handler == nil {
		refuse(w, http.StatusNotFound, "metrics are not served")
		return
	}
	handler.ServeHTTP(w, r)
}

func (p *Proxy) serveQuit(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, http.MethodPost) {
		return
	}
	w.WriteHeader(http.StatusOK)
	// The server drains before it ends, so that the answer still gets through.
	count(p.o.Agent.Quit)
}

// allowed refuses other methods.
func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, method := range methods {
		if r.Method == method {
			return true
		}
	}
	for _, method := range methods {
		w.Header().Add("Allow", method)
	}
	refuse(w, http.StatusMethodNotAllowed, "the method "+r.Method+" is not served here")
	return false
}
