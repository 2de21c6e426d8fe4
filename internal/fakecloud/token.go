package fakecloud

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// signToken makes a JSON web token with RS256.
func signToken(key *rsa.PrivateKey, id string, claims map[string]any) string {
	text := part(map[string]any{"alg": "RS256", "typ": "JWT", "kid": id}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "" // no verifier takes it
	}
	return text + "." + encode(signature)
}

func part(v map[string]any) string {
	content, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return encode(content)
}

// verifyToken returns the claims of a token that a key has signed.
func verifyToken(key *rsa.PublicKey, token string) (claims map[string]any, ok bool) {
	text, last, found := cutLast(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(last)
	sum := sha256.Sum256([]byte(text))
	if !found || err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) != nil {
		return nil, false
	}
	_, middle, _ := strings.Cut(text, ".")
	content, err := base64.RawURLEncoding.DecodeString(middle)
	ok = err == nil && json.Unmarshal(content, &claims) == nil
	return claims, ok
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func encode(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }
