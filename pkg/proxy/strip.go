package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// maxParsed is how much of an answer is read to understand it. Leases and tokens
// are much smaller; what is larger is passed on as it is.
const maxParsed = 1 << 20

// strip takes the agent's token and its accessor out of an answer that describes
// it, unless the application has the token anyway.
func (x *exchange) strip(answer *http.Response) error {
	if !x.own || !x.describesToken() || answer.StatusCode >= 300 || !isJSON(answer) {
		return nil
	}
	if same(x.supplied, x.token) || bytes.Contains(x.body, []byte(x.token.Reveal())) {
		return nil
	}
	body, complete, err := peek(answer)
	if err != nil || !complete {
		return err
	}
	clean, changed := withoutToken(body, x.token)
	if !changed {
		return nil
	}
	replaceBody(answer, clean)
	return nil
}

// describesToken tells whether the answer is about a token.
func (x *exchange) describesToken() bool {
	return x.isAny("auth/token/lookup-self", "auth/token/lookup", "auth/token/renew-self", "auth/token/renew")
}

// withoutToken returns an answer without a token where it is about that token. As
// the Vault Agent did, it leaves the fields of a look-up out, and those of a
// renewal empty.
func withoutToken(body []byte, token sensitive.String) (clean []byte, changed bool) {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		return body, false
	}
	data, auth := object(answer["data"]), object(answer["auth"])
	if holds(data["id"], token) {
		delete(data, "id")
		delete(data, "accessor")
		changed = put(answer, "data", data)
	}
	if holds(auth["client_token"], token) {
		auth["client_token"], auth["accessor"] = json.RawMessage(`""`), json.RawMessage(`""`)
		changed = put(answer, "auth", auth)
	}
	if !changed {
		return body, false
	}
	clean, err := json.Marshal(answer)
	if err != nil {
		return body, false
	}
	return append(clean, '\n'), true
}

func object(raw json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return fields
}

func holds(raw json.RawMessage, token sensitive.String) bool {
	var text string
	return json.Unmarshal(raw, &text) == nil && same(sensitive.New(text), token)
}

func put(into map[string]json.RawMessage, name string, fields map[string]json.RawMessage) bool {
	raw, err := json.Marshal(fields)
	into[name] = raw
	return err == nil
}

// isJSON tells whether an answer is of the kind that Vault's API gives.
func isJSON(answer *http.Response) bool {
	kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// peek reads an answer up to maxParsed, and leaves it as if it had not been read.
func peek(answer *http.Response) (body []byte, complete bool, err error) {
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxParsed+1))
	if err != nil {
		return nil, false, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), answer.Body), answer.Body}
	return body, len(body) <= maxParsed, nil
}

func replaceBody(answer *http.Response, body []byte) {
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
}
