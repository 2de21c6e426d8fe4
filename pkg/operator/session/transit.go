package session

import (
	"context"
	"fmt"
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// encryptionLabel marks the one VaultAuth that tokens are encrypted with.
const encryptionLabel = "cacheStorageEncryption"

// encrypter finds the VaultAuth that tokens are encrypted with.
func (s *Sessions) encrypter(ctx context.Context) (*v1beta1.VaultAuth, error) {
	list := &v1beta1.VaultAuthList{}
	err := s.o.Cached.List(ctx, list, client.InNamespace(s.o.OperatorNamespace), client.MatchingLabels{encryptionLabel: "true"})
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for the VaultAuth that tokens are encrypted with: %w", err)
	case len(list.Items) != 1:
		return nil, fmt.Errorf("tokens are to be kept encrypted: namespace %q must have exactly one VaultAuth with label %s=true, not %d",
			s.o.OperatorNamespace, encryptionLabel, len(list.Items))
	case list.Items[0].Spec.StorageEncryption == nil:
		return nil, unusable(kindAuth, s.o.OperatorNamespace, list.Items[0].Name, "storageEncryption is not set, which label %s=true asks for", encryptionLabel)
	}
	return &list.Items[0], nil
}

// encrypt returns the encrypted form of a token, and the name of the VaultAuth that
// it was encrypted with.
func (s *Sessions) encrypt(ctx context.Context, token []byte) ([]byte, string, error) {
	by, err := s.encrypter(ctx)
	if err != nil {
		return nil, "", err
	}
	key := keyOf(by)
	data, err := s.transit(ctx, by.Name, key.Encrypt(token))
	if err != nil {
		return nil, "", fmt.Errorf("encrypt a token with VaultAuth %s: %w", by.Name, err)
	}
	payload, err := key.Encrypted(data)
	return payload, by.Name, err
}

// decrypt is the opposite of encrypt. A payload that the key is not for is unfit.
func (s *Sessions) decrypt(ctx context.Context, name string, payload []byte) ([]byte, error) {
	by := &v1beta1.VaultAuth{}
	if err := s.get(ctx, kindAuth, client.ObjectKey{Namespace: s.o.OperatorNamespace, Name: name}, by); err != nil {
		return nil, &unfitError{err}
	}
	if by.Spec.StorageEncryption == nil {
		return nil, &unfitError{unusable(kindAuth, by.Namespace, by.Name, "storageEncryption is not set")}
	}
	key := keyOf(by)
	request, err := key.Decrypt(payload)
	if err != nil {
		return nil, &unfitError{err}
	}
	data, err := s.transit(ctx, name, request)
	if err != nil && !temporary(err) && vault.KindOf(err) != vault.InvalidToken && ctx.Err() == nil {
		return nil, &unfitError{err}
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt a kept token with VaultAuth %s: %w", name, err)
	}
	return key.Decrypted(data)
}

func keyOf(a *v1beta1.VaultAuth) store.Encryption {
	return store.Encryption{Mount: a.Spec.StorageEncryption.Mount, Key: a.Spec.StorageEncryption.KeyName}
}

// transit calls the engine with a token of its own, which is not kept itself.
func (s *Sessions) transit(ctx context.Context, name string, r store.Request) (map[string]any, error) {
	made, err := s.resolve(ctx, Ask{Namespace: s.o.OperatorNamespace, AuthRef: name})
	if err != nil {
		return nil, err
	}
	made.key, made.transient = "transit:"+made.key, true
	l := s.login(made)
	if err := l.ready(ctx); err != nil {
		return nil, err
	}
	response, err := l.in("").Do(ctx, vault.Request{Method: http.MethodPut, Path: r.Path, Body: r.Body})
	if err != nil {
		return nil, err
	}
	return response.Data.Reveal(), nil
}
