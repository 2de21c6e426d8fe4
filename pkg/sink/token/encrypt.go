package token

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// keyBytes is the length of an X25519 key and of an AES-256 key.
const keyBytes = 32

// ErrNoKey tells that the reader has not written its public key yet. It may any
// moment: try again.
var ErrNoKey = errors.New("the reader has not written its public key yet")

// keyDocument is what the reader writes.
type keyDocument struct {
	Key []byte `json:"curve25519_public_key"`
}

// ReadKey reads the public key of a reader from its file (dh_path). Every error
// may mend itself, because the reader may be just writing; a file that is not
// there is [ErrNoKey]. A key that was read once stays good when the file goes.
func ReadKey(path string) (*ecdh.PublicKey, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read dh_path %q: %w", path, ErrNoKey)
	}
	if err != nil {
		return nil, fmt.Errorf("read dh_path: %w", err)
	}
	key, err := parseKey(content)
	if err != nil {
		return nil, fmt.Errorf("dh_path %q: %w", path, err)
	}
	return key, nil
}

func parseKey(content []byte) (*ecdh.PublicKey, error) {
	var document keyDocument
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("want JSON with curve25519_public_key in base64: %w", err)
	}
	switch n := len(document.Key); n {
	case keyBytes:
		return ecdh.X25519().NewPublicKey(document.Key)
	case 0:
		return nil, errors.New("curve25519_public_key is missing")
	default:
		return nil, fmt.Errorf("curve25519_public_key has %d bytes, not %d", n, keyBytes)
	}
}

// envelope is the form of an encrypted file.
type envelope struct {
	Key     []byte `json:"curve25519_public_key"` // ours
	Nonce   []byte `json:"nonce"`
	Payload []byte `json:"encrypted_payload"`
}

// encrypt makes a pair of keys for this content alone: readers take our public
// key from each file.
func encrypt(s Spec, plain []byte) ([]byte, error) {
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key to encrypt the token: %w", err)
	}
	public := own.PublicKey().Bytes()
	key, err := agree(own, s)
	if err != nil {
		return nil, fmt.Errorf("agree on a key with the reader of the token: %w", err)
	}
	nonce, payload, err := seal(key, plain, []byte(s.AAD))
	if err != nil {
		return nil, fmt.Errorf("encrypt the token: %w", err)
	}
	return line(envelope{Key: public, Nonce: nonce, Payload: payload})
}

// agree returns the key of the cipher. Both sides see the same two public keys
// in a different order, so derivation sorts them: the lesser is the salt, the
// greater the info of HKDF.
func agree(own *ecdh.PrivateKey, s Spec) ([]byte, error) {
	secret, err := own.ECDH(s.Reader)
	if err != nil || !s.DeriveKey {
		return secret, err
	}
	salt, info := own.PublicKey().Bytes(), s.Reader.Bytes()
	if bytes.Compare(salt, info) > 0 {
		salt, info = info, salt
	}
	return hkdf.Key(sha256.New, secret, salt, string(info), keyBytes)
}

// seal encrypts with AES-256-GCM and a random nonce of twelve bytes.
func seal(key, plain, aad []byte) (nonce, payload []byte, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, nil, err
	}
	sealed := gcm.Seal(nil, nil, plain, aad) //nolint:gosec // this cipher makes the nonce
	const nonceBytes = 12
	return sealed[:nonceBytes], sealed[nonceBytes:], nil
}
