package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Where a pod finds what it needs to speak to its API server.
const (
	accountDir    = "/var/run/secrets/kubernetes.io/serviceaccount"
	namespaceFile = accountDir + "/namespace"
)

// requestTime bounds a request that is not a watch.
const requestTime = 15 * time.Second

// maxAnswer bounds what is read of an answer: objects are at most 1.5 MiB in the
// API server's store, and a page of pods' metadata is not much larger.
const maxAnswer = 16 << 20

// Address says where the API server is. The files are read anew when they are
// needed, because tokens are replaced.
type Address struct {
	URL       string
	CAFile    string // PEM
	TokenFile string
}

// InCluster returns the address that a pod's environment tells.
func InCluster(lookup func(string) (string, bool)) (Address, error) {
	host, _ := lookup("KUBERNETES_SERVICE_HOST")
	port, _ := lookup("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return Address{}, errors.New("this is not a pod (KUBERNETES_SERVICE_HOST is not set): name the API server")
	}
	return Address{URL: "https://" + net.JoinHostPort(host, port), CAFile: accountDir + "/ca.crt", TokenFile: accountDir + "/token"}, nil
}

// Namespace returns the one that this pod runs in, "" outside of a pod.
func Namespace() string {
	text, err := os.ReadFile(namespaceFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Client sends requests to one API server.
type Client struct {
	base      string
	tokenFile string
	http      *http.Client
}

// New makes a client. The error names the file that cannot be read.
func New(a Address) (*Client, error) {
	u, err := url.Parse(a.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return nil, fmt.Errorf("API server %q: not a URL with https", a.URL)
	}
	roots, err := os.ReadFile(a.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the API server's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(roots) {
		return nil, fmt.Errorf("read the API server's CA: %q holds no PEM certificate", a.CAFile)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: requestTime, IdleConnTimeout: time.Minute,
		// A connection that went silent, as after the loss of a node, is noticed.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	return &Client{base: strings.TrimSuffix(a.URL, "/"), tokenFile: a.TokenFile, http: &http.Client{Transport: transport}}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// StatusError is an answer of the API server that is no success.
type StatusError struct {
	Code    int
	Message string
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the API server answers %d: %s", e.Code, e.Message)
}

// hasCode reports whether the API server answered with the code.
func hasCode(err error, code int) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == code
}

// request is one call.
type request struct {
	method, path string
	query        url.Values
	contentType  string // of the body; "" for JSON
	accept       string // "" for JSON
	body         any
}

// do sends a request and decodes the answer, unless into is nil.
func (c *Client) do(ctx context.Context, r request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	answer, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("%s %s: read answer: %w", r.method, r.path, err)
	}
	return nil
}

// send returns the answer to a request that succeeded.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	h, err := c.build(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	answer, err := c.http.Do(h)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, r.path, bare(err))
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }()
	return nil, fmt.Errorf("%s %s: %w", r.method, r.path, statusOf(answer))
}

// bare takes away the URL, which the caller has named already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func statusOf(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // what was read tells enough
	var status struct{ Message string }
	if json.Unmarshal(text, &status) != nil || status.Message == "" {
		status.Message = http.StatusText(answer.StatusCode)
	}
	return &StatusError{Code: answer.StatusCode, Message: status.Message}
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(text)
	}
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	h, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, err
	}
	const plain = "application/json"
	h.Header.Set("Accept", orElse(r.accept, plain))
	h.Header.Set("Content-Type", orElse(r.contentType, plain))
	h.Header.Set("User-Agent", "vaultk8s-injector")
	if c.tokenFile == "" {
		return h, nil
	}
	token, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the service account's token: %w", err)
	}
	h.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return h, nil
}

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// Version returns major and minor version of the API server.
func (c *Client) Version(ctx context.Context) (major, minor int, err error) {
	var v struct{ Major, Minor string }
	if err := c.do(ctx, request{method: http.MethodGet, path: "/version"}, &v); err != nil {
		return 0, 0, err
	}
	// Some clouds write "29+".
	if _, err := fmt.Sscanf(v.Major+" "+v.Minor, "%d %d", &major, &minor); err != nil {
		return 0, 0, fmt.Errorf("the API server's version %q.%q is no number", v.Major, v.Minor)
	}
	return major, minor, nil
}

// Forbidden reports whether the API server refused a request because our service
// account may not make it.
func Forbidden(err error) bool { return hasCode(err, http.StatusForbidden) }
