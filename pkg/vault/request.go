package vault

import (
	"net/url"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Request is one call of Vault's HTTP API.
type Request struct {
	Method  string // HTTP method; LIST is sent as GET with list=true
	Path    string // below /v1/, without a leading slash
	Query   url.Values
	Body    map[string]any   // nil for none
	WrapTTL time.Duration    // 0: not wrapped
	KV      bool             // complete the path where its mount is KV version 2
	Token   sensitive.String // in place of the session's token; empty: the session's
	// Namespace is where the request goes; "": where the session's requests go.
	Namespace string
	Headers   []config.Header // beside those of every request
}

// Response is what Vault answered. Its data does not print itself.
type Response struct {
	RequestID     string
	LeaseID       string
	LeaseDuration time.Duration
	Renewable     bool
	Data          sensitive.Data
	Warnings      []string
	MountType     string // of the engine that answered; "" where Vault does not tell
	Auth          *auth.Token
	WrapInfo      *WrapInfo
	Received      time.Time // when the answer came, on our clock
	Epoch         uint64    // of the session's token that asked; its leases end with that token
}

// Empty tells whether Vault answered without a body, as it does to many writes.
func (r *Response) Empty() bool {
	return r.RequestID == "" && r.LeaseID == "" && r.Data.Nil() && r.Auth == nil && r.WrapInfo == nil && len(r.Warnings) == 0
}

// WrapInfo describes a wrapped response.
type WrapInfo = auth.WrapInfo
