package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// RawKey is the key of the whole answer.
const RawKey = "_raw"

// ErrMissing says that there is no secret at the path: it was deleted, or never
// written. What becomes of the Secret then is the resource's policy.
var ErrMissing = errors.New("there is no data at the path in Vault")

// Answer is what Vault answered, as templates and filters see it. It does not
// print itself.
type Answer struct {
	secrets  sensitive.Data
	metadata map[string]any
	raw      sensitive.Data
	wrap     any
	pki      bool
}

// FromKV1 takes the data of an answer of the KV engine, version 1.
func FromKV1(data sensitive.Data) (Answer, error) { return FromEngine(data) }

// FromKV2 takes the data of an answer of the KV engine, version 2, whose members
// data and metadata are looked into. A deleted version is ErrMissing.
func FromKV2(data sensitive.Data) (Answer, error) {
	tree := data.Reveal()
	secrets, ok := tree["data"].(map[string]any)
	if !ok {
		if tree == nil || tree["data"] == nil {
			return Answer{}, ErrMissing
		}
		return Answer{}, errors.New("the answer of Vault is not that of a KV engine of version 2: its data is not an object")
	}
	metadata, _ := tree["metadata"].(map[string]any)
	return Answer{secrets: sensitive.NewData(secrets), metadata: metadata, raw: data}, nil
}

// FromEngine takes the data of an answer of any other engine.
func FromEngine(data sensitive.Data) (Answer, error) {
	if data.Nil() {
		return Answer{}, ErrMissing
	}
	return Answer{secrets: data, raw: data}, nil
}

// FromPKI takes the data of an answer of the PKI engine: its chain of authorities
// becomes one text. It must have a serial number.
func FromPKI(data sensitive.Data) (Answer, error) {
	serial, _ := data.Reveal()["serial_number"].(string)
	if serial == "" {
		return Answer{}, errors.New("the answer of Vault is not that of a PKI engine: it has no serial_number")
	}
	return Answer{secrets: data, raw: data, pki: true}, nil
}

// WithWrap adds what templates see as .WrapData, of a wrapped response.
func (a Answer) WithWrap(wrap any) Answer {
	a.wrap = wrap
	return a
}

// Format implements fmt.Formatter, so that no verb prints a value.
func (a Answer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, sensitive.Redacted) }

// source converts the values of the answer.
func (a Answer) source() (map[string][]byte, error) {
	out := map[string][]byte{}
	for key, value := range a.secrets.Reveal() {
		converted, err := a.convert(key, value)
		if err != nil {
			return nil, err
		}
		out[key] = converted
	}
	return out, nil
}

func (a Answer) convert(key string, value any) ([]byte, error) {
	if a.pki && key == "ca_chain" {
		return []byte(lines(value)), nil
	}
	if text, ok := value.(string); ok {
		return []byte(text), nil
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		// The text of the error may quote the value.
		return nil, fmt.Errorf("the value of key %q cannot be written as JSON", key)
	}
	return encoded, nil
}

// lines joins a list of texts; a single text stays.
func lines(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		texts := make([]string, 0, len(v))
		for _, item := range v {
			if text, ok := item.(string); ok {
				texts = append(texts, text)
			}
		}
		return strings.Join(texts, "\n")
	default:
		return ""
	}
}
