package kube

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Owner is an entry of an object's metadata.ownerReferences.
type Owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

// Owners are the owners of what a program makes for itself in a namespace: the service
// account that it runs as. Whatever removes that, such as `helm uninstall`, does not
// know of these objects; the garbage collector then removes them. Nobody needs a right
// to name an owner of a new object. There are none if the credentials are not those of
// a service account of the namespace: objects of others would be collected at once.
func (c *Client) Owners(ctx context.Context, namespace string) []Owner {
	token, err := c.who.bearer(ctx)
	if err != nil {
		return nil // the request that follows tells of it
	}
	return OwnersOf(token.Reveal(), namespace)
}

// OwnersOf is Owners for the token of a service account: it reads what the API server
// wrote into it. The signature is its own business.
func OwnersOf(token, namespace string) []Owner {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Kubernetes struct {
			Namespace      string                     `json:"namespace"`
			ServiceAccount struct{ Name, UID string } `json:"serviceaccount"`
		} `json:"kubernetes.io"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil
	}
	account := claims.Kubernetes.ServiceAccount
	if claims.Kubernetes.Namespace != namespace || account.Name == "" || account.UID == "" {
		return nil
	}
	return []Owner{{APIVersion: "v1", Kind: "ServiceAccount", Name: account.Name, UID: account.UID}}
}
