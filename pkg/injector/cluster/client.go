package cluster

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

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
	return Address{URL: "https://" + net.JoinHostPort(host, port), CAFile: kube.AccountDir + "/ca.crt", TokenFile: kube.AccountDir + "/token"}, nil
}

// Namespace returns the one that this pod runs in, "" outside of a pod.
func Namespace() string {
	text, err := os.ReadFile(kube.AccountDir + "/namespace")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// New makes a client of the API server, which no proxy is used for. The error
// names the file that cannot be read.
func New(a Address) (*kube.Client, error) {
	client, err := kube.New(kube.Address{URL: a.URL, CAFile: a.CAFile, TokenFile: a.TokenFile, NoProxy: true})
	if err != nil {
		return nil, err
	}
	client.UserAgent = "vaultk8s-injector"
	return client, nil
}

// Forbidden reports whether the API server refused a request because our service
// account may not make it.
func Forbidden(err error) bool { return kube.Status(err) == http.StatusForbidden }
