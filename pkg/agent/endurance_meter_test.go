package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// application asks the agent's proxy for a database login each second.
type application struct {
	proxy http.Handler

	mu      sync.Mutex
	lease   string // of the login that it was given last
	refused int
}

func (a *application) run(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			a.ask(ctx)
		}
	}
}

func (a *application) ask(ctx context.Context) {
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://agent/v1/database/creds/"+roleName(hourLogins), http.NoBody)
	answer := httptest.NewRecorder()
	a.proxy.ServeHTTP(answer, request)
	var body struct {
		LeaseID string `json:"lease_id"`
	}
	err := json.Unmarshal(answer.Body.Bytes(), &body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if answer.Code != http.StatusOK || err != nil {
		a.refused++
		return
	}
	a.lease = body.LeaseID
}

// newest returns the lease that the application uses, and how often it was refused
// one since the last call.
func (a *application) newest() (lease string, refused int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	refused, a.refused = a.refused, 0
	return a.lease, refused
}

// meter stands between agent and Vault. It counts, and sees when a login is
// replaced whether the one before is still alive.
type meter struct {
	vault   *fakevault.Server
	excused func() bool

	mu       sync.Mutex
	leases   map[string]string // by the path of a login, the newest
	issued   int               // logins
	renewed  int               // leases
	reads    int               // of values
	signed   int               // certificates
	loggedIn int
	other    int // the agent's token, and types of mounts
	failed   int
	bad      []string // what came too late, and no fault is to blame
}

// RoundTrip implements http.RoundTripper.
func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	lost := strings.HasPrefix(path, "database/creds/") && !m.alive(path)
	response, err := m.vault.RoundTrip(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	ok := err == nil && response.StatusCode < http.StatusBadRequest
	excused := m.excused()
	if !ok {
		m.failed++
		if !excused && err == nil && response.StatusCode == http.StatusBadRequest {
			m.bad = append(m.bad, path+": refused, because it came too late")
		}
		return response, err
	}
	if lost && !excused {
		m.bad = append(m.bad, path+": the login before ended before it was replaced")
	}
	return response, m.count(path, response)
}

// takeBad returns what came too late since the last call.
func (m *meter) takeBad() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	bad := m.bad
	m.bad = nil
	return bad
}

func (m *meter) count(path string, response *http.Response) error {
	switch {
	case strings.HasPrefix(path, "database/creds/"):
		m.issued++
		return m.remember(path, response)
	case path == "sys/leases/renew":
		m.renewed++
	case strings.HasPrefix(path, "config/"):
		m.reads++
	case strings.HasPrefix(path, "pki/"):
		m.signed++
	case strings.HasSuffix(path, "/login"):
		m.loggedIn++
	default:
		m.other++
	}
	return nil
}

// alive tells whether the newest login of a path lives; the first has none before.
func (m *meter) alive(path string) bool {
	m.mu.Lock()
	id := m.leases[path]
	m.mu.Unlock()
	if id == "" {
		return true
	}
	for _, l := range m.vault.Leases() {
		if l.ID == id {
			return true
		}
	}
	return false
}

// remember notes the lease of an answer.
func (m *meter) remember(path string, response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var answer struct {
		LeaseID string `json:"lease_id"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	m.leases[path] = answer.LeaseID
	return nil
}
