package fakevault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is a misbehavior of the server. The first Fault that matches a request
// and was added before the others is played; with neither Status nor Drop the
// request is then carried out as usual.
type Fault struct {
	Match      func(*http.Request) bool // nil: every request that Path matches
	Path       string                   // below /v1/, "*" for any text; empty: every path
	Delay      time.Duration            // waited first, or until the request's context ends
	Drop       bool                     // no answer: the transport fails, nothing is done
	Lose       bool                     // the request is carried out, but the answer is lost
	Status     int                      // answered instead of carrying the request out
	RetryAfter time.Duration            // header Retry-After of that answer, in whole seconds
	Body       string                   // of that answer; empty: Vault's errors document
	Times      int                      // how many requests it is played for; 0: until removed
}

// faultList has a lock of its own: it is asked before the server's state is.
type faultList struct {
	mu   sync.Mutex
	list []*Fault
}

// Fault adds a misbehavior and returns what removes it.
func (s *Server) Fault(f Fault) (remove func()) {
	l := &s.faults
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, &f)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.remove(&f)
	}
}

func (l *faultList) remove(f *Fault) {
	l.list = slices.DeleteFunc(slices.Clone(l.list), func(other *Fault) bool { return other == f })
}

// take finds the fault for a request and counts it.
func (l *faultList) take(r *http.Request) *Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		if !f.matches(r) {
			continue
		}
		played := *f
		if f.Times == 1 {
			l.remove(f)
		} else if f.Times > 1 {
			f.Times--
		}
		return &played
	}
	return nil
}

func (f *Fault) matches(r *http.Request) bool {
	if f.Path != "" && !glob(f.Path, apiPath(r)) {
		return false
	}
	return f.Match == nil || f.Match(r)
}

func (f *Fault) answer(path string) answer {
	body := []byte(f.Body)
	if f.Body == "" {
		body = errorsDocument(faultText(f.Status, path))
	}
	a := jsonAnswer(f.Status, body)
	if f.RetryAfter > 0 {
		a.header.Set("Retry-After", strconv.FormatInt(seconds(f.RetryAfter), 10))
	}
	return a
}

// faultText is what Vault says with a status that has one usual cause.
func faultText(status int, path string) string {
	switch status {
	case http.StatusForbidden:
		return "permission denied"
	case http.StatusTooManyRequests:
		return fmt.Sprintf("request path %q: rate limit quota exceeded", path)
	case http.StatusServiceUnavailable:
		return "Vault is sealed"
	case http.StatusInternalServerError:
		return "internal error"
	}
	return strings.ToLower(http.StatusText(status))
}

func errorsDocument(texts ...string) []byte {
	if texts == nil {
		texts = []string{}
	}
	b, _ := json.Marshal(map[string][]string{"errors": texts}) // strings always encode
	return append(b, '\n')
}

// apiPath is the path below /v1/.
func apiPath(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/v1/") }
