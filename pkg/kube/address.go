package kube

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// AccountDir is where the kubelet puts what a pod needs to reach the API server.
const AccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// Address says where an API server is, and as whom to speak to it. Of a file and
// its content the content counts, except for tokens.
type Address struct {
	URL        string // https://HOST:PORT
	ServerName string // expected in the certificate; "" takes the URL's
	SkipVerify bool   // do not check the server's certificate
	CAFile     string // PEM; neither: the system's authorities
	CA         []byte
	ProxyURL   string // "" takes HTTPS_PROXY and NO_PROXY
	NoProxy    bool   // use none, whatever the environment says
	Namespace  string // that requests are meant for; "" for none

	TokenFile string // read at each request, because tokens are replaced
	Token     sensitive.String
	CertFile  string // client certificate and its key, PEM
	KeyFile   string
	Cert      []byte
	Key       sensitive.String
	Exec      *Exec // a program that gives credentials; nil for none
}

// Exec is a program that prints credentials, as the plugins of kubectl do.
type Exec struct {
	APIVersion  string
	Command     string
	Args        []string
	Env         []string // NAME=VALUE, on top of this process's own
	InstallHint string   // shown when the program is missing
}

// InCluster returns the address that a pod's environment tells. The error says
// what is missing.
func InCluster(lookup func(string) (string, bool)) (Address, error) {
	return inCluster(lookup, AccountDir)
}

func inCluster(lookup func(string) (string, bool), dir string) (Address, error) {
	host, _ := lookup("KUBERNETES_SERVICE_HOST")
	port, _ := lookup("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return Address{}, errors.New("find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod")
	}
	namespace, err := os.ReadFile(filepath.Join(dir, "namespace"))
	if err != nil {
		return Address{}, fmt.Errorf("find the pod's namespace: %w", err)
	}
	return Address{
		URL: "https://" + net.JoinHostPort(host, port), Namespace: strings.TrimSpace(string(namespace)), NoProxy: true,
		CAFile: filepath.Join(dir, "ca.crt"), TokenFile: filepath.Join(dir, "token"),
	}, nil
}

// New makes a client. The error names the file that cannot be read.
func New(a Address) (*Client, error) {
	u, err := url.Parse(a.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return nil, fmt.Errorf("API server %q: not a URL with https", a.URL)
	}
	config, err := a.tls()
	if err != nil {
		return nil, err
	}
	who := credentials{tokenFile: a.TokenFile, token: a.Token}
	if a.Exec != nil {
		who.plugin = &plugin{exec: *a.Exec, server: a.URL}
		config.GetClientCertificate = who.plugin.certificate
	}
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: requestTime, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		// A connection that went silent, as after the loss of a node, is noticed.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	if transport.Proxy, err = a.proxy(); err != nil {
		return nil, err
	}
	return &Client{base: strings.TrimSuffix(a.URL, "/"), who: who, http: &http.Client{Transport: transport}, space: a.Namespace}, nil
}

// Through makes a client whose requests to a server go through a transport, signed
// with the token of a file; "" for none.
func Through(server string, transport http.RoundTripper, tokenFile string) *Client {
	return &Client{base: strings.TrimSuffix(server, "/"), who: credentials{tokenFile: tokenFile}, http: &http.Client{Transport: transport}}
}

func (a Address) proxy() (func(*http.Request) (*url.URL, error), error) {
	switch {
	case a.NoProxy:
		return nil, nil
	case a.ProxyURL == "":
		return http.ProxyFromEnvironment, nil
	}
	proxy, err := url.Parse(a.ProxyURL)
	if err != nil {
		return nil, fmt.Errorf("proxy of the API server: not a URL: %w", bare(err))
	}
	return http.ProxyURL(proxy), nil
}

func (a Address) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.ServerName, InsecureSkipVerify: a.SkipVerify} //nolint:gosec // the user's kubeconfig says so
	authorities, err := contentOf(a.CA, a.CAFile, "the API server's CA")
	if err != nil {
		return nil, err
	}
	if len(authorities) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("read the API server's CA: %q holds no PEM certificate", orElse(a.CAFile, "the kubeconfig"))
		}
	}
	cert, err := contentOf(a.Cert, a.CertFile, "the client certificate")
	if err != nil || len(cert) == 0 {
		return config, err
	}
	key, err := contentOf([]byte(a.Key.Reveal()), a.KeyFile, "the key of the client certificate")
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("use the client certificate for the API server: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func contentOf(content []byte, file, what string) ([]byte, error) {
	if len(content) > 0 || file == "" {
		return content, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return content, nil
}
