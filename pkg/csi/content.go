package csi

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// file is one file of a volume.
type file struct {
	path      string
	content   []byte
	versioned []byte // what its version is made of, where that is not the content
}

// contents makes the files of an object out of what Vault answered.
func (o *object) contents(r *secret.Response) ([]file, error) {
	switch {
	case r.Empty():
		return nil, fmt.Errorf("empty response from %q, warnings: %v", o.SecretPath, r.Warnings)
	case o.format() != "":
		return o.formatted(r)
	case o.SecretKey == "" && o.JSONPath == "":
		return o.entire(r)
	}
	value, err := o.value(r)
	if err != nil {
		return nil, err
	}
	content, err := plain(value)
	if err == nil {
		content, err = decodeText(o.Encoding, content)
	}
	if err != nil {
		return nil, err
	}
	return []file{{path: o.ObjectName, content: content}}, nil
}

// value finds what an object selects from an answer.
func (o *object) value(r *secret.Response) (any, error) {
	data := r.Data.Reveal()
	if r.WrapInfo != nil {
		data = wrapping(r.WrapInfo)
	}
	if inner, ok := data["data"].(map[string]any); ok {
		data = inner
	}
	var value any = data
	if o.SecretKey != "" {
		found, ok := data[o.SecretKey]
		if !ok {
			return nil, fmt.Errorf("{%s}: {key %q does not exist at the secret path}", o.SecretPath, o.SecretKey)
		}
		value = found
	}
	if o.JSONPath == "" {
		return value, nil
	}
	found, ok := descend(value, o.JSONPath)
	if !ok {
		return nil, fmt.Errorf("{%s}: {jsonPath %q does not exist at the secret path}", o.SecretPath, o.JSONPath)
	}
	return found, nil
}

// descend follows a JSON pointer ("/a/0/b"), or names with dots between them
// ("a.0.b"). A text on the way that holds JSON is opened.
func descend(value any, at string) (any, bool) {
	separator, pointer := ".", strings.HasPrefix(at, "/")
	if pointer {
		separator, at = "/", at[1:]
	}
	for name := range strings.SplitSeq(at, separator) {
		if pointer {
			name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		}
		next, ok := step(value, name)
		if !ok {
			return nil, false
		}
		value = next
	}
	return value, true
}

func step(value any, name string) (any, bool) {
	if text, ok := value.(string); ok {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&value) != nil {
			return nil, false
		}
	}
	switch v := value.(type) {
	case map[string]any:
		next, ok := v[name]
		return next, ok
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

// plain returns a text as it is and everything else as compact JSON, with the
// escapes that encoding/json has by default, because the old provider writes them.
func plain(value any) ([]byte, error) {
	if text, ok := value.(string); ok {
		return []byte(text), nil
	}
	content, err := json.Marshal(value)
	if err != nil {
		return nil, errors.New("the value cannot be written as JSON")
	}
	return content, nil
}

// decodeText undoes an encoding. The errors of the decoders are left out, because
// they show pieces of the value.
func decodeText(encoding string, content []byte) ([]byte, error) {
	switch strings.ToLower(encoding) {
	case "base64":
		decoded, err := base64.StdEncoding.DecodeString(string(content))
		if err != nil {
			return nil, errors.New("the value is no valid base64, as its encoding says")
		}
		return decoded, nil
	case "hex":
		decoded, err := hex.DecodeString(string(content))
		if err != nil {
			return nil, errors.New("the value is no valid hex, as its encoding says")
		}
		return decoded, nil
	}
	return content, nil
}

// answer is a complete response in the form in which the old provider writes it.
type answer struct {
	RequestID     string         `json:"request_id"`
	LeaseID       string         `json:"lease_id"`
	LeaseDuration int            `json:"lease_duration"`
	Renewable     bool           `json:"renewable"`
	Data          map[string]any `json:"data"`
	Warnings      []string       `json:"warnings"`
	Auth          *answerAuth    `json:"auth,omitempty"`
	WrapInfo      map[string]any `json:"wrap_info,omitempty"`
	MountType     string         `json:"mount_type,omitempty"`
}

// answerAuth is the token of an answer.
type answerAuth struct {
	ClientToken   string            `json:"client_token"`
	Accessor      string            `json:"accessor"`
	Policies      []string          `json:"policies"`
	Metadata      map[string]string `json:"metadata"`
	LeaseDuration int               `json:"lease_duration"`
	Renewable     bool              `json:"renewable"`
}

// entire makes the file of a complete response. Its version leaves the request id
// out, which is another one at each read and means nothing.
func (o *object) entire(r *secret.Response) ([]file, error) {
	a := answer{
		RequestID: r.RequestID, LeaseID: r.LeaseID, LeaseDuration: wholeSeconds(r.LeaseDuration), Renewable: r.Renewable,
		Data: r.Data.Reveal(), Warnings: r.Warnings, MountType: r.MountType,
	}
	if r.WrapInfo != nil {
		a.WrapInfo = wrapping(r.WrapInfo)
	}
	if t := r.Auth; t != nil {
		a.Auth = &answerAuth{
			ClientToken: t.Value.Reveal(), Accessor: t.Accessor, Policies: t.Policies, Metadata: t.Metadata,
			LeaseDuration: wholeSeconds(t.TTL), Renewable: t.Renewable,
		}
	}
	content, err := json.Marshal(a)
	if err != nil {
		return nil, errors.New("the response cannot be written as JSON")
	}
	a.RequestID = ""
	versioned, err := json.Marshal(a)
	return []file{{path: o.ObjectName, content: content, versioned: versioned}}, err
}

func wrapping(w *vault.WrapInfo) map[string]any {
	return map[string]any{
		"token": w.Token.Reveal(), "accessor": w.Accessor, "ttl": wholeSeconds(w.TTL),
		"creation_time": w.CreationTime.Format(time.RFC3339Nano), "creation_path": w.CreationPath, "wrapped_accessor": w.WrappedAccessor,
	}
}

func wholeSeconds(d time.Duration) int { return int(d / time.Second) }

// formatted makes the files of an object with a format. Those of a format that
// makes several lie in the directory of the object's name.
func (o *object) formatted(r *secret.Response) ([]file, error) {
	format, err := o.renderer()
	if err != nil {
		return nil, err
	}
	result, err := format.Execute(render.SourceFunc(func(secret.Query) *secret.State { return &secret.State{Response: r} }))
	if err != nil {
		return nil, err
	}
	if result.Set == nil {
		return []file{{path: o.ObjectName, content: result.Output}}, nil
	}
	all := make([]file, len(result.Set))
	for i, f := range result.Set {
		all[i] = file{path: path.Join(o.ObjectName, f.Name), content: f.Content}
	}
	return all, nil
}
