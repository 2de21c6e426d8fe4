package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// claims is what we want to know of a JSON web token. Nothing here is verified:
// Vault does that, we only want to fail early and in clear words.
type claims struct {
	Subject string
	Expires *int64 // seconds since 1970; nil: never, or unreadable
}

// checkJWT tells why the text of a file cannot be a valid JSON web token now.
// The error never holds any of the text.
func checkJWT(path, text string, now time.Time) error {
	c, ok := parseJWT(text)
	if !ok {
		return fmt.Errorf("the file %q does not hold a JWT: expected three base64 parts separated by dots", path)
	}
	if c.Expires == nil {
		return nil
	}
	if end := time.Unix(*c.Expires, 0).UTC(); !end.After(now) {
		return fmt.Errorf("the token in %q expired at %s", path, end.Format(time.RFC3339))
	}
	return nil
}

// parseJWT returns the claims of a token, empty where they are no JSON object
// of the expected types; ok tells whether the text has a token's form.
func parseJWT(text string) (c claims, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	var payload []byte
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || len(decoded) == 0 {
			return claims{}, false
		}
		if i == 1 {
			payload = decoded
		}
	}
	return parseClaims(payload), true
}

// parseClaims reads each claim by itself, so that an odd one does not hide the
// others. RFC 7519 allows a fraction in exp; one that time cannot hold is ignored.
func parseClaims(payload []byte) claims {
	var raw struct {
		Subject json.RawMessage `json:"sub"`
		Expires json.RawMessage `json:"exp"`
	}
	if json.Unmarshal(payload, &raw) != nil {
		return claims{}
	}
	var c claims
	if json.Unmarshal(raw.Subject, &c.Subject) != nil {
		c.Subject = ""
	}
	// 100 times 2^31 s ends in the year 8775: still a date that RFC 3339 can write.
	var expires *float64
	if json.Unmarshal(raw.Expires, &expires) == nil && expires != nil && math.Abs(*expires) < math.MaxInt32*100 {
		whole := int64(*expires)
		c.Expires = &whole
	}
	return c
}
