// Package fakecloud plays the parts of AWS, Google Cloud and Azure that a login
// to Vault needs: the metadata services of a machine, the services that exchange
// one proof of identity for another, and those that Vault itself asks.
//
// Start with [NewAWS], [NewGoogle] or [NewAzure]: each returns an http.Handler
// for all services of its cloud, to be served by net/http/httptest and named by
// the variables that the clouds document (AWS_EC2_METADATA_SERVICE_ENDPOINT,
// GCE_METADATA_HOST, AZURE_AUTHORITY_HOST and so on). Every request is checked as
// the provider documents it, above all the signature of AWS, and refused with the
// provider's own form of an error. Calls tells what was asked, and Fail makes a
// path answer with an error.
//
// It is for tests: keys and accounts are made up, and nothing is kept.
package fakecloud

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// journal records requests and plays faults; every cloud embeds one.
type journal struct {
	mu     sync.Mutex
	calls  []string
	faults []fault
}

type fault struct {
	path   string
	status int
	body   string
}

// Calls lists the requests so far as "METHOD /path".
func (j *journal) Calls() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.calls...)
}

// Fail answers every further request to paths that begin with path with a status
// and a body.
func (j *journal) Fail(path string, status int, body string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults = append(j.faults, fault{path: path, status: status, body: body})
}

// Heal ends all faults.
func (j *journal) Heal() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults = nil
}

// Reset forgets all calls and ends all faults.
func (j *journal) Reset() {
	j.Heal()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = nil
}

// enter records a request and reports whether a fault has answered it.
func (j *journal) enter(w http.ResponseWriter, r *http.Request) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, r.Method+" "+r.URL.Path)
	for _, f := range j.faults {
		if strings.HasPrefix(r.URL.Path, f.path) {
			w.WriteHeader(f.status)
			_, _ = w.Write([]byte(f.body))
			return true
		}
	}
	return false
}

// writeJSON answers with a document.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// relayed tells that a request came through a proxy, which metadata services
// refuse: it may be somebody else's.
func relayed(r *http.Request) bool { return r.Header.Get("X-Forwarded-For") != "" }
