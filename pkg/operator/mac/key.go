package mac

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// KeySecretName is the Secret of the key, in the operator's namespace.
	KeySecretName = "vso-cc-storage-hmac-key"
	// KeyField is the entry of that Secret's data which holds the key.
	KeyField = "key"
	// KeySize is the length of a key in bytes: 128 bits.
	KeySize = 16
)

// Key is what the texts are made with. It does not print itself. The zero Key is
// none: what it is asked for fails or is unknown.
type Key struct{ bytes []byte }

// NewKey makes a key of a source of random bytes, which is crypto/rand.Reader.
func NewKey(random io.Reader) (Key, error) {
	k := Key{bytes: make([]byte, KeySize)}
	if _, err := io.ReadFull(random, k.bytes); err != nil {
		return Key{}, fmt.Errorf("make a key for the comparison of Secrets: %w", err)
	}
	return k, nil
}

// ParseKey takes the key out of its Secret. The error says what is wrong with
// the Secret, which its owner has to delete then.
func ParseKey(s *corev1.Secret) (Key, error) {
	bytes, ok := s.Data[KeyField]
	switch {
	case !ok:
		return Key{}, fmt.Errorf("secret %s/%s: the data has no key %q", s.Namespace, s.Name, KeyField)
	case len(bytes) != KeySize:
		return Key{}, fmt.Errorf("secret %s/%s: %q has %d bytes instead of %d", s.Namespace, s.Name, KeyField, len(bytes), KeySize)
	}
	return Key{bytes: append([]byte(nil), bytes...)}, nil
}

// Secret returns the Secret that keeps the key. It cannot be changed once it is
// there: every text in every status depends on it.
func (k Key) Secret(namespace string) *corev1.Secret {
	immutable := true
	return &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: KeySecretName,
			Labels: map[string]string{
				"app.kubernetes.io/name":       "vault-secrets-operator",
				"app.kubernetes.io/managed-by": "hashicorp-vso",
				"app.kubernetes.io/component":  "client-cache-storage-verification",
			},
		},
		Immutable: &immutable,
		Data:      map[string][]byte{KeyField: append([]byte(nil), k.bytes...)},
	}
}

// None tells whether there is no key.
func (k Key) None() bool { return len(k.bytes) == 0 }

// Sign returns the MAC of a message, 32 bytes; nil without a key.
func (k Key) Sign(message []byte) []byte {
	if k.None() {
		return nil
	}
	h := hmac.New(sha256.New, k.bytes)
	h.Write(message)
	return h.Sum(nil)
}

// Verify tells whether a MAC is that of a message; false without a key.
func (k Key) Verify(message, sum []byte) bool {
	return !k.None() && hmac.Equal(k.Sign(message), sum)
}

// Format implements fmt.Formatter, so that no verb prints the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, sensitive.Redacted) }

// LogValue implements slog.LogValuer without the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(sensitive.Redacted) }

// MarshalText implements encoding.TextMarshaler, and so JSON, without the key.
func (k Key) MarshalText() ([]byte, error) { return []byte(sensitive.Redacted), nil }
