// Package auth knows who we are: one small [Method] per way to log in to Vault.
//
// A Method turns credentials (a service-account token, a secret id, a token
// file) into a [Token]. It reads its credentials anew at every login, because
// the kubelet and other issuers rotate them, and it holds no state beyond what
// its source cannot give twice. Methods never retry and never log: keeping a
// token alive, backing off and logging in again belong to the session in
// package vault. [New] chooses the Method that a configuration names.
package auth

import (
	"context"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Method is one way to log in.
type Method interface {
	// Login reads the credentials and exchanges them for a token. An error of
	// the exchange is returned wrapped, so that its kind can be judged with
	// errors.As; an error of the credentials names the file or option.
	Login(ctx context.Context, vault Exchanger) (*Token, error)
}

// Exchanger sends one request of a login to Vault.
type Exchanger interface {
	Exchange(ctx context.Context, r Request) (*api.Secret, error)
}

// Request is one request of a login.
type Request struct {
	Method  string           // HTTP method
	Path    string           // below /v1/, without a leading slash; the exchanger escapes it
	Token   sensitive.String // empty for a login proper
	Body    map[string]any   // nil for none; it holds credentials
	WrapTTL time.Duration    // the answer comes wrapped and its wrapping token lives so long; 0: not wrapped
	TLS     *ClientTLS       // nil: over the connection that all requests share
	Headers []config.Header  // beside those of every request
}

// ClientTLS asks for a request over a connection of its own, whose handshake
// shows a client certificate. The files are read for that request. An empty name
// stands for what the shared connection is configured with, as do the server's
// name and whether its certificate is verified.
type ClientTLS struct {
	CACert string // file of PEM certificates
	Cert   string // file in PEM
	Key    string // file in PEM
	// Held is a certificate with its key in PEM, in place of the two files.
	Held *HeldPair
}

// HeldPair is a client certificate that the program holds in memory.
type HeldPair struct {
	Cert []byte
	Key  sensitive.String
}

// Token is what a login yields.
type Token struct {
	Value     sensitive.String `json:"-"`
	Accessor  string
	TTL       time.Duration // 0: it does not expire (a root token)
	Renewable bool
	Batch     bool // a batch token: it cannot be renewed, and has no accessor
	Policies  []string
	Metadata  map[string]string
}
