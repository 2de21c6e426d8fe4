package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// serveVault passes one request on and answers it.
func (p *Proxy) serveVault(w http.ResponseWriter, r *http.Request) {
	x, err := p.newExchange(w, r)
	if said, ok := errors.AsType[refusal](err); ok {
		count(p.o.Count.Error)
		refuse(w, said.status, said.text)
		return
	}
	answer, err := p.answer(r.Context(), x)
	if err != nil {
		count(p.o.Count.Error)
		unanswered(w, err)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 400 {
		count(p.o.Count.ClientError)
	} else {
		count(p.o.Count.Success)
	}
	write(w, answer)
}

// answer is Vault's or that of the cache.
func (p *Proxy) answer(ctx context.Context, x *exchange) (*http.Response, error) {
	var answer *http.Response
	var err error
	if p.cache == nil || x.streams() {
		answer, err = p.send(ctx, x)
	} else {
		answer, err = p.shared(ctx, x)
	}
	if err != nil {
		return nil, err
	}
	if err := x.strip(answer); err != nil {
		return nil, errors.Join(fmt.Errorf("read the answer of Vault: %w", err), answer.Body.Close())
	}
	return answer, nil
}

// send passes a request on. Where Vault does not know the agent's token any
// more, the agent logs in again; a request that the proxy gave that token to is
// repeated with the new one, and others keep the answer.
func (p *Proxy) send(ctx context.Context, x *exchange) (*http.Response, error) {
	answer, err := x.upstream.Client.Forward(ctx, x.outgoing(ctx))
	if err != nil || !x.agents {
		return answer, err
	}
	said := x.upstream.Client.Refusal(answer)
	if said == nil || said.Kind != vault.InvalidToken {
		return answer, nil
	}
	if p.cache != nil {
		p.cache.evictToken(x.token)
	}
	x.upstream.Session.Invalid(x.epoch)
	if !x.own || !p.awaitToken(ctx, x) {
		return answer, nil
	}
	_ = answer.Body.Close()
	return x.upstream.Client.Forward(ctx, x.outgoing(ctx))
}

const (
	// A login takes two round trips and a review of a token, well below a second
	// in a healthy cluster; applications give up after some tens of seconds.
	loginTime = 5 * time.Second
	loginLook = 50 * time.Millisecond
)

// awaitToken waits until the agent has another token than the exchange, and
// gives it to that.
func (p *Proxy) awaitToken(ctx context.Context, x *exchange) bool {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	look := time.NewTicker(loginLook)
	defer look.Stop()
	for {
		up := p.o.Upstream()
		if state := up.state(); state.Token != nil && !same(state.Token.Value, x.token) {
			x.upstream, x.token, x.epoch = up, state.Token.Value, state.Epoch
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-look.C:
		}
	}
}

// refuse answers as Vault does when it says no.
func refuse(w http.ResponseWriter, status int, text string) {
	body, err := json.Marshal(map[string][]string{"errors": {text}})
	if err != nil {
		body = []byte(`{"errors":[]}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller has gone if this fails
}

// unanswered tells that Vault did not answer: as a gateway does, or in Vault's
// own way where it asked for a pause that still lasts.
func unanswered(w http.ResponseWriter, err error) {
	if vault.KindOf(err) == vault.RateLimited {
		pause := max(vault.RetryAfter(err), time.Second) // the header has whole seconds, and 0 says nothing
		w.Header().Set("Retry-After", strconv.Itoa(int((pause+time.Second-1)/time.Second)))
		refuse(w, http.StatusTooManyRequests, err.Error())
		return
	}
	refuse(w, http.StatusBadGateway, err.Error())
}

// write passes an answer on piece by piece. One that breaks off must not look
// complete, so the connection breaks off, too.
func write(w http.ResponseWriter, answer *http.Response) {
	maps.Copy(w.Header(), ownHeaders(answer.Header))
	w.WriteHeader(answer.StatusCode)
	var to io.Writer = w
	if answer.ContentLength < 0 {
		to = flushing{w, http.NewResponseController(w)}
	}
	if _, err := io.Copy(to, answer.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// flushing sends on each piece at once: the next one of a log may take long.
type flushing struct {
	w       io.Writer
	control *http.ResponseController
}

// Write implements io.Writer.
func (f flushing) Write(piece []byte) (int, error) {
	n, err := f.w.Write(piece)
	if err != nil {
		return n, err
	}
	return n, f.control.Flush()
}
