package vault

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// target is where requests go.
type target struct {
	base   string // URL for the Vault module
	shown  string // as people see it: no password
	socket string // path of a unix socket; "": TCP
}

// parseAddress reads an address: http, https, or unix with the path of a socket.
func parseAddress(address string) (target, error) {
	address = strings.TrimRight(strings.TrimSpace(address), "/")
	if address == "" {
		return target{}, errors.New("the address of Vault is required")
	}
	if socket, ok := strings.CutPrefix(address, "unix://"); ok {
		return target{base: "http://localhost", shown: address, socket: socket}, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		// The error of url.Parse would show a password within the address.
		return target{}, errors.New("the address of Vault is not a URL")
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return target{}, fmt.Errorf("the address of Vault must start with http://, https:// or unix:///, not %q", u.Redacted())
	}
	shown := *u
	shown.User = nil
	shown.Host = strings.ToLower(u.Host)
	return target{base: address, shown: shown.String()}, nil
}

// requestHeaders returns the headers of every request. Those that carry a
// request's own token, namespace and wrapping cannot be set for all of them.
func requestHeaders(extra []config.Header, version string) (http.Header, error) {
	headers := http.Header{}
	headers.Set(api.RequestHeaderName, "true")
	headers.Set("User-Agent", "vaultk8s/"+version)
	var problems []error
	for _, h := range extra {
		switch name := http.CanonicalHeaderKey(h.Name); name {
		case "":
			problems = append(problems, errors.New("an extra header has no name"))
		case "X-Vault-Token", "X-Vault-Namespace", "X-Vault-Wrap-Ttl":
			problems = append(problems, fmt.Errorf("the header %q belongs to single requests and cannot be set for all", h.Name))
		case "User-Agent", api.RequestHeaderName:
			headers.Set(name, h.Value)
		default:
			headers.Add(name, h.Value)
		}
	}
	return headers, errors.Join(problems...)
}

// newRequest writes a request as the Vault module has it.
func newRequest(sender *api.Client, r Request) (*api.Request, error) {
	method, query := r.Method, url.Values{}
	for name, values := range r.Query {
		query[name] = values
	}
	if method == methodList {
		// Proxies know GET; the method LIST is an invention of Vault.
		method = http.MethodGet
		query.Set("list", "true")
	}
	request := sender.NewRequest(method, "/v1/"+strings.TrimPrefix(r.Path, "/"))
	request.Params = query
	for _, h := range r.Headers {
		request.Headers.Set(h.Name, h.Value)
	}
	if r.WrapTTL > 0 {
		// Vault counts in whole seconds, and 0 would mean not wrapped.
		request.WrapTTL = strconv.Itoa(int((r.WrapTTL+time.Second-1)/time.Second)) + "s"
	}
	if r.Body == nil {
		return request, nil
	}
	if err := request.SetJSONBody(r.Body); err != nil {
		return nil, errBody
	}
	return request, nil
}

// methodList lists the keys below a path.
const methodList = "LIST"

// errBody does not pass on the encoder's error, which may show a value.
var errBody = errors.New("the parameters cannot be written as JSON")
