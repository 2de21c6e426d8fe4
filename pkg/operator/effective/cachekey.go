package effective

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// uidLength is the length of a UUID, which every UID of Kubernetes is.
const uidLength = 36

// CacheKey names a session: the method in lower case, a dash and 22 hexadecimal
// digits. They are of the SHA-256 of what the session is made of, its first seven
// bytes and its last four: (7+4)*2 = 22. Auth and connection are the VaultAuth and
// VaultConnection, provider is the ServiceAccount or Secret of the credentials.
func CacheKey(method string, auth, connection metav1.Object, provider types.UID) (string, error) {
	var problems []error
	if method == "" {
		problems = append(problems, errors.New("name a session: the method is not set"))
	}
	uids := []types.UID{auth.GetUID(), connection.GetUID(), provider}
	for i, what := range []string{"VaultAuth", "VaultConnection", "credentials"} {
		if len(uids[i]) != uidLength {
			problems = append(problems, fmt.Errorf("name a session: the UID %q of its %s is not one", uids[i], what))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s-%d.%s-%d.%s",
		uids[0], auth.GetGeneration(), uids[1], connection.GetGeneration(), provider))
	return strings.ToLower(method) + "-" + hex.EncodeToString(sum[:7]) + hex.EncodeToString(sum[len(sum)-4:]), nil
}

// CloneKey names a session that another shares its token with, in a Vault
// namespace of its own.
func CloneKey(key, vaultNamespace string) string {
	if vaultNamespace == "" {
		return key
	}
	return key + "-" + vaultNamespace
}

// ParentKey is the opposite of CloneKey; false for what is no key at all.
func ParentKey(key string) (string, bool) {
	method, rest, ok := strings.Cut(key, "-")
	const digits = 22
	if !ok || method == "" || len(rest) < digits {
		return "", false
	}
	if _, err := hex.DecodeString(rest[:digits]); err != nil {
		return "", false
	}
	if len(rest) > digits && (rest[digits] != '-' || len(rest) == digits+1) {
		return "", false
	}
	return key[:len(method)+1+digits], true
}
