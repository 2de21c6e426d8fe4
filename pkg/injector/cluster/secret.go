package cluster

import (
	"context"
	"encoding/base64"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Secret keeps texts in a Secret of Kubernetes.
type Secret struct {
	client          *kube.Client
	namespace, name string
}

// NewSecret names the Secret, which need not exist.
func NewSecret(c *kube.Client, namespace, name string) *Secret {
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
	if kube.Status(err) == http.StatusNotFound {
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
	err := s.client.Do(ctx, kube.Request{Path: s.path() + "/" + s.name}, &o)
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
		o.Name, o.Namespace, o.OwnerReferences = s.name, s.namespace, owners(ctx, s.client, s.namespace)
		return s.client.Do(ctx, kube.Request{Method: http.MethodPost, Path: s.path(), Body: o}, nil)
	}
	o, err := s.get(ctx) // for its labels and type
	if err != nil {
		return err
	}
	o.Data, o.ResourceVersion, o.ManagedFields = data, version, nil
	return s.client.Do(ctx, kube.Request{Method: http.MethodPut, Path: s.path() + "/" + s.name, Body: o}, nil)
}

// owners makes what the injector keeps for itself go with its service account.
func owners(ctx context.Context, c *kube.Client, namespace string) []metav1.OwnerReference {
	var all []metav1.OwnerReference
	for _, o := range c.Owners(ctx, namespace) {
		all = append(all, metav1.OwnerReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: types.UID(o.UID)})
	}
	return all
}
