package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// wire is an answer as Vault sends it. It adds to the Vault module's type what
// that leaves out.
type wire struct {
	api.Secret
	Auth *wireAuth `json:"auth"`
}

type wireAuth struct {
	api.SecretAuth
	TokenType string `json:"token_type"`
}

// decode reads the body of an answer; an empty one is an empty answer. Numbers
// stay as they were written. An endpoint that answers with its own object, as
// sys/health does, has that as its data.
func decode(body []byte) (*wire, error) {
	got := &wire{}
	if len(bytes.TrimSpace(body)) == 0 {
		return got, nil
	}
	if err := decodeNumbers(body, got); err != nil {
		return nil, err
	}
	if !reflect.ValueOf(*got).IsZero() {
		return got, nil
	}
	if err := decodeNumbers(body, &got.Data); err != nil {
		return nil, err
	}
	for _, name := range []string{"request_id", "lease_id", "lease_duration", "renewable", "data", "warnings", "auth", "wrap_info", "mount_type"} {
		if _, ok := got.Data[name]; ok {
			return &wire{}, nil // an answer of Vault's own form, with nothing in it
		}
	}
	return got, nil
}

func decodeNumbers(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end")
	}
	return nil
}

// deleted tells whether the answer of a KV version 2 read is about a version
// that is deleted or destroyed: it has metadata and no data.
func (w *wire) deleted() bool {
	data, ok := w.Data["data"]
	if !ok || data != nil {
		return false
	}
	metadata, _ := w.Data["metadata"].(map[string]any)
	_, isKV := metadata["deletion_time"]
	return isKV
}

// secret returns the answer as logins want it.
func (w *wire) secret() *api.Secret {
	secret := w.Secret
	if w.Auth != nil {
		secret.Auth = &w.Auth.SecretAuth
	}
	return &secret
}

// response returns the answer as everyone else wants it.
func (w *wire) response(received time.Time) *Response {
	return &Response{
		RequestID:     w.RequestID,
		LeaseID:       w.LeaseID,
		LeaseDuration: time.Duration(w.LeaseDuration) * time.Second,
		Renewable:     w.Renewable,
		Data:          sensitive.NewData(w.Data),
		Warnings:      w.Warnings,
		MountType:     w.MountType,
		Auth:          w.token(),
		WrapInfo:      auth.FromWrapping(w.WrapInfo),
		Received:      received,
	}
}

// token returns the token of the answer, nil where there is none: a demand for
// a second factor comes in the same field.
func (w *wire) token() *auth.Token {
	if w.Auth == nil {
		return nil
	}
	token, err := auth.FromLogin(w.secret())
	if err != nil {
		return nil
	}
	token.Batch = token.Batch || w.Auth.TokenType == "batch"
	return token
}
