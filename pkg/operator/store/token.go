package store

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"time"

	"golang.org/x/crypto/blake2b"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// answer is a login as Vault answers it; the names are those of its API.
type answer struct {
	RequestID     string          `json:"request_id"`
	LeaseID       string          `json:"lease_id"`
	LeaseDuration int             `json:"lease_duration"`
	Renewable     bool            `json:"renewable"`
	Data          json.RawMessage `json:"data"`
	Warnings      []string        `json:"warnings"`
	Auth          *login          `json:"auth,omitempty"`
}

type login struct {
	ClientToken      string            `json:"client_token"`
	Accessor         string            `json:"accessor"`
	Policies         []string          `json:"policies"`
	TokenPolicies    []string          `json:"token_policies"`
	IdentityPolicies []string          `json:"identity_policies"`
	Metadata         map[string]string `json:"metadata"`
	Orphan           bool              `json:"orphan"`
	EntityID         string            `json:"entity_id"`
	LeaseDuration    int64             `json:"lease_duration"` // seconds
	Renewable        bool              `json:"renewable"`
	MFARequirement   json.RawMessage   `json:"mfa_requirement"`
}

// Keepable tells whether it is of use to keep a token: one that cannot be renewed
// is gone soon, and a batch token has no accessor to be known by.
func Keepable(t auth.Token) bool {
	return t.Renewable && !t.Batch && !t.Value.Empty()
}

// EncodeToken returns a token as it is kept: the JSON of the answer to a login.
// It is plain text; see [Encryption].
func EncodeToken(t auth.Token) []byte {
	null := json.RawMessage("null")
	encoded, _ := json.Marshal(answer{ // texts and numbers always encode
		Data: null,
		Auth: &login{
			ClientToken: t.Value.Reveal(), Accessor: t.Accessor, Policies: t.Policies, TokenPolicies: t.Policies,
			Metadata: t.Metadata, LeaseDuration: int64(t.TTL / time.Second), Renewable: t.Renewable, MFARequirement: null,
		},
	})
	return encoded
}

// DecodeToken reads a token that was kept. Its TTL is the one of the login: how
// much of it is left only Vault knows.
func DecodeToken(encoded []byte) (auth.Token, error) {
	var a answer
	if err := json.Unmarshal(encoded, &a); err != nil {
		// The text of the error may quote the token.
		return auth.Token{}, errors.New("read a kept token: it is not the JSON of a login")
	}
	if a.Auth == nil || a.Auth.ClientToken == "" {
		return auth.Token{}, errors.New("read a kept token: there is none in it")
	}
	l := a.Auth
	return auth.Token{
		Value: sensitive.New(l.ClientToken), Accessor: l.Accessor, TTL: seconds(l.LeaseDuration),
		Renewable: l.Renewable, Policies: l.Policies, Metadata: l.Metadata,
	}, nil
}

func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), math.MaxInt64/int64(time.Second))) * time.Second
}

// ClientID returns what the status of a resource calls the token it was read
// with: the BLAKE2b-256 of its accessor in hexadecimal digits, "" for a token
// without one.
func ClientID(accessor string) string {
	if accessor == "" {
		return ""
	}
	sum := blake2b.Sum256([]byte(accessor))
	return hex.EncodeToString(sum[:])
}
