package auth

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// FromLogin returns the token that a login or a renewal yielded. It fails where
// the answer holds none, which is so for a login that demands a second factor.
func FromLogin(answer *api.Secret) (*Token, error) {
	switch {
	case answer == nil || answer.Auth == nil:
		return nil, errors.New("vault answered the login without a token")
	case answer.Auth.ClientToken == "" && answer.Auth.MFARequirement != nil:
		return nil, errors.New("vault demands a second factor for this login, which is not supported")
	case answer.Auth.ClientToken == "":
		return nil, errors.New("vault answered the login with an empty token")
	}
	a := answer.Auth
	return &Token{
		Value:     sensitive.New(a.ClientToken),
		Accessor:  a.Accessor,
		TTL:       time.Duration(a.LeaseDuration) * time.Second,
		Renewable: a.Renewable,
		Batch:     batchToken(a.ClientToken),
		Policies:  slices.Clone(a.Policies),
		Metadata:  a.Metadata,
	}, nil
}

// FromLookup returns a token as the data of auth/token/lookup-self describes it.
func FromLookup(value sensitive.String, data map[string]any) *Token {
	accessor, _ := data["accessor"].(string)
	renewable, _ := data["renewable"].(bool)
	return &Token{
		Value:     value,
		Accessor:  accessor,
		TTL:       seconds(data["ttl"]),
		Renewable: renewable,
		Batch:     data["type"] == "batch" || batchToken(value.Reveal()),
		Policies:  append(texts(data["policies"]), texts(data["identity_policies"])...),
		Metadata:  textMap(data["meta"]),
	}
}

// batchToken tells a batch token by its prefix: the answer of a login has a
// field for it, which the Vault module does not pass on.
func batchToken(value string) bool {
	return strings.HasPrefix(value, "hvb.") || strings.HasPrefix(value, "b.")
}

// seconds reads a count of seconds in any of the shapes that JSON gives it.
func seconds(v any) time.Duration {
	switch n := v.(type) {
	case json.Number:
		return seconds(n.String())
	case float64:
		return time.Duration(n * float64(time.Second))
	case int:
		return time.Duration(n) * time.Second
	case string:
		count, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			return 0
		}
		return time.Duration(count) * time.Second
	}
	return 0
}

// texts returns the texts of a decoded JSON list.
func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// textMap returns the texts of a decoded JSON object.
func textMap(v any) map[string]string {
	object, _ := v.(map[string]any)
	if len(object) == 0 {
		return nil
	}
	out := make(map[string]string, len(object))
	for name, item := range object {
		if text, ok := item.(string); ok {
			out[name] = text
		}
	}
	return out
}
