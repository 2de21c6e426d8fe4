package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// metadataTimeout bounds a request to the machine's own metadata service, which
	// answers in milliseconds, or never: where there is none, packets are dropped.
	metadataTimeout = 5 * time.Second
	// cloudTimeout bounds a request to a public endpoint of a cloud.
	cloudTimeout = 15 * time.Second
	// cloudAnswerLimit is far above all answers, which are a few KiB.
	cloudAnswerLimit = 1 << 20
	// reasonLimit keeps what a service says within one line of a log.
	reasonLimit = 300
)

// metadataClient makes a client for the metadata services of a machine. No proxy
// knows the way to a link-local address, and a redirect would lead away from it.
func metadataClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: metadataTimeout, CheckRedirect: noRedirect}
}

// cloudClient makes a client for public endpoints. A login is rare, so that no
// connection is kept.
func cloudClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	return &http.Client{Transport: transport, Timeout: cloudTimeout, CheckRedirect: noRedirect}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// cloudCall is one request to a service of a cloud.
type cloudCall struct {
	method string
	url    string
	query  url.Values
	header map[string]string
	body   string
	secret []sensitive.String // what is sent and must not come back in an error
}

// form makes a call that posts a form, as the token endpoints want it.
func form(to string, fields url.Values, secret ...sensitive.String) cloudCall {
	return cloudCall{
		method: http.MethodPost, url: to, body: fields.Encode(), secret: secret,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	}
}

// String tells what is called, without what may be secret.
func (c cloudCall) String() string { return c.method + " " + withoutQuery(c.url) }

// json sends the call and decodes the answer's JSON into out.
func (c cloudCall) json(ctx context.Context, client *http.Client, out any) error {
	content, err := c.do(ctx, client)
	if err != nil {
		return err
	}
	if json.Unmarshal(content, out) != nil {
		return fmt.Errorf("%s: the answer is not the expected JSON", c)
	}
	return nil
}

// do sends the call and returns the answer's body. Errors name the address, whose
// query is left out, and hold nothing of the body but a message that the service
// marks as such.
func (c cloudCall) do(ctx context.Context, client *http.Client) ([]byte, error) {
	content, status, err := c.send(ctx, client)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", c, err)
	case status == http.StatusOK:
		return content, nil
	}
	if reason := c.reason(content); reason != "" {
		return nil, fmt.Errorf("%s: HTTP %d: %s", c, status, reason)
	}
	return nil, fmt.Errorf("%s: HTTP %d", c, status)
}

func (c cloudCall) send(ctx context.Context, client *http.Client) (content []byte, status int, err error) {
	request, err := c.request(ctx)
	if err != nil {
		return nil, 0, err
	}
	answer, err := client.Do(request) //nolint:gosec // the addresses are the clouds', or from the pod's own environment
	if err != nil {
		return nil, 0, withoutURL(err)
	}
	defer answer.Body.Close()
	content, err = io.ReadAll(io.LimitReader(answer.Body, cloudAnswerLimit))
	if err != nil {
		return nil, 0, fmt.Errorf("read the answer: %w", err)
	}
	return content, answer.StatusCode, nil
}

func (c cloudCall) request(ctx context.Context) (*http.Request, error) {
	to := c.url
	if len(c.query) > 0 {
		to += "?" + c.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, c.method, to, strings.NewReader(c.body))
	if err != nil {
		return nil, withoutURL(err)
	}
	for name, value := range c.header {
		request.Header.Set(name, value)
	}
	return request, nil
}

// withoutURL takes off what names the address a second time, with its query.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// reason finds what a service says about a refusal, in one line and without what
// it was sent.
func (c cloudCall) reason(content []byte) string {
	text := reasonOfJSON(content)
	if text == "" {
		text = reasonOfXML(content)
	}
	for _, s := range c.secret {
		if !s.Empty() {
			text = strings.ReplaceAll(text, s.Reveal(), sensitive.Redacted)
		}
	}
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > reasonLimit {
		text = strings.ToValidUTF8(text[:reasonLimit], "") + "..."
	}
	return text
}

// reasonOfJSON knows the error of OAuth, which has a text and a description, and
// Google's, which has an object.
func reasonOfJSON(content []byte) string {
	var answer struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
		Message     string          `json:"message"`
	}
	if json.Unmarshal(content, &answer) != nil {
		return ""
	}
	var object struct {
		Message string `json:"message"`
	}
	var code string
	if json.Unmarshal(answer.Error, &code) != nil {
		_ = json.Unmarshal(answer.Error, &object)
	}
	return joined(code, joined(answer.Description, joined(object.Message, answer.Message)))
}

// reasonOfXML knows the error of AWS.
func reasonOfXML(content []byte) string {
	return joined(xmlText(content, "Code"), xmlText(content, "Message"))
}

// xmlText returns the text of the first element of a name that has no attributes
// and nothing but text, "" where there is none. The package encoding/xml costs
// every pod 0.1 ms and 19 KiB at the start, used or not, and the answers of STS,
// which alone are in XML, have no more to them.
func xmlText(content []byte, name string) string {
	_, rest, _ := strings.Cut(string(content), "<"+name+">")
	text, end, _ := strings.Cut(rest, "<")
	if !strings.HasPrefix(end, "/"+name+">") {
		return ""
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#34;", `"`, "&apos;", "'", "&#39;", "'", "&amp;", "&").Replace(text)
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}

// trusted refuses an address to which credentials would go in clear over a
// network: it must be https, or lie on this machine.
func trusted(name, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%s must be a URL", name)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !local(u.Hostname())) {
		return fmt.Errorf("%s must be an https URL, not %q", name, withoutQuery(address))
	}
	return nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
