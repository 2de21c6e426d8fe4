package cluster

import (
	"context"
	"encoding/base64"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Secret keeps texts in a Secret of Kubernetes.
type Secret struct {
	client          *Client
	namespace, name string
}

// NewSecret names the Secret, which need not exist.
func NewSecret(c *Client, namespace, name string) *Secret {
	return &Secret{client: c, namespace: namespace, name: name}
}

// secretObject is what is read and written of one. Entries are in base64, so that
// no error of the decoder can show them.
type secretObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Data              map[string]string `json:"data,omitempty"`
	Type              string            `json:"type,omitempty"`
}

func (s *Secret) path() string { return "/api/v1/namespaces/" + s.namespace + "/secrets" }

// Load returns the entries and the version; neither if there is no such Secret.
func (s *Secret) Load(ctx context.Context) (map[string]sensitive.String, string, error) {
	o, err := s.get(ctx)
	if hasCode(err, http.StatusNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	entries := make(map[string]sensitive.String, len(o.Data))
	for name, encoded := range o.Data {
		text, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil { // the API server accepts nothing else
			entries[name] = sensitive.New(string(text))
		}
	}
	return entries, o.ResourceVersion, nil
}

func (s *Secret) get(ctx context.Context) (*secretObject, error) {
	var o secretObject
	err := s.client.do(ctx, request{method: http.MethodGet, path: s.path() + "/" + s.name}, &o)
	return &o, err
}

// Save makes the Secret if version is "", else replaces its entries. If somebody
// else was quicker, the error is one of the API server with code 409.
func (s *Secret) Save(ctx context.Context, entries map[string]sensitive.String, version string) error {
	data := make(map[string]string, len(entries))
	for name, text := range entries {
		data[name] = base64.StdEncoding.EncodeToString([]byte(text.Reveal()))
	}
	if version == "" {
		o := &secretObject{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, Data: data, Type: "Opaque"}
		o.Name, o.Namespace = s.name, s.namespace
		return s.client.do(ctx, request{method: http.MethodPost, path: s.path(), body: o}, nil)
	}
	o, err := s.get(ctx) // for its labels and type
	if err != nil {
		return err
	}
	o.Data, o.ResourceVersion, o.ManagedFields = data, version, nil
	return s.client.do(ctx, request{method: http.MethodPut, path: s.path() + "/" + s.name, body: o}, nil)
}
