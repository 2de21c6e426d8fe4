// Package kubesecret delivers contents to keys of Kubernetes Secrets.
//
// A [Cluster] is the API server as a pod sees it: the address that the kubelet
// puts into the environment, the pod's own service-account token and the
// cluster's authority. [Cluster.Apply] writes one key by server-side apply, so
// that other keys of the same Secret, whoever wrote them, stay as they are.
//
// It imports no Kubernetes library: the agent, which runs in every pod, would pay
// for one in memory and never use the rest of it. Package kube speaks HTTP itself.
//
// Most callers need two functions: InCluster and Cluster.Apply.
package kubesecret

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// requestTimeout bounds one request to the API server.
const requestTimeout = 30 * time.Second

// Cluster is the API server that a pod belongs to. InCluster makes one.
type Cluster struct {
	Address   string // URL
	Namespace string // of the pod
	TokenFile string // read at each request, because the kubelet replaces it
	client    *http.Client
}

// Target names one key of a Secret.
type Target struct {
	Namespace string // "": that of the pod
	Name      string
	Key       string
}

// String names the target as logs show it.
func (t Target) String() string {
	return strings.TrimPrefix(t.Namespace+"/", "/") + t.Name + "/" + t.Key
}

// InCluster finds the API server as a pod does: by the variables of the kubelet,
// and the files of the service account. The error says what is missing.
func InCluster(lookupEnv func(string) (string, bool)) (*Cluster, error) {
	return inCluster(lookupEnv, kube.AccountDir)
}

func inCluster(lookupEnv func(string) (string, bool), dir string) (*Cluster, error) {
	host, _ := lookupEnv("KUBERNETES_SERVICE_HOST")
	port, _ := lookupEnv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("find the API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod")
	}
	pool := x509.NewCertPool()
	authority, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("find the API server: the pod mounts no service-account token: %w", err)
	}
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("find the API server: no certificate in %q", filepath.Join(dir, "ca.crt"))
	}
	namespace, err := os.ReadFile(filepath.Join(dir, "namespace"))
	if err != nil {
		return nil, fmt.Errorf("find the pod's namespace: %w", err)
	}
	return &Cluster{
		Address: "https://" + net.JoinHostPort(host, port), Namespace: strings.TrimSpace(string(namespace)),
		TokenFile: filepath.Join(dir, "token"), client: newHTTPClient(pool),
	}, nil
}

// Apply makes a key of a Secret hold a content; where there is no such Secret it
// is created. Errors are *Error and never show the content.
func (c *Cluster) Apply(ctx context.Context, t Target, content []byte) error {
	if t.Namespace == "" {
		t.Namespace = c.Namespace
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	client := kube.Through(c.Address, c.client.Transport, c.TokenFile)
	client.UserAgent = "vaultk8s-agent"
	answer, err := client.Send(ctx, kube.Request{
		Method: http.MethodPatch, Path: fmt.Sprintf("/api/v1/namespaces/%s/secrets/%s", url.PathEscape(t.Namespace), url.PathEscape(t.Name)),
		Query: url.Values{"fieldManager": {manager(t)}}, ContentType: "application/apply-patch+yaml", // JSON is YAML
		Body: manifest(t, content),
	})
	if err != nil {
		return refused(t, err)
	}
	return answer.Body.Close()
}

func manifest(t Target, content []byte) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": t.Name, "namespace": t.Namespace},
		"data":     map[string][]byte{t.Key: content},
	}
}

// manager is the field manager of one key. Each key has its own: what a manager
// leaves out of an apply is taken away, so two agents that write two keys of one
// Secret must not be the same. A key may have 253 characters and a manager 128.
func manager(t Target) string {
	if name := "vaultk8s-agent-" + t.Key; len(name) <= 128 {
		return name
	}
	sum := sha256.Sum256([]byte(t.Key))
	return "vaultk8s-agent-" + hex.EncodeToString(sum[:])
}

func newHTTPClient(authority *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: authority, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 1, IdleConnTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
	}}
}

// Error is a failed delivery to a Secret.
type Error struct {
	Target Target
	Status int   // of the API server; 0 when no answer came
	Err    error // why
}

// Error names the target and the reason.
func (e *Error) Error() string { return fmt.Sprintf("write to Secret %s: %v", e.Target, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// refused makes an error of what the API server answered, with what to do about it.
func refused(t Target, err error) error {
	e, is := errors.AsType[*kube.Error](err)
	if !is {
		return &Error{Target: t, Err: err}
	}
	if e.Status == 0 {
		return &Error{Target: t, Err: e.Cause}
	}
	message := e.Message
	switch e.Status {
	case http.StatusForbidden:
		message += "; the pod's service account needs the verbs create and patch on secrets in this namespace"
	case http.StatusConflict:
		message += "; somebody else owns this key"
	}
	return &Error{Target: t, Status: e.Status, Err: errors.New(message)}
}
