package token_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// failer is a test or a property.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// readerKey is the private key of testdata/agent/key.json.
func readerKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{0x42}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// open decrypts a file as a program beside the agent does, written after the
// description of the format and without the code that is tested: HKDF is done by
// hand (RFC 5869: extract with the lesser key as salt, expand one block).
func open(t failer, reader *ecdh.PrivateKey, file []byte, derive bool, aad string) ([]byte, error) {
	t.Helper()
	var e struct {
		Theirs  []byte `json:"curve25519_public_key"`
		Nonce   []byte `json:"nonce"`
		Payload []byte `json:"encrypted_payload"`
	}
	if err := json.Unmarshal(file, &e); err != nil {
		t.Fatalf("not an envelope: %v", err)
	}
	theirs, err := ecdh.X25519().NewPublicKey(e.Theirs)
	if err != nil {
		t.Fatal(err)
	}
	key, err := reader.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if derive {
		lesser, greater := reader.PublicKey().Bytes(), e.Theirs
		if bytes.Compare(lesser, greater) > 0 {
			lesser, greater = greater, lesser
		}
		key = mac(mac(lesser, key), append(bytes.Clone(greater), 1))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm.Open(nil, e.Nonce, e.Payload, []byte(aad))
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

func recorded(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "agent", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestOpenReadsTheVaultAgent proves that open is a reader of the old agent's
// files; the other tests have it read ours.
func TestOpenReadsTheVaultAgent(t *testing.T) {
	cases := map[string]struct {
		derive  bool
		aad     string
		content string // a beginning
	}{
		"dh":      {content: "plain-root-token"},
		"derived": {derive: true, aad: "my aad", content: "plain-root-token"},
		"both":    {derive: true, aad: "my aad", content: `{"token":"hvs.`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plain, err := open(t, readerKey(t), recorded(t, name), tc.derive, tc.aad)
			if err != nil || !bytes.HasPrefix(plain, []byte(tc.content)) {
				t.Errorf("content %q, %v; want %q", plain, err, tc.content)
			}
			for wrong, read := range map[string]func() ([]byte, error){
				"derivation": func() ([]byte, error) { return open(t, readerKey(t), recorded(t, name), !tc.derive, tc.aad) },
				"data":       func() ([]byte, error) { return open(t, readerKey(t), recorded(t, name), tc.derive, tc.aad+"x") },
			} {
				if _, err := read(); err == nil {
					t.Errorf("opened with the wrong %s", wrong)
				}
			}
		})
	}
}
