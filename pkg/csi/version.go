package csi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// versionOf returns the version of an object: a keyed hash over what the class
// says of it and over its content, bit for bit that of the old provider. Without
// a key there is no version: a plain hash would let anybody who may see it check
// guesses of the content.
func versionOf(key sensitive.String, described any, content []byte) (string, error) {
	if key.Empty() {
		return "", nil
	}
	description, err := json.Marshal(described)
	if err != nil {
		return "", fmt.Errorf("describe the object for its version: %w", err)
	}
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write(description)
	h.Write(content)
	return base64.URLEncoding.EncodeToString(h.Sum(nil)), nil
}
