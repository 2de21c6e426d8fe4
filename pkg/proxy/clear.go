package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// maxClear bounds the body of a cache-clear request; tokens have a few hundred
// bytes.
const maxClear = 64 << 10

// clearing is the body of a cache-clear request.
type clearing struct {
	Type      string `json:"type"`
	Value     string `json:"value"`
	Namespace string `json:"namespace"`
}

// serveCacheClear drops entries. What they hold lives on in Vault.
func (p *Proxy) serveCacheClear(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r, http.MethodPost, http.MethodPut) {
		return
	}
	if p.cache == nil {
		return // there is nothing to clear; the answer is 200
	}
	c, err := readClearing(http.MaxBytesReader(w, r.Body, maxClear))
	if err == nil {
		err = p.clear(c)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
	}
}

func readClearing(body io.Reader) (clearing, error) {
	var c clearing
	err := json.NewDecoder(body).Decode(&c)
	if errors.Is(err, io.EOF) {
		err = errors.New("empty JSON provided")
	}
	if err != nil {
		return clearing{}, fmt.Errorf("failed to parse JSON input: %w", err)
	}
	if c.Type == "" {
		return clearing{}, errors.New("failed to parse clear input: no type provided")
	}
	return c, nil
}

// clear drops what was asked for. The texts of its errors are those of the Vault Agent.
func (p *Proxy) clear(c clearing) error {
	missing, known := map[string]string{
		"request_path": "request path not provided", "lease": "lease not provided",
		"token": "token not provided", "token_accessor": "token accessor not provided", "all": "",
	}[c.Type]
	switch {
	case !known:
		return errors.New("failed to clear cache: invalid type provided")
	case missing != "" && c.Value == "":
		return errors.New("failed to clear cache: " + missing)
	}
	switch c.Type {
	case "request_path":
		p.cache.evictPath(c.Value, c.Namespace)
	case "lease":
		p.cache.evictLease(c.Value)
	case "token":
		p.cache.evictToken(sensitive.New(c.Value))
	case "token_accessor":
		p.evictAccessor(c.Value)
	default:
		p.cache.evict(func(*entry) bool { return true })
	}
	return nil
}

// evictPath drops the answers to requests whose path begins with a text, which
// may do without the /v1/ before it.
func (c *cache) evictPath(prefix, namespace string) {
	prefix = strings.TrimPrefix(strings.TrimPrefix(prefix, "/"), "v1/")
	namespace = strings.Trim(namespace, "/")
	if namespace == "root" {
		namespace = ""
	}
	c.evict(func(e *entry) bool { return e.namespace == namespace && strings.HasPrefix(e.path, prefix) })
}
