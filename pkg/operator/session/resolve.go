package session

import (
	"context"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
)

// Kinds of the objects that sessions are made of.
const (
	kindAuth       = "VaultAuth"
	kindGlobal     = "VaultAuthGlobal"
	kindConnection = "VaultConnection"
)

// spec is everything that a session is made of.
type spec struct {
	key        string
	ask        Ask // of whoever came first
	login      *effective.Login
	auth       store.Object
	connection store.Object
	provider   store.Provider
	references []reference
	transient  bool // its token is not kept; see transit.go
}

// same tells whether two specs of one key make the same session. The key has the
// generations of VaultAuth and VaultConnection in it, but not a VaultAuthGlobal.
func (m *spec) same(other *spec) bool {
	a, b := *m.login, *other.login
	a.Merged, b.Merged = nil, nil
	return m.key == other.key && reflect.DeepEqual(a, b)
}

// namespace is that of the login in Vault.
func (m *spec) namespace() string { return m.login.Auth.Namespace }

// found are the objects of one question.
type found struct {
	auth       *v1beta1.VaultAuth
	global     *v1beta1.VaultAuthGlobal
	connection *v1beta1.VaultConnection
}

// resolve works out who logs in where for a resource. Objects come from the cache;
// only the UID of what the login proves its identity with is asked of the API
// server, and remembered for a while.
func (s *Sessions) resolve(ctx context.Context, a Ask) (*spec, error) {
	f, err := s.find(ctx, a)
	if err != nil {
		return nil, err
	}
	in := effective.Input{
		OperatorNamespace: s.o.OperatorNamespace, Auth: f.auth, Global: f.global, Connection: f.connection, SecretIDFolders: s.o.SecretIDFolders,
	}
	if in.Consumer, err = s.consumer(ctx, f, a.Namespace); err != nil {
		return nil, err
	}
	if f.global != nil && f.global.Spec.AllowedNamespaceSelector != nil {
		if in.AuthLabels, err = s.labels(ctx, f.auth.Namespace); err != nil {
			return nil, err
		}
	}
	login, err := effective.Resolve(in)
	if err != nil {
		return nil, err
	}
	return s.identify(ctx, a, f, login)
}

// identify names the session.
func (s *Sessions) identify(ctx context.Context, a Ask, f found, login *effective.Login) (*spec, error) {
	uid, err := s.accounts.uid(ctx, login.Credential, login.Auth)
	if err != nil {
		return nil, err
	}
	key, err := effective.CacheKey(string(login.Merged.Spec.Method), f.auth, f.connection, uid)
	if err != nil {
		return nil, err
	}
	made := &spec{
		key: key, ask: a, login: login,
		auth:       store.Object{Namespace: f.auth.Namespace, UID: f.auth.UID, Generation: f.auth.Generation},
		connection: store.Object{Namespace: f.connection.Namespace, UID: f.connection.UID, Generation: f.connection.Generation},
		provider:   store.Provider{Namespace: login.Credential.Namespace, UID: uid},
		references: []reference{{kindAuth, client.ObjectKeyFromObject(f.auth)}, {kindConnection, client.ObjectKeyFromObject(f.connection)}},
	}
	if f.global != nil {
		made.references = append(made.references, reference{kindGlobal, client.ObjectKeyFromObject(f.global)})
	}
	made.login.Vault.Namespace = "" // the connection is shared by logins of all namespaces
	return made, nil
}

// find looks up the objects. Who may not use a VaultAuth learns nothing of what it
// refers to.
func (s *Sessions) find(ctx context.Context, a Ask) (f found, err error) {
	name, err := effective.AuthName(a.AuthRef, a.Namespace, s.o.OperatorNamespace)
	if err != nil {
		return f, err
	}
	f.auth = &v1beta1.VaultAuth{}
	if err := s.get(ctx, kindAuth, name, f.auth); err != nil {
		return f, err
	}
	who, err := s.consumer(ctx, f, a.Namespace)
	if err != nil {
		return f, err
	}
	if err := effective.Admit(effective.GuardedAuth(f.auth), who, s.o.OperatorNamespace); err != nil {
		return f, err
	}
	if f.global, err = s.global(ctx, f.auth); err != nil {
		return f, err
	}
	merged, err := effective.Merge(f.auth, f.global)
	if err != nil {
		return f, err
	}
	if name, err = effective.ConnectionName(merged, s.o.OperatorNamespace); err != nil {
		return f, err
	}
	f.connection = &v1beta1.VaultConnection{}
	return f, s.get(ctx, kindConnection, name, f.connection)
}

// global returns the VaultAuthGlobal that completes a VaultAuth, nil for none.
func (s *Sessions) global(ctx context.Context, auth *v1beta1.VaultAuth) (*v1beta1.VaultAuthGlobal, error) {
	names, err := effective.GlobalNames(auth, s.o.OperatorNamespace, s.o.DefaultGlobals)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		global := &v1beta1.VaultAuthGlobal{}
		err := s.get(ctx, kindGlobal, name, global)
		if err == nil {
			return global, nil
		}
		if effective.KindOf(err) != effective.NotFound || i == len(names)-1 {
			return nil, err
		}
	}
	return nil, nil
}

// consumer is the namespace of a resource, with its labels where they matter.
func (s *Sessions) consumer(ctx context.Context, f found, namespace string) (effective.Consumer, error) {
	who := effective.Consumer{Namespace: namespace}
	if f.auth.Spec.AllowedNamespaceSelector == nil || namespace == f.auth.Namespace {
		return who, nil
	}
	labels, err := s.labels(ctx, namespace)
	who.Labels = labels
	return who, err
}

func (s *Sessions) labels(ctx context.Context, namespace string) (map[string]string, error) {
	n := &corev1.Namespace{}
	if err := s.o.Cached.Get(ctx, types.NamespacedName{Name: namespace}, n); err != nil {
		return nil, fmt.Errorf("look up the labels of namespace %q: %w", namespace, err)
	}
	return n.Labels, nil
}

func (s *Sessions) get(ctx context.Context, kind string, name types.NamespacedName, into client.Object) error {
	return missingOr(s.o.Cached.Get(ctx, name, into), kind, name)
}

// missingOr makes of an error that says so one that names the missing object.
func missingOr(err error, kind string, name types.NamespacedName) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return effective.Missing(kind + " " + name.String())
	}
	return fmt.Errorf("look up %s %s: %w", kind, name, err)
}

// unusable says what is wrong with an object.
func unusable(kind, namespace, name, format string, args ...any) error {
	return &effective.Error{Kind: effective.Invalid, Object: kind + " " + namespace + "/" + name, Text: fmt.Sprintf(format, args...)}
}

// withOptions returns a way to log in whose options may be changed.
func withOptions(a config.Auth) config.Auth {
	options := make(map[string]string, len(a.Options)+4)
	for name, value := range a.Options {
		options[name] = value
	}
	a.Options = options
	return a
}
