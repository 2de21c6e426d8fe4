package preview

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Data answers queries from a file in place of Vault. It is a [Source].
type Data struct {
	name    string
	answers map[string]answer
}

// answer is what Vault's API says, as `vault read -format=json` prints it.
type answer struct {
	RequestID     string         `json:"request_id"`
	LeaseID       string         `json:"lease_id"`
	LeaseDuration int            `json:"lease_duration"` // seconds
	Renewable     bool           `json:"renewable"`
	Data          map[string]any `json:"data"`
	Warnings      []string       `json:"warnings"`
	Auth          *answerAuth    `json:"auth"`
	WrapInfo      *answerWrap    `json:"wrap_info"`
	MountType     string         `json:"mount_type"`
}

type answerAuth struct {
	ClientToken   string            `json:"client_token"`
	Accessor      string            `json:"accessor"`
	Policies      []string          `json:"policies"`
	Metadata      map[string]string `json:"metadata"`
	LeaseDuration int               `json:"lease_duration"` // seconds
	Renewable     bool              `json:"renewable"`
}

type answerWrap struct {
	Token           string    `json:"token"`
	TTL             int       `json:"ttl"` // seconds
	CreationTime    time.Time `json:"creation_time"`
	WrappedAccessor string    `json:"wrapped_accessor"`
}

// ReadData reads a file, in YAML or JSON, that maps paths to Vault's answers:
//
//	{"secret/data/app": {"data": {"data": {"password": "x"}}}}
//
// A path is written as the template writes it. Where a template reads, writes and
// lists the same path, the operation stands before it: "list secret/metadata/app".
func ReadData(name string) (*Data, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read data: %w", err)
	}
	// JSON is YAML, but for numbers that YAML rounds.
	if trimmed := bytes.TrimSpace(content); len(trimmed) == 0 || trimmed[0] != '{' {
		if content, err = toJSON(content); err != nil {
			return nil, fmt.Errorf("read data %q: %w", name, err)
		}
	}
	d := &Data{name: name}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d.answers); err != nil {
		return nil, fmt.Errorf("read data %q: %w", name, describe(err))
	}
	return d, nil
}

// toJSON does not pass on the decoder's text, which may quote a value.
func toJSON(content []byte) ([]byte, error) {
	var tree map[string]any
	if yaml.Unmarshal(content, &tree) != nil {
		return nil, errors.New("it is neither JSON nor YAML, or not an object of paths")
	}
	out, err := json.Marshal(tree)
	if err != nil {
		return nil, errors.New("it holds something that JSON cannot: a key that is no text")
	}
	return out, nil
}

// describe says what does not fit without a value.
func describe(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%q must not be a %s", kind.Field, kind.Value)
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return fmt.Errorf("key %s is not part of an answer of Vault: what a secret holds stands below data", strings.TrimPrefix(err.Error(), "json: unknown field "))
	default:
		return errors.New("the document ends too early or is of another form")
	}
}

// Fetch implements [Source].
func (d *Data) Fetch(_ context.Context, q secret.Query) (*secret.Response, error) {
	path, _, _ := strings.Cut(q.Path, "?")
	for _, name := range []string{string(q.Op) + " " + q.Path, q.Path, string(q.Op) + " " + path, path} {
		if a, ok := d.answers[name]; ok {
			return a.response(), nil
		}
	}
	return nil, fmt.Errorf("%q has no answer for %v", d.name, q)
}

func (a answer) response() *secret.Response {
	r := &secret.Response{
		RequestID: a.RequestID, LeaseID: a.LeaseID, LeaseDuration: seconds(a.LeaseDuration), Renewable: a.Renewable,
		Data: sensitive.NewData(a.Data), Warnings: a.Warnings,
	}
	if t := a.Auth; t != nil {
		r.Auth = &auth.Token{
			Value: sensitive.New(t.ClientToken), Accessor: t.Accessor, TTL: seconds(t.LeaseDuration), Renewable: t.Renewable,
			Policies: t.Policies, Metadata: t.Metadata,
		}
	}
	if w := a.WrapInfo; w != nil {
		r.WrapInfo = &vault.WrapInfo{Token: sensitive.New(w.Token), TTL: seconds(w.TTL), CreationTime: w.CreationTime, WrappedAccessor: w.WrappedAccessor}
	}
	return r
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
