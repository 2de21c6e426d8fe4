package secret

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Held is a secret as it passes from one process to the next. It holds plain
// values: what is made of it is encrypted before it is written anywhere.
type Held struct {
	Query    Query
	Response *Response
	Received time.Time     // when it was read last, if only to find it unchanged
	Terms    lease.Terms   // as renewed last
	Initial  time.Duration // TTL of the lease when it was new
	Orphaned bool          // its token is not the one that is handed over
}

// Held returns everything that an identity holds at this moment.
func (s *Store) Held(id Identity) []Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[id]
	if g == nil {
		return nil
	}
	all := make([]Held, 0, len(g.entries))
	for q, e := range g.entries {
		if e.state.Response == nil || e.lost {
			continue
		}
		orphaned := leased(e.state.Response) && e.state.Response.Epoch != g.token.Epoch
		all = append(all, Held{Query: q, Response: e.state.Response, Received: e.state.Read, Terms: e.terms, Initial: e.initial, Orphaned: orphaned})
	}
	return all
}

// Resume takes over what another process held, except what has ended meanwhile
// and what this store holds itself. What nobody watches within the linger time
// is forgotten.
func (s *Store) Resume(id Identity, all []Held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, h := range all {
		if end := h.Terms.Expires(); (!end.IsZero() && !end.After(now)) || s.find(id, h.Query) != nil {
			continue
		}
		e := s.findOrAdd(id, h.Query, now)
		e.idle = now
		e.resume(h, now)
	}
}

func (e *entry) resume(h Held, now time.Time) {
	e.hold(h.Response)
	e.state.Read, e.terms, e.initial = h.Received, h.Terms, h.Initial
	e.grace = lease.Grace(h.Initial, e.store.options.Rand)
	e.renewAt = e.terms.RenewAt(now, e.grace)
	if h.Orphaned {
		e.orphaned = now
	}
	e.setExpires()
}

// heldJSON is the form of Held in a file.
type heldJSON struct {
	Op       Op             `json:"op"`
	Path     string         `json:"path"`
	Params   string         `json:"params,omitempty"`
	Wrap     time.Duration  `json:"wrap,omitempty"`
	Received time.Time      `json:"received"`
	Terms    lease.Terms    `json:"terms"`
	Initial  time.Duration  `json:"initial"`
	Orphaned bool           `json:"orphaned,omitempty"`
	Data     map[string]any `json:"data"`
	Response responseJSON   `json:"response"`
}

type responseJSON struct {
	RequestID     string        `json:"request_id"`
	LeaseID       string        `json:"lease_id"`
	LeaseDuration time.Duration `json:"lease_duration"`
	Renewable     bool          `json:"renewable"`
	Warnings      []string      `json:"warnings,omitempty"`
	Received      time.Time     `json:"received"`
	Auth          *auth.Token   `json:"auth,omitempty"`
	AuthToken     string        `json:"auth_token,omitempty"`
}

// EncodeHeld writes secrets, with their plain values, as JSON. A wrapped answer
// is left out: its one use belongs to who asked for it.
func EncodeHeld(all []Held) ([]byte, error) {
	list := make([]heldJSON, 0, len(all))
	for _, h := range all {
		if h.Response.WrapInfo != nil {
			continue
		}
		r := h.Response
		item := heldJSON{
			Op: h.Query.Op, Path: h.Query.Path, Params: h.Query.params, Wrap: h.Query.wrap,
			Received: h.Received, Terms: h.Terms, Initial: h.Initial, Orphaned: h.Orphaned, Data: r.Data.Reveal(),
			Response: responseJSON{r.RequestID, r.LeaseID, r.LeaseDuration, r.Renewable, r.Warnings, r.Received, r.Auth, ""},
		}
		if r.Auth != nil {
			item.Response.AuthToken = r.Auth.Value.Reveal()
		}
		list = append(list, item)
	}
	return json.Marshal(list)
}

// DecodeHeld reads what EncodeHeld wrote. The leases belong to the epoch of the
// token that was handed over, which is the session's first.
func DecodeHeld(text []byte) ([]Held, error) {
	var list []heldJSON
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	all := make([]Held, 0, len(list))
	for _, item := range list {
		all = append(all, item.held())
	}
	return all, nil
}

func (item heldJSON) held() Held {
	r := item.Response
	response := &Response{
		RequestID: r.RequestID, LeaseID: r.LeaseID, LeaseDuration: r.LeaseDuration, Renewable: r.Renewable,
		Warnings: r.Warnings, Received: r.Received, Data: sensitive.NewData(item.Data), Auth: r.Auth,
	}
	if !item.Orphaned {
		response.Epoch = 1
	}
	if response.Auth != nil {
		response.Auth.Value = sensitive.New(r.AuthToken)
	}
	return Held{
		Query:    Query{Op: item.Op, Path: item.Path, params: item.Params, wrap: item.Wrap},
		Response: response, Received: item.Received, Terms: item.Terms, Initial: item.Initial, Orphaned: item.Orphaned,
	}
}
