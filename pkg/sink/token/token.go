// Package token shapes what a token sink writes: the token itself, the
// description of a token that Vault wrapped, or either of them encrypted for the
// one program that is to read it. The bytes are those of the Vault Agent, so
// that its readers go on working.
//
// [Encode] makes the content of the file; the package pkg/sink/file writes it.
// [ReadKey] reads the public key of the reader, where the content is encrypted.
//
// Encrypted content differs each time, also for the same token: encode once for
// each new token, and not at each look.
package token

import (
	"bytes"
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Content is what is delivered.
type Content struct {
	Token sensitive.String
	Wrap  *WrapInfo // in place of Token, where Vault wrapped it; nil: it did not
}

// WrapInfo describes a wrapped token: its own Token unwraps the real one, once.
type WrapInfo struct {
	Token           sensitive.String
	Accessor        string
	TTL             time.Duration // of the wrapping; written in whole seconds
	CreationTime    time.Time
	CreationPath    string
	WrappedAccessor string
}

// Spec says how the content is written.
type Spec struct {
	Reader    *ecdh.PublicKey // X25519 key of who may read it; nil: in the clear
	DeriveKey bool            // the cipher's key is derived with HKDF, not the shared secret itself
	AAD       string          // authenticated with the content, and needed to read it
}

var errNoToken = errors.New("there is no token to write")

// Encode returns the content of the file. A token is written as it is, without a
// newline; everything else is one line of JSON. It fails without a token, and
// where no secret can be agreed on with the reader's key.
func Encode(s Spec, c Content) ([]byte, error) {
	plain, err := c.plain()
	if err != nil || s.Reader == nil {
		return plain, err
	}
	return encrypt(s, plain)
}

func (c Content) plain() ([]byte, error) {
	switch {
	case c.Wrap != nil && c.Wrap.Token.Empty(), c.Wrap == nil && c.Token.Empty():
		return nil, errNoToken
	case c.Wrap != nil:
		return line(c.Wrap.document())
	default:
		return []byte(c.Token.Reveal()), nil
	}
}

// wrapDocument is the form of the file, in the order in which readers know it.
type wrapDocument struct {
	Token           string    `json:"token"`
	Accessor        string    `json:"accessor"`
	TTL             int64     `json:"ttl"`
	CreationTime    time.Time `json:"creation_time"`
	CreationPath    string    `json:"creation_path"`
	WrappedAccessor string    `json:"wrapped_accessor"`
}

func (w *WrapInfo) document() wrapDocument {
	return wrapDocument{
		Token: w.Token.Reveal(), Accessor: w.Accessor, TTL: int64(w.TTL / time.Second),
		CreationTime: w.CreationTime, CreationPath: w.CreationPath, WrappedAccessor: w.WrappedAccessor,
	}
}

// line is a value as JSON with a newline, which the Vault Agent's files end with.
func line(v any) ([]byte, error) {
	var b bytes.Buffer
	err := json.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// AAD returns the additional data of a sink: the value of the variable where one
// is named, else the text.
func AAD(text, variable string, getenv func(string) string) string {
	if variable != "" {
		return getenv(variable)
	}
	return text
}
