package fakevault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// reply is what a handler says, before it becomes an HTTP answer.
type reply struct {
	status    int      // 0: 200, or 204 when there is nothing to say
	errors    []string // not nil: Vault's errors document
	data      map[string]any
	hoist     bool // sys/ endpoints repeat their data at the top level
	lease     *lease
	duration  time.Duration // lease_duration without a lease
	warnings  []string
	auth      *token
	withoutID bool // the token of auth is not shown
	mountType string
	accessor  string // what a wrapped answer names as wrapped_accessor
	wrap      *token // the token that wraps this answer
	raw       []byte // the whole body
	rawType   string // its content type; JSON when empty
}

func failure(status int, texts ...string) *reply {
	if texts == nil {
		texts = []string{}
	}
	return &reply{status: status, errors: texts}
}

func badRequest(format string, args ...any) *reply {
	return failure(http.StatusBadRequest, fmt.Sprintf(format, args...))
}

// listed is how Vault prints an error that passed its list of errors.
func listed(status int, texts ...string) *reply {
	word := "error"
	if len(texts) != 1 {
		word = "errors"
	}
	out := fmt.Sprintf("%d %s occurred:\n", len(texts), word)
	for _, t := range texts {
		out += "\t* " + t + "\n"
	}
	return failure(status, out+"\n")
}

func invalidToken() *reply {
	return listed(http.StatusForbidden, "permission denied", "invalid token")
}
func denied() *reply          { return listed(http.StatusForbidden, "permission denied") }
func noToken() *reply         { return failure(http.StatusForbidden, "permission denied") }
func notFound() *reply        { return failure(http.StatusNotFound) }
func unsupported() *reply     { return listed(http.StatusMethodNotAllowed, "unsupported operation") }
func unknownPath() *reply     { return listed(http.StatusNotFound, "unsupported path") }
func empty() *reply           { return &reply{status: http.StatusNoContent} }
func sealedReply() *reply     { return failure(http.StatusServiceUnavailable, "Vault is sealed") }
func noRoute(p string) *reply { return failure(http.StatusNotFound, noRouteText(p)) }
func noRouteText(p string) string {
	return fmt.Sprintf("no handler for route %q. route entry not found.", p)
}

func dataReply(data map[string]any) *reply { return &reply{data: data} }

// keysReply answers a LIST; nothing to list is a 404.
func keysReply(keys []string) *reply {
	if len(keys) == 0 {
		return notFound()
	}
	return dataReply(map[string]any{"keys": keys})
}

// ok tells whether the request did what it should.
func (r *reply) ok() bool { return r.errors == nil && (r.status == 0 || r.status < 300) }

// envelope is the body of most answers, with Vault's order of keys.
type envelope struct {
	RequestID     string         `json:"request_id"`
	LeaseID       string         `json:"lease_id"`
	Renewable     bool           `json:"renewable"`
	LeaseDuration int64          `json:"lease_duration"`
	Data          map[string]any `json:"data"`
	WrapInfo      *wrapInfo      `json:"wrap_info"`
	Warnings      []string       `json:"warnings"`
	Auth          *authInfo      `json:"auth"`
	MountType     string         `json:"mount_type"`
}

type wrapInfo struct {
	Token           string `json:"token"`
	Accessor        string `json:"accessor"`
	TTL             int64  `json:"ttl"`
	CreationTime    string `json:"creation_time"`
	CreationPath    string `json:"creation_path"`
	WrappedAccessor string `json:"wrapped_accessor,omitempty"`
}

type authInfo struct {
	ClientToken   string            `json:"client_token"`
	Accessor      string            `json:"accessor"`
	Policies      []string          `json:"policies"`
	TokenPolicies []string          `json:"token_policies,omitempty"`
	Metadata      map[string]string `json:"metadata"`
	LeaseDuration int64             `json:"lease_duration"`
	Renewable     bool              `json:"renewable"`
	EntityID      string            `json:"entity_id"`
	TokenType     string            `json:"token_type"`
	Orphan        bool              `json:"orphan"`
	MFA           any               `json:"mfa_requirement"`
	NumUses       int               `json:"num_uses"`
}

// answer turns the reply into bytes.
func (r *reply) answer() answer {
	switch {
	case r.errors != nil:
		return jsonAnswer(r.status, errorsDocument(r.errors...))
	case r.status == http.StatusNoContent:
		return jsonAnswer(r.status, nil)
	case r.raw != nil:
		a := jsonAnswer(firstStatus(r.status), r.raw)
		if r.rawType != "" {
			a.header.Set("Content-Type", r.rawType)
		}
		return a
	}
	return jsonAnswer(firstStatus(r.status), r.document())
}

func firstStatus(status int) int {
	if status == 0 {
		return http.StatusOK
	}
	return status
}

// document is the JSON of the envelope.
func (r *reply) document() []byte {
	e := r.envelope()
	b, err := json.Marshal(e)
	if err == nil && r.hoist {
		b, err = hoisted(b, r.data)
	}
	if err != nil {
		return errorsDocument("encode the answer: " + err.Error())
	}
	return append(b, '\n')
}

func (r *reply) envelope() envelope {
	if r.wrap != nil {
		return envelope{WrapInfo: r.wrapInfo()}
	}
	e := envelope{
		RequestID: newUUID(), Data: r.data, Warnings: r.warnings, MountType: r.mountType,
		LeaseDuration: seconds(r.duration), Auth: r.authInfo(),
	}
	if r.lease != nil {
		e.LeaseID, e.Renewable, e.LeaseDuration = r.lease.id, r.lease.renewable, seconds(r.lease.ttl)
	}
	return e
}

// hoisted repeats the data's keys beside the envelope's.
func hoisted(document []byte, data map[string]any) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(document, &all); err != nil {
		return nil, err
	}
	for k, v := range data {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		all[k] = b
	}
	return json.Marshal(all)
}

func (r *reply) wrapInfo() *wrapInfo {
	w := r.wrap
	return &wrapInfo{
		Token: w.id, Accessor: w.accessor, TTL: seconds(w.terms.ttl), CreationPath: w.path,
		CreationTime: stamp(w.issued), WrappedAccessor: r.accessor,
	}
}

func (r *reply) authInfo() *authInfo {
	t := r.auth
	if t == nil {
		return nil
	}
	id := t.id
	if r.withoutID {
		id = ""
	}
	return &authInfo{
		ClientToken: id, Accessor: t.accessor, Policies: t.policies, TokenPolicies: t.policies,
		Metadata: t.meta, LeaseDuration: seconds(t.granted), Renewable: t.renewable, EntityID: t.entity,
		TokenType: string(t.kind), Orphan: t.orphan, NumUses: t.numUses,
	}
}

// stamp writes a time as Vault does.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// stampOrNil is stamp, and JSON's null for no time.
func stampOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}
