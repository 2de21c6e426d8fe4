package fakecloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signatureSkew is how far the time of a signature may be from that of AWS.
const signatureSkew = 5 * time.Minute

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
)

// authorization is the header of a signed request, taken apart.
type authorization struct {
	key, date, region, service string
	signed                     []string
	signature                  string
}

// verify checks a request as "AWS Signature Version 4 for API requests" has it:
// the canonical request, the string to sign, the derived key.
func (a *AWS) verify(r *http.Request, body []byte, now time.Time) (Key, *refusal) {
	auth, ok := parseAuthorization(r.Header.Get("Authorization"))
	if !ok {
		return Key{}, refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	key, known := a.keys[auth.key]
	if !known || key.Session != r.Header.Get("X-Amz-Security-Token") {
		return Key{}, refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	if !key.Expires.IsZero() && now.After(key.Expires) {
		return Key{}, refuse(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	if problem := auth.check(r, now); problem != nil {
		return Key{}, problem
	}
	if !hmac.Equal([]byte(auth.sign(key.Secret, r, body)), []byte(auth.signature)) {
		return Key{}, refuse(http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	}
	return key, nil
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request,
// SignedHeaders=a;b, Signature=hex".
func parseAuthorization(text string) (a authorization, ok bool) {
	rest, ok := strings.CutPrefix(text, algorithm+" ")
	if !ok {
		return a, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return a, false
			}
			a.key, a.date, a.region, a.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			a.signed = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.key != "" && a.signature != "" && len(a.signed) > 0
}

// check judges the scope, the time and what has to be signed.
func (a authorization) check(r *http.Request, now time.Time) *refusal {
	at, err := time.Parse(timeFormat, r.Header.Get("X-Amz-Date"))
	mismatch := func(format string, args ...any) *refusal {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch", format, args...)
	}
	switch {
	case err != nil:
		return mismatch("the date is not in ISO 8601")
	case at.Sub(now).Abs() > signatureSkew:
		return mismatch("Signature expired: %s is not near %s", at.Format(timeFormat), now.UTC().Format(timeFormat))
	case a.date != at.Format("20060102"):
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
	case a.service != "sts":
		return mismatch("Credential should be scoped to correct service: 'sts'.")
	case a.region != regionOf(r.Host):
		return mismatch("Credential should be scoped to a valid region: %s.", regionOf(r.Host))
	case !slices.IsSorted(a.signed):
		return mismatch("the signed headers must be sorted")
	}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(a.signed, lower) {
			return mismatch("the header %s must be signed", lower)
		}
	}
	if !slices.Contains(a.signed, "host") {
		return mismatch("'Host' must be a 'SignedHeader'")
	}
	return nil
}

// regionOf is the region of a host of STS; the global one belongs to us-east-1.
func regionOf(host string) string {
	parts := strings.Split(host, ".")
	if len(parts) < 4 || parts[0] != "sts" {
		return "us-east-1"
	}
	return parts[1]
}

// sign computes the signature that the request should have.
func (a authorization) sign(secret string, r *http.Request, body []byte) string {
	scope := strings.Join([]string{a.date, a.region, a.service, "aws4_request"}, "/")
	text := strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), scope, hash(a.canonical(r, body))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

// canonical is the request as both sides write it; the path is normalized, which
// matters because Vault sends a slash too many.
func (a authorization) canonical(r *http.Request, body []byte) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + path.Clean("/"+r.URL.EscapedPath()) + "\n" + r.URL.Query().Encode() + "\n")
	for _, name := range a.signed {
		b.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(a.signed, ";") + "\n" + hash(string(body)))
	return b.String()
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length": // the server takes it out of the headers
		return strconv.FormatInt(r.ContentLength, 10)
	}
	var values []string
	for _, v := range r.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(v), " "))
	}
	return strings.Join(values, ",")
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
