package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
)

// Prefix is what the names of the Secrets begin with; the cache key follows.
const Prefix = "vso-cc-"

// Names of the entries of a Secret's data.
const (
	fieldToken = "secret"
	fieldMAC   = "messageMAC"
)

// Labels of the Secrets. Some prefixes have no dot, which Kubernetes allows.
const (
	labelCacheKey             = "cacheKey"
	labelEncrypted            = "encrypted"
	labelTransitRef           = "vaultTransitRef"
	labelAuthNamespace        = "auth/namespace"
	labelAuthUID              = "auth/UID"
	labelAuthGeneration       = "auth/generation"
	labelConnectionNamespace  = "connection/namespace"
	labelConnectionUID        = "connection/UID"
	labelConnectionGeneration = "connection/generation"
	labelProviderNamespace    = "provider/namespace"
	labelProviderUID          = "provider/UID"
)

// Labels selects the Secrets of all sessions.
func Labels() map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":       "vault-secrets-operator",
		"app.kubernetes.io/managed-by": "vso",
		"app.kubernetes.io/component":  "client-cache-storage",
	}
}

// Object is a resource that a session was made of, at one generation.
type Object struct {
	Namespace  string
	UID        types.UID
	Generation int64
}

// Provider is the ServiceAccount or Secret that a session logged in with.
type Provider struct {
	Namespace string
	UID       types.UID
}

// Entry is one kept session: everything but the token itself.
type Entry struct {
	CacheKey   string
	Auth       Object // VaultAuth
	Connection Object // VaultConnection
	Provider   Provider
	TransitRef string // name of the VaultAuth whose transit key encrypted the token; "": it is not encrypted
}

// Name returns the name of the session's Secret.
func (e Entry) Name() string { return Prefix + e.CacheKey }

// Secret returns the Secret that keeps a session. The payload is the token, by
// [EncodeToken], or its encrypted form, by [Encryption.Encrypted], when the entry
// has a TransitRef. The Secret is immutable: another token needs another Secret.
func (e Entry) Secret(namespace string, payload []byte, key mac.Key, owners ...metav1.OwnerReference) (*corev1.Secret, error) {
	switch {
	case e.CacheKey == "":
		return nil, fmt.Errorf("keep a token: the session has no cache key")
	case len(payload) == 0:
		return nil, fmt.Errorf("keep the token of session %q: there is nothing to keep", e.CacheKey)
	case key.None():
		return nil, fmt.Errorf("keep the token of session %q: there is no key to sign with", e.CacheKey)
	}
	immutable := true
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: e.Name(), Labels: e.labels(), OwnerReferences: owners},
		Immutable:  &immutable,
		Data:       map[string][]byte{fieldToken: payload, fieldMAC: key.Sign(message(e.Name(), e.CacheKey, payload))},
	}, nil
}

func (e Entry) labels() map[string]string {
	labels := Labels()
	labels[labelCacheKey] = e.CacheKey
	labels[labelAuthNamespace] = e.Auth.Namespace
	labels[labelAuthUID] = string(e.Auth.UID)
	labels[labelAuthGeneration] = strconv.FormatInt(e.Auth.Generation, 10)
	labels[labelConnectionNamespace] = e.Connection.Namespace
	labels[labelConnectionUID] = string(e.Connection.UID)
	labels[labelConnectionGeneration] = strconv.FormatInt(e.Connection.Generation, 10)
	labels[labelProviderNamespace] = e.Provider.Namespace
	labels[labelProviderUID] = string(e.Provider.UID)
	if e.TransitRef != "" {
		labels[labelEncrypted] = "true"
		labels[labelTransitRef] = e.TransitRef
	}
	return labels
}

// Open takes a session out of its Secret, and the payload, which is to be
// decrypted first when the entry has a TransitRef. A Secret that is not what was
// written is an error; it is of no use to anybody, and to be deleted.
func Open(s *corev1.Secret, key mac.Key) (Entry, []byte, error) {
	cacheKey, named := strings.CutPrefix(s.Name, Prefix)
	payload, sum := s.Data[fieldToken], s.Data[fieldMAC]
	switch {
	case !named || cacheKey == "":
		return Entry{}, nil, refuse(s, "the name is not %qCACHEKEY", Prefix)
	case len(payload) == 0:
		return Entry{}, nil, refuse(s, "the data has no key %q", fieldToken)
	case len(sum) == 0:
		return Entry{}, nil, refuse(s, "the data has no key %q", fieldMAC)
	case !key.Verify(message(s.Name, cacheKey, payload), sum):
		return Entry{}, nil, refuse(s, "the MAC is not that of the token: the Secret was changed, or signed with another key")
	}
	e, err := entry(s, cacheKey)
	return e, payload, err
}

// entry reads the labels. They are not signed: what they say is only used to find
// Secrets, and compared with the objects of the cluster.
func entry(s *corev1.Secret, cacheKey string) (Entry, error) {
	auth, err := generation(s, labelAuthGeneration)
	if err != nil {
		return Entry{}, err
	}
	connection, err := generation(s, labelConnectionGeneration)
	if err != nil {
		return Entry{}, err
	}
	uid := func(label string) types.UID { return types.UID(s.Labels[label]) }
	return Entry{
		CacheKey:   cacheKey,
		Auth:       Object{Namespace: s.Labels[labelAuthNamespace], UID: uid(labelAuthUID), Generation: auth},
		Connection: Object{Namespace: s.Labels[labelConnectionNamespace], UID: uid(labelConnectionUID), Generation: connection},
		Provider:   Provider{Namespace: s.Labels[labelProviderNamespace], UID: uid(labelProviderUID)},
		TransitRef: s.Labels[labelTransitRef],
	}, nil
}

func generation(s *corev1.Secret, label string) (int64, error) {
	text := s.Labels[label]
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, refuse(s, "label %q is %q, not a generation", label, text)
	}
	return n, nil
}

func refuse(s *corev1.Secret, format string, args ...any) error {
	return fmt.Errorf("kept token %s/%s: %s", s.Namespace, s.Name, fmt.Sprintf(format, args...))
}

// message is what is signed: the name, the cache key and the payload without
// anything between them.
func message(name, cacheKey string, payload []byte) []byte {
	return slices.Concat([]byte(name), []byte(cacheKey), payload)
}
