package secret

import (
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// special is what sets a query apart from the usual one of its path. It is never
// written to a file: a secret that is handed over is of the usual kind.
type special struct {
	method string        // HTTP method of a literal path; "": the operation's own
	poll   time.Duration // in place of the policy's, for one watch; 0: the policy's
	owner  string        // who keeps the answer for itself; "": everybody of the identity shares it
}

// Literally returns the query with its path taken as it is, which spares the
// question whether it lies in a KV mount, and sent with an HTTP method.
func (q Query) Literally(method string) Query {
	q.method = method
	return q
}

// Never is a poll interval that does not come to an end: such a watch asks for
// nothing but the first read.
const Never time.Duration = math.MaxInt64

// Every returns the query with a poll interval of its own, which counts where
// the answer has no lease. It belongs to the watch that is opened with it, not to
// what is fetched: a secret that several watch is polled as often as the most
// demanding of them wants.
func (q Query) Every(poll time.Duration) Query {
	q.poll = poll
	return q
}

// Apart returns the query with an answer that only one owner gets: others of the
// same identity who ask for the same have theirs.
func (q Query) Apart(owner string) Query {
	q.owner = owner
	return q
}

// request returns what to send for a query.
func request(q Query) vault.Request {
	path, rawQuery, _ := strings.Cut(q.Path, "?")
	values, _ := url.ParseQuery(rawQuery)
	r := vault.Request{Method: http.MethodGet, Path: path, Query: values, Body: q.Params(), WrapTTL: q.wrap, KV: q.Op != PKI}
	switch q.Op {
	case Write, PKI:
		r.Method = http.MethodPut
	case List:
		r.Method = "LIST"
	}
	if q.method != "" {
		r.Method, r.KV = q.method, false
	}
	return r
}
