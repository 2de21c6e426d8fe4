package vault

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// This file and hints.go are the only places that look at status codes and at
// what errors say.

// attempt is a request whose failure is classified.
type attempt struct {
	method, path, address string
	login                 bool // sent without a token
}

func (c *Client) failed(r Request, token sensitive.String) attempt {
	return attempt{method: r.Method, path: strings.Trim(r.Path, "/"), address: c.address, login: token.Empty()}
}

func (a attempt) error(kind Kind, status int, messages ...string) *Error {
	return &Error{Kind: kind, Method: a.method, Path: a.path, Address: a.address, Status: status, Messages: messages}
}

// before classifies the failure of a request that was not sent.
func (a attempt) before(err error) *Error {
	held, ok := errors.AsType[heldBack](err)
	if !ok {
		return a.transport(err)
	}
	failed := a.error(RateLimited, 0, held.Error())
	failed.RetryAfter = held.wait
	return failed
}

// judge returns the failure of a request that was sent, nil where there is none.
func (a attempt) judge(answer *http.Response, err error) *Error {
	_, refused := errors.AsType[*api.ResponseError](err)
	switch {
	case answer == nil, err != nil && !refused:
		return a.transport(err)
	case refused, answer.StatusCode/100 == 3:
		return a.refused(answer)
	}
	return nil
}

// transport classifies a failure without an answer.
func (a attempt) transport(err error) *Error {
	// What these add is the URL, which we show ourselves and without its query.
	for wrapped, ok := errors.AsType[*url.Error](err); ok; wrapped, ok = errors.AsType[*url.Error](err) {
		err = wrapped.Err
	}
	kind := Unavailable
	if errors.Is(err, errBody) || errors.Is(err, errTooLarge) {
		kind = Permanent
	}
	failed := a.error(kind, 0)
	failed.Cause = err
	failed.Hint = transportHint(err)
	return failed
}

// unreadable classifies a success that is not what Vault sends.
func (a attempt) unreadable(answer *http.Response) *Error {
	failed := a.error(Unavailable, answer.StatusCode, "the answer is not what Vault sends")
	failed.Hint = hintNotVault
	return failed
}

// notFound says that there is nothing at the path.
func (a attempt) notFound(status int) *Error {
	return a.error(NotFound, status, "no secret exists at "+a.path)
}

// refused classifies an answer that says no.
func (a attempt) refused(answer *http.Response) *Error {
	said := readRefusal(answer)
	text := strings.ToLower(strings.Join(append(said.Errors, said.Warnings...), "\n"))
	failed := a.error(kindOfStatus(answer.StatusCode, text, a.login), answer.StatusCode, said.Errors...)
	if failed.Kind == NotFound && len(said.Errors) == 0 {
		failed = a.notFound(answer.StatusCode)
	}
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable {
		failed.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	failed.Hint = refusalHint(failed, a.login, text)
	if said.foreign && failed.Hint == "" {
		failed.Hint = hintNotVault
	}
	return failed
}

// kindOfStatus says what to do next about a status and a text in lower case.
func kindOfStatus(status int, text string, login bool) Kind {
	switch {
	case status >= 500 && containsAny(text, "vault is sealed", "not initialized", "uninitialized", "standby", "active cluster node not found"):
		return Sealed
	case status == http.StatusForbidden && !login && containsAny(text, "invalid token", "bad token", "token expired", "token is expired"):
		return InvalidToken
	// A renewal that comes too late is no failure of the server.
	case status == http.StatusInternalServerError && strings.Contains(text, "past the max ttl"):
		return Permanent
	// Vault removes the leases of a revoked token in the background, and says
	// "expired" of those it has not come to yet.
	case status == http.StatusBadRequest && containsAny(text, "lease not found", "lease expired"):
		return NotFound
	}
	switch status {
	case http.StatusForbidden:
		return Denied
	case http.StatusNotFound:
		return NotFound
	case http.StatusTooManyRequests:
		return RateLimited
	case http.StatusNotImplemented:
		return Permanent
	case http.StatusRequestTimeout, http.StatusPreconditionFailed:
		return Unavailable
	}
	if status >= 500 || status < 400 {
		return Unavailable
	}
	return Permanent
}

func containsAny(text string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// refusal is what an answer that says no tells.
type refusal struct {
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
	foreign  bool     // it was not Vault that answered
}

// readRefusal reads the body of an answer that says no. A page of a proxy or an
// ingress is not shown, unless it is a short text.
func readRefusal(answer *http.Response) refusal {
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return refusal{Errors: []string{"the answer broke off"}}
	}
	var said refusal
	if err := json.Unmarshal(body, &said); err == nil {
		said.Errors = readable(said.Errors)
		return said
	}
	text := strings.TrimSpace(string(body))
	said = refusal{foreign: true}
	switch {
	case answer.StatusCode/100 == 3:
		said.Errors = []string{"redirected more than once"}
	case plainText(answer.Header.Get("Content-Type"), text):
		said.Errors = readable([]string{text})
	case text != "":
		said.Errors = []string{"the answer is not what Vault sends (content type " + strconv.Quote(answer.Header.Get("Content-Type")) + ")"}
	}
	return said
}

// plainText tells a short text, such as Go's server sends, from a page. The one
// about plain HTTP on a TLS port comes without a content type.
func plainText(contentType, text string) bool {
	return text != "" && len(text) < 200 && text[0] != '<' && (contentType == "" || strings.HasPrefix(contentType, "text/plain"))
}

// maxMessage bounds one message of Vault in an error: enough for the longest
// sentence it is known to say, which has about 300 bytes.
const maxMessage = 600

// readable puts Vault's messages, some of which are lists of several lines, on
// one line each, and drops repetitions.
func readable(messages []string) []string {
	var out []string
	seen := map[string]bool{}
	for line := range strings.Lines(strings.Join(messages, "\n")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "* ")
		if line == "" || strings.HasSuffix(line, "error occurred:") || strings.HasSuffix(line, "errors occurred:") || seen[line] {
			continue
		}
		seen[line] = true
		if len(line) > maxMessage {
			line = strings.ToValidUTF8(line[:maxMessage], "") + "..."
		}
		out = append(out, line)
	}
	return out
}

// maxRetryAfter bounds a pause that a server asks for, lest a wrong date stop
// us for years: quotas of Vault block for minutes.
const maxRetryAfter = time.Hour

// retryAfter reads the header of that name: seconds, or a date. 0: it asks for nothing.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if count, err := strconv.ParseUint(header, 10, 32); err == nil {
		return min(time.Duration(count)*time.Second, maxRetryAfter)
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
