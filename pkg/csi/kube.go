package csi

import (
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
	"path/filepath"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// Kube is the API server as a pod sees it.
type Kube struct {
	Address   string // URL
	Namespace string // of this pod
	TokenFile string // read at each request, because the kubelet replaces it

	Transport http.RoundTripper // nil: the network's default
}

// kubeTimeout bounds a request to the API server, except a watch.
const kubeTimeout = 20 * time.Second

// largestObject bounds what is read of one answer. etcd keeps no object above
// 1.5 MiB; a list of the metadata of 1000 pods has about 2 MB.
const largestObject = 32 << 20

// InCluster finds the API server as a pod does: by the variables of the kubelet,
// and the files of the service-account. The error says what is missing.
func InCluster(lookupEnv func(string) (string, bool)) (*Kube, error) {
	return inCluster(lookupEnv, kube.AccountDir)
}

func inCluster(lookupEnv func(string) (string, bool), dir string) (*Kube, error) {
	host, _ := lookupEnv("KUBERNETES_SERVICE_HOST")
	port, _ := lookupEnv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod")
	}
	authority, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("find the API server: no certificate in %q", filepath.Join(dir, "ca.crt"))
	}
	namespace, err := os.ReadFile(filepath.Join(dir, "namespace"))
	if err != nil {
		return nil, fmt.Errorf("find the namespace of this pod: %w", err)
	}
	return &Kube{
		Address: "https://" + net.JoinHostPort(host, port), Namespace: strings.TrimSpace(string(namespace)), TokenFile: filepath.Join(dir, "token"),
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
	}, nil
}

// kubeError is a failed request to the API server.
type kubeError struct {
	what   string // "get secrets ns/name"
	status int    // 0: no answer came
	err    error
}

// Error names the attempt and the reason.
func (e *kubeError) Error() string { return e.what + ": " + e.err.Error() }

// Unwrap returns the reason.
func (e *kubeError) Unwrap() error { return e.err }

// temporary tells whether waiting alone may help.
func (e *kubeError) temporary() bool {
	return e.status == 0 || e.status == http.StatusTooManyRequests || e.status >= http.StatusInternalServerError
}

// statusOf returns the status of the API server's refusal, 0 for everything else.
func statusOf(err error) int {
	var refused *kubeError
	if errors.As(err, &refused) {
		return refused.status
	}
	return 0
}

// kubeRequest is one request to the API server.
type kubeRequest struct {
	method string
	path   string
	query  url.Values
	accept string // "": JSON
	body   any    // nil for none
	what   string // as errors call it
}

// do sends a request and decodes the answer into an object, unless that is nil.
func (k *Kube) do(ctx context.Context, r kubeRequest, into any) error {
	ctx, cancel := context.WithTimeout(ctx, kubeTimeout)
	defer cancel()
	body, err := k.open(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(body, largestObject)).Decode(into); err != nil {
		// The decoder's error may show a piece of a secret.
		return &kubeError{what: r.what, err: errors.New("the answer cannot be read")}
	}
	return nil
}

// open sends a request and returns the body of its answer.
func (k *Kube) open(ctx context.Context, r kubeRequest) (io.ReadCloser, error) {
	client := kube.Through(k.Address, k.Transport, k.TokenFile)
	client.UserAgent = "vaultk8s-csi-provider"
	answer, err := client.Send(ctx, kube.Request{Method: r.method, Path: r.path, Query: r.query, Accept: r.accept, Body: r.body})
	if refused, is := errors.AsType[*kube.Error](err); is && refused.Status != 0 {
		return nil, &kubeError{what: r.what, status: refused.Status, err: errors.New(refused.Message)}
	} else if is {
		return nil, &kubeError{what: r.what, err: refused.Cause}
	}
	if err != nil {
		return nil, &kubeError{what: r.what, err: err}
	}
	return answer.Body, nil
}
