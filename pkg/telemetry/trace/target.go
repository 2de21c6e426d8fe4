package trace

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// target is where spans are sent, and how.
type target struct {
	url     *url.URL
	grpc    bool
	gzip    bool
	headers http.Header
	timeout time.Duration
	client  *http.Client
}

// grpcMethod is the path of the call that takes spans.
const grpcMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// newTarget reads the variables of the exporter and reports all that are wrong.
func newTarget(e environment) (*target, error) {
	t := &target{headers: http.Header{}}
	protocolErr := t.readProtocol(e)
	endpointErr := t.readEndpoint(e)
	secure, tlsErr := readTLS(e)
	if err := errors.Join(protocolErr, endpointErr, tlsErr, t.readHeaders(e), t.readTimeout(e), t.readCompression(e)); err != nil {
		return nil, err
	}
	t.client = &http.Client{
		Transport:     t.transport(secure),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // headers may hold tokens
	}
	return t, nil
}

func (t *target) readProtocol(e environment) error {
	protocol, variable := e.otlp("PROTOCOL")
	switch protocol {
	case "", "http/protobuf":
	case "grpc":
		t.grpc = true
	default:
		return fmt.Errorf("%s: %q is none of http/protobuf, grpc", variable, protocol)
	}
	return nil
}

// readEndpoint takes the address for all signals as a base of paths, and that of
// traces as it is. Of an address for gRPC only scheme, host and port count.
func (t *target) readEndpoint(e environment) error {
	endpoint, variable := e.otlp("ENDPOINT")
	if t.grpc {
		endpoint = withScheme(e, cmp.Or(endpoint, "http://localhost:4317"))
	}
	u, err := url.Parse(cmp.Or(endpoint, "http://localhost:4318"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%s: want a URL that begins with http:// or https://", variable)
	}
	switch {
	case t.grpc:
		u = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: grpcMethod}
	case !strings.Contains(variable, "TRACES"):
		u = u.JoinPath("v1", "traces")
	}
	t.url = u
	return nil
}

// withScheme completes an address of gRPC that is only host and port.
func withScheme(e environment, endpoint string) string {
	insecure, _ := e.otlp("INSECURE")
	switch {
	case strings.Contains(endpoint, "://"):
		return endpoint
	case strings.EqualFold(insecure, "true"):
		return "http://" + endpoint
	default:
		return "https://" + endpoint
	}
}

func (t *target) readHeaders(e environment) error {
	list, variable := e.otlp("HEADERS")
	all, err := pairs(list)
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	for _, p := range all {
		t.headers.Set(p.name, p.value)
	}
	return nil
}

// readTimeout reads the bound of one request, in milliseconds.
func (t *target) readTimeout(e environment) error {
	t.timeout = 10 * time.Second
	text, variable := e.otlp("TIMEOUT")
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return fmt.Errorf("%s: %q is not a number of milliseconds", variable, text)
	}
	t.timeout = time.Duration(n) * time.Millisecond
	return nil
}

func (t *target) readCompression(e environment) error {
	switch name, variable := e.otlp("COMPRESSION"); name {
	case "", "none":
	case "gzip":
		t.gzip = true
	default:
		return fmt.Errorf("%s: %q is none of gzip, none", variable, name)
	}
	return nil
}

// readTLS reads the files of certificates, at the start only.
func readTLS(e environment) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if file, variable := e.otlp("CERTIFICATE"); file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", variable, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%s: %q holds no certificate in PEM form", variable, file)
		}
	}
	certificate, variable := e.otlp("CLIENT_CERTIFICATE")
	key, _ := e.otlp("CLIENT_KEY")
	if certificate == "" && key == "" {
		return c, nil
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s and its key: %w", variable, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// transport makes the pool of connections. gRPC needs HTTP/2, also where the
// connection is not encrypted.
func (t *target) transport(secure *tls.Config) *http.Transport {
	pool := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConns: 1, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
	}
	if t.grpc {
		pool.Protocols = new(http.Protocols)
		pool.Protocols.SetHTTP2(true)
		pool.Protocols.SetUnencryptedHTTP2(true)
	}
	return pool
}
