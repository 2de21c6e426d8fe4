package store

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// Encryption is a key of Vault's transit engine.
type Encryption struct {
	Mount string // of the engine
	Key   string
}

// Request is one call of the engine, to be sent with PUT.
type Request struct {
	Path string // below /v1/
	Body map[string]any
}

// Encrypt returns the request that encrypts a token. Its body is secret.
func (e Encryption) Encrypt(token []byte) Request {
	return Request{
		Path: e.path("encrypt"),
		Body: map[string]any{"name": e.Key, "plaintext": base64.StdEncoding.EncodeToString(token)},
	}
}

// Encrypted makes a payload of the data that Vault answered to Encrypt.
func (e Encryption) Encrypted(data map[string]any) ([]byte, error) {
	if text, ok := data["ciphertext"].(string); !ok || text == "" {
		return nil, errors.New("encrypt a token: the answer has no ciphertext")
	}
	payload, err := json.Marshal(data)
	if err != nil {
		return nil, errors.New("encrypt a token: the answer is not JSON")
	}
	return payload, nil
}

// Decrypt returns the request that decrypts a payload.
func (e Encryption) Decrypt(payload []byte) (Request, error) {
	var kept struct {
		Ciphertext string `json:"ciphertext"`
	}
	if err := json.Unmarshal(payload, &kept); err != nil || kept.Ciphertext == "" {
		return Request{}, errors.New("decrypt a kept token: there is no ciphertext in it")
	}
	return Request{Path: e.path("decrypt"), Body: map[string]any{"name": e.Key, "ciphertext": kept.Ciphertext}}, nil
}

// Decrypted makes a token, as [DecodeToken] reads it, of the data that Vault
// answered to Decrypt.
func (e Encryption) Decrypted(data map[string]any) ([]byte, error) {
	text, _ := data["plaintext"].(string)
	token, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(token) == 0 {
		return nil, errors.New("decrypt a kept token: the answer has no plaintext")
	}
	return token, nil
}

func (e Encryption) path(operation string) string {
	return strings.Trim(e.Mount, "/") + "/" + operation + "/" + e.Key
}
