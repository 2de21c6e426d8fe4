package session

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Operations on kept tokens, as the metrics name them.
const (
	opStore   = "store"
	opRestore = "restore"
	opDelete  = "delete"
	opPrune   = "prune"
	opPurge   = "purge"
)

// State is what there is at a moment, for metrics.
type State struct {
	Sessions  int
	Limit     int
	Kept      int  // tokens in Secrets
	Encrypted bool // kept tokens are
}

// State tells what there is now.
func (s *Sessions) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{Sessions: len(s.logins), Limit: s.o.CacheSize, Kept: len(s.kept), Encrypted: s.o.Persistence == PersistEncrypted}
}

// event is one that the cache of sessions counts.
type event int

const (
	hits event = iota
	misses
	evictions
	cloneHits
	cloneMisses
	cloneEvictions
)

func (s *Sessions) counted(e event) {
	if m := s.o.Metrics; m != nil {
		switch e {
		case hits:
			m.CacheHits.Inc()
		case misses:
			m.CacheMisses.Inc()
		case evictions:
			m.CacheEvictions.Inc()
		case cloneHits:
			m.CloneHits.Inc()
		case cloneMisses:
			m.CloneMisses.Inc()
		case cloneEvictions:
			m.CloneEvictions.Inc()
		}
	}
}

// clone counts a session in a Vault namespace which is not that of its login.
func (s *Sessions) clone(namespace string, found bool) {
	switch {
	case namespace == "":
	case found:
		s.counted(cloneHits)
	default:
		s.counted(cloneMisses)
	}
}

// asked counts a search for a session, and returns its error.
func (s *Sessions) asked(began time.Time, err error) error {
	if m := s.o.Metrics; m != nil {
		m.Asked.Inc()
		if err != nil {
			m.AskedErrors.Inc()
		}
		m.AskedDuration.WithLabelValues("session", "get").Observe(time.Since(began).Seconds())
	}
	return err
}

// stored counts an operation on a kept token, and returns its error.
func (s *Sessions) stored(operation string, err error) error {
	if m := s.o.Metrics; m != nil {
		m.StorageOperations.WithLabelValues(operation).Inc()
		m.StorageRequests.WithLabelValues(operation).Inc()
		if err != nil {
			m.StorageErrors.WithLabelValues(operation).Inc()
			m.StorageRequestErrors.WithLabelValues(operation).Inc()
		}
	}
	return err
}

// operationOf is the name of a request in the metrics.
func operationOf(method string) string {
	if method == http.MethodGet || method == "LIST" {
		return "read"
	}
	return "write"
}

// requested counts a request to Vault.
func (s *Sessions) requested(operation string, made *spec, began time.Time, err error) {
	m := s.o.Metrics
	if m == nil {
		return
	}
	connection := made.references[1].name.String()
	m.Requests.WithLabelValues(operation, connection).Inc()
	if !began.IsZero() {
		m.RequestDuration.WithLabelValues(operation, connection).Observe(time.Since(began).Seconds())
	}
	if err != nil {
		m.RequestErrors.WithLabelValues(operation, connection).Inc()
	}
}

// countRenewal counts what a session did by itself, other than to log in.
func (l *login) countRenewal(state vault.TokenState) {
	l.mu.Lock()
	renewed := l.verified && state.Epoch == l.epoch && state.Failures == 0
	l.mu.Unlock()
	if renewed {
		l.sessions.requested("renew", l.made, time.Time{}, state.Err)
	}
}

func (s *Sessions) random() lease.Rand {
	if s.o.Rand != nil {
		return s.o.Rand
	}
	return rand.Float64
}

// asError is errors.As.
func asError[T error](err error, into *T) bool { return errors.As(err, into) }
