package auth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// gcpScope allows what the account's roles allow.
	gcpScope = "https://www.googleapis.com/auth/cloud-platform"
	// gcpAssertionLife is ample for one exchange; Google takes up to an hour.
	gcpAssertionLife = 5 * time.Minute
	// grantJWT is the grant of RFC 7523.
	grantJWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// gcpKeySource is the option credentials: the JSON of a key or the path of a file
// that holds it. Where it is empty, the environment says.
type gcpKeySource string

// gcpKey is a service-account key, with the names of Google's file.
type gcpKey struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`
}

// locate tells where the key is: its text, or the path of its file; neither for
// an account without a key.
func (s gcpKeySource) locate() (text, path string) {
	v := string(s)
	if v == "" {
		v = first("GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON")
	}
	switch {
	case strings.HasPrefix(strings.TrimSpace(v), "{"):
		return v, ""
	case v != "":
		return "", v
	}
	return "", os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
}

// read returns the key, nil where there is none.
func (s gcpKeySource) read() (*gcpKey, error) {
	text, path := s.locate()
	switch {
	case path != "":
		content, err := (&credential{noun: "service account key", path: path}).read()
		if err != nil {
			return nil, err
		}
		return parseGCPKey(fmt.Sprintf("the service account key in %q", path), content.Reveal())
	case text != "":
		return parseGCPKey("the service account key", text)
	}
	return nil, nil
}

func parseGCPKey(noun, text string) (*gcpKey, error) {
	var key gcpKey
	if json.Unmarshal([]byte(text), &key) != nil {
		return nil, fmt.Errorf("%s is not JSON", noun)
	}
	if key.Type != "service_account" {
		return nil, fmt.Errorf("%s is of the type %q; only \"service_account\" is supported", noun, key.Type)
	}
	if key.ClientEmail == "" || key.PrivateKey == "" || key.TokenURI == "" {
		return nil, fmt.Errorf("%s lacks client_email, private_key or token_uri", noun)
	}
	return &key, nil
}

// accessToken exchanges a token that is signed with the key.
func (k *gcpKey) accessToken(ctx context.Context) (sensitive.String, error) {
	if err := trusted("token_uri of the service account key", k.TokenURI); err != nil {
		return sensitive.String{}, err
	}
	assertion, err := k.assertion(time.Now())
	if err != nil {
		return sensitive.String{}, fmt.Errorf("sign with the key of %q: %w", k.ClientEmail, err)
	}
	call := form(k.TokenURI, url.Values{"grant_type": {grantJWT}, "assertion": {assertion.Reveal()}}, assertion)
	return accessToken(ctx, cloudClient(), call)
}

// assertion is a JSON web token, signed with RS256.
func (k *gcpKey) assertion(now time.Time) (sensitive.String, error) {
	private, err := parseRSA(k.PrivateKey)
	if err != nil {
		return sensitive.String{}, err
	}
	header, err := encodePart(map[string]any{"alg": "RS256", "typ": "JWT", "kid": k.PrivateKeyID})
	if err != nil {
		return sensitive.String{}, err
	}
	claims, err := encodePart(map[string]any{
		"iss": k.ClientEmail, "scope": gcpScope, "aud": k.TokenURI, "iat": now.Unix(), "exp": now.Add(gcpAssertionLife).Unix(),
	})
	if err != nil {
		return sensitive.String{}, err
	}
	text := header + "." + claims
	hash := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, hash[:])
	if err != nil {
		return sensitive.String{}, err
	}
	return sensitive.New(text + "." + base64.RawURLEncoding.EncodeToString(signature)), nil
}

func encodePart(v map[string]any) (string, error) {
	content, err := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(content), err
}

// parseRSA reads a key in either of its two forms. What the parsers say is not
// passed on, as it may show bytes.
func parseRSA(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the private key is not in PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("the private key is not an RSA key")
	}
	return private, nil
}
