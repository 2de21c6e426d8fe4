package csi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// tokensKey is where the driver puts the pod's service-account tokens.
const tokensKey = "csi.storage.k8s.io/serviceAccount.tokens"

// defaultAudience is the token that is used where a class names none.
const defaultAudience = "vault"

// podToken is a service-account token of a pod.
type podToken struct {
	value   sensitive.String
	expires time.Time // zero: unknown
}

// fresh tells whether a token will still be valid for a login that begins now.
func (t podToken) fresh(now time.Time) bool {
	return !t.value.Empty() && (t.expires.IsZero() || t.expires.After(now.Add(5*time.Second)))
}

// newer returns the token that ends later.
func newer(a, b podToken) podToken {
	if a.value.Empty() || !b.value.Empty() && b.expires.After(a.expires) {
		return b
	}
	return a
}

// readTokens reads the tokens that came in the attributes or in the secrets, by
// audience. Where an audience comes twice the newer token counts.
func readTokens(attributes, secrets map[string]string) (map[string]podToken, error) {
	all := map[string]podToken{}
	for _, text := range []string{attributes[tokensKey], secrets[tokensKey]} {
		if text == "" {
			continue
		}
		var raw map[string]struct {
			Token   string    `json:"token"`
			Expires time.Time `json:"expirationTimestamp"`
		}
		if json.Unmarshal([]byte(text), &raw) != nil {
			// The decoder's error may show a piece of a token.
			return nil, errors.New("failed to unmarshal service account tokens: not a JSON object of audiences with token and expirationTimestamp")
		}
		for audience, t := range raw {
			all[audience] = newer(all[audience], podToken{value: sensitive.New(t.Token), expires: t.Expires})
		}
	}
	return all, nil
}

// boundClaims is what a token says of who it belongs to.
type boundClaims struct {
	Subject    string `json:"sub"`
	Kubernetes struct {
		Pod struct {
			UID string `json:"uid"`
		} `json:"pod"`
	} `json:"kubernetes.io"`
}

// claimsOf reads a token; false where it is none that can be read.
func claimsOf(token sensitive.String) (claims boundClaims, ok bool) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return claims, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	ok = err == nil && json.Unmarshal(payload, &claims) == nil && claims.Subject != ""
	return claims, ok
}

// checkBound makes sure that a token is the pod's own: a pod's author can put any
// text into the attributes where the driver passes no tokens, and everything that
// is read with a login is shared within the service-account. What is no readable
// token is left to Vault, which refuses it.
func checkBound(token sensitive.String, p pod) error {
	claims, ok := claimsOf(token)
	if !ok {
		return nil
	}
	if claims.Subject != p.subject() {
		return fmt.Errorf("the service-account token that came with the request belongs to %q, not to %q", claims.Subject, p.subject())
	}
	if uid := claims.Kubernetes.Pod.UID; uid != "" && uid != p.UID {
		return fmt.Errorf("the service-account token that came with the request is bound to the pod with UID %q, not to %q", uid, p.UID)
	}
	return nil
}
