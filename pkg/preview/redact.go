package preview

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// standIn makes the text that stands in place of another.
type standIn func(text string) string

// stamp says that something was there.
func stamp(text string) string {
	if text == "" {
		return ""
	}
	return sensitive.Redacted
}

// imitate keeps the form of a text, so that whatever decodes it still can: JSON,
// numbers, times, PEM and base64.
func imitate(text string) string {
	var tree any
	trimmed := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "["):
		if json.Unmarshal([]byte(trimmed), &tree) == nil {
			out, _ := json.Marshal(redactTree(tree, imitate))
			return string(out)
		}
	case strings.Contains(text, "-----BEGIN "):
		return imitatePEM(text)
	case isNumber(trimmed):
		return "0"
	case trimmed == "true" || trimmed == "false":
		return "false"
	}
	if _, err := time.Parse(time.RFC3339, trimmed); err == nil {
		return time.Unix(0, 0).UTC().Format(time.RFC3339)
	}
	if decoded, err := base64.StdEncoding.DecodeString(trimmed); err == nil && len(decoded) > 0 {
		return base64.StdEncoding.EncodeToString([]byte(sensitive.Redacted))
	}
	return stamp(text)
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// redactTree replaces the leaves of a tree as encoding/json makes it. Names of
// keys stay: a template needs them, and they are written in it anyway.
func redactTree(tree any, with standIn) any {
	switch v := tree.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = redactTree(item, with)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = redactTree(item, with)
		}
		return out
	case string:
		return with(v)
	case json.Number:
		return json.Number("0")
	case nil:
		return nil
	case bool:
		return false
	default:
		return 0
	}
}

// redacted returns the answers with stand-ins. The pieces of a certificate keep
// their form in any case: there is no template function that takes others.
func (a answers) redacted(with standIn) answers {
	out := make(answers, len(a))
	for q, r := range a {
		use := with
		if q.Op == secret.PKI {
			use = imitate
		}
		out[q] = redactResponse(r, q.Op == secret.List, use)
	}
	return out
}

func redactResponse(r *secret.Response, isList bool, with standIn) *secret.Response {
	out := &secret.Response{
		RequestID: with(r.RequestID), LeaseID: with(r.LeaseID), LeaseDuration: r.LeaseDuration, Renewable: r.Renewable, Data: r.Data,
	}
	// A list holds names of secrets, which a template reads by.
	if !isList && !r.Data.Nil() {
		tree, _ := redactTree(r.Data.Reveal(), with).(map[string]any)
		out.Data = sensitive.NewData(tree)
	}
	if r.Auth != nil {
		out.Auth = &auth.Token{
			Value: sensitive.New(with(r.Auth.Value.Reveal())), Accessor: with(r.Auth.Accessor),
			TTL: r.Auth.TTL, Renewable: r.Auth.Renewable, Policies: r.Auth.Policies,
		}
	}
	if w := r.WrapInfo; w != nil {
		out.WrapInfo = &vault.WrapInfo{Token: sensitive.New(with(w.Token.Reveal())), TTL: w.TTL, WrappedAccessor: with(w.WrappedAccessor)}
	}
	return out
}
