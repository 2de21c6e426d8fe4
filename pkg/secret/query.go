package secret

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Identity says whose eyes a secret is seen with. Two identities never share a
// value; everything of one identity may be shared. It is comparable.
type Identity struct {
	Connection string // address of Vault and how it is reached
	Namespace  string // Vault namespace
	Method     string // auth method
	Mount      string // path of the auth mount
	Role       string
	Subject    string // who logs in: "system:serviceaccount:NS:NAME", a role id, a file
	Audience   string
}

// Op is what a query does.
type Op string

const (
	// Read reads a path; KV version 2 paths are completed with data/.
	Read Op = "read"
	// Write writes parameters to a path and keeps the answer.
	Write Op = "write"
	// List lists the keys below a path.
	List Op = "list"
	// PKI issues a certificate by a write, and keeps it until its rotation point.
	PKI Op = "pki"
)

// Query names one secret: what to ask Vault for. It is comparable, and two
// equal queries of one identity are one fetch. Make it with [NewQuery].
type Query struct {
	Op     Op
	Path   string // trimmed of blanks and slashes; it may carry a query string: "secret/app?version=3"
	params string // canonical JSON of the parameters; "" for none
	wrap   time.Duration
	special
}

// Wrapped returns the query with its answer wrapped: what is held is a token,
// valid for ttl, that unwraps the answer once.
func (q Query) Wrapped(ttl time.Duration) Query {
	q.wrap = ttl
	return q
}

// NewQuery makes a query. Params are the body of a write; nil for none.
func NewQuery(op Op, path string, params map[string]any) Query {
	q := Query{Op: op, Path: strings.Trim(strings.TrimSpace(path), "/")}
	if len(params) > 0 {
		// encoding/json sorts map keys, which makes the text canonical. The
		// parameters come from a template's strings and always encode.
		encoded, _ := json.Marshal(params)
		q.params = string(encoded)
	}
	return q
}

// Params returns the body of a write, nil for none.
func (q Query) Params() map[string]any {
	if q.params == "" {
		return nil
	}
	var params map[string]any
	_ = json.Unmarshal([]byte(q.params), &params)
	return params
}

// String names the query as logs show it: operation and path, and of the
// parameters only the names, because their values may be secret.
func (q Query) String() string {
	name := string(q.Op) + " " + q.Path
	if q.params == "" {
		return name
	}
	return name + " (" + strings.Join(slices.Sorted(maps.Keys(q.Params())), ", ") + ")"
}
