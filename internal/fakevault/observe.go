package fakevault

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is one request that the server got.
type Request struct {
	Time          time.Time
	Method        string // LIST also for GET with list=true
	Path          string // below /v1/
	Status        int    // 0: a fault dropped it, or the client gave up
	TokenAccessor string // of the caller's token; empty without a valid one
}

// LeaseInfo is one living lease of a secret. Tokens are not among them.
type LeaseInfo struct {
	ID, Path            string
	IssuedAt, ExpiresAt time.Time
	TokenAccessor       string // of the token that the lease ends with
}

// Requests returns what the server got since the start or ResetRequests, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ResetRequests forgets the requests.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// Count counts the requests with the method ("" for any) whose path below /v1/
// matches pathGlob, in which "*" stands for any text.
func (s *Server) Count(method, pathGlob string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if (method == "" || r.Method == method) && glob(pathGlob, r.Path) {
			n++
		}
	}
	return n
}

// Logins counts the logins that succeeded.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Leases returns the leases that are alive now, oldest first.
func (s *Server) Leases() []LeaseInfo {
	var out []LeaseInfo
	s.locked(func(now time.Time) {
		for _, l := range s.leases.byID {
			if l.alive(now) {
				out = append(out, LeaseInfo{
					ID: l.id, Path: l.path, IssuedAt: l.issued, ExpiresAt: l.expires, TokenAccessor: l.token.accessor,
				})
			}
		}
	})
	slices.SortFunc(out, func(a, b LeaseInfo) int {
		if c := a.IssuedAt.Compare(b.IssuedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// record notes a request that was not carried out.
func (s *Server) record(r *http.Request, status int) {
	s.locked(func(now time.Time) { s.note(r, status, "", now) })
}

func (s *Server) note(r *http.Request, status int, accessor string, now time.Time) {
	if s.withoutLog {
		return
	}
	s.requests = append(s.requests, Request{
		Time: now, Method: methodOf(r), Path: apiPath(r), Status: status, TokenAccessor: accessor,
	})
}

// methodOf is the method, with the GET form of LIST resolved.
func methodOf(r *http.Request) string {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.RawQuery, "list=") {
		return r.Method
	}
	if list, err := strconv.ParseBool(r.URL.Query().Get("list")); err == nil && list {
		return "LIST"
	}
	return r.Method
}
