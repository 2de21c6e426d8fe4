package effective

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Input is what was looked up for one resource.
type Input struct {
	Consumer          Consumer // the namespace of the resource
	OperatorNamespace string
	Auth              *v1beta1.VaultAuth
	AuthLabels        map[string]string        // of the namespace of the VaultAuth; only looked at where the VaultAuthGlobal has a selector
	Global            *v1beta1.VaultAuthGlobal // nil where the VaultAuth refers to none
	Connection        *v1beta1.VaultConnection // by ConnectionName of the merged VaultAuth
	SecretIDFolders   []string                 // of the operator's pod, below which secretIDPath may lie
}

// Login is everything that a session is made of, except for contents of Secrets
// and tokens, of which it says where they are.
type Login struct {
	Merged     *v1beta1.VaultAuth
	Vault      config.Vault
	Auth       config.Auth
	Headers    []config.Header   // of the login request only
	Params     map[string]string // further members of the login request's body
	Credential Credential
	Files      []SecretField // of the connection: what the fields of Vault named in Option are to hold
}

// SecretField is one entry of a Secret's data.
type SecretField struct {
	Namespace string
	Name      string // of the Secret
	Field     string // of its data
	Option    string // what it is for: an option of the auth method, or a field of config.Vault
	Inline    bool   // the option holds the value itself, not the name of a file with it
	Optional  bool
}

// Names of fields of config.Vault in SecretField.Option.
const (
	OptionCACertBytes   = "CACertBytes"
	OptionClientCert    = "ClientCert"
	OptionClientKey     = "ClientKey"
	OptionProxyUser     = "ProxyAddress.User"
	OptionProxyPassword = "ProxyAddress.Password"
)

// Resolve checks who may use what, merges, and makes the login of a resource.
// Every error is an *Error.
func Resolve(in Input) (*Login, error) {
	if err := Admit(GuardedAuth(in.Auth), in.Consumer, in.OperatorNamespace); err != nil {
		return nil, err
	}
	if in.Global != nil {
		who := Consumer{Namespace: in.Auth.Namespace, Labels: in.AuthLabels}
		if err := Admit(GuardedGlobal(in.Global), who, in.OperatorNamespace); err != nil {
			return nil, err
		}
	}
	merged, err := Merge(in.Auth, in.Global)
	if err != nil {
		return nil, err
	}
	l := &Login{Merged: merged, Headers: headers(merged.Spec.Headers), Params: merged.Spec.Params}
	if l.Vault, l.Files, err = Connection(in.Connection); err != nil {
		return nil, err
	}
	l.Vault.Namespace = merged.Spec.Namespace
	namespace := in.Consumer.Namespace
	if merged.Spec.TrustNamespace {
		namespace = merged.Namespace
	}
	l.Auth, l.Credential, err = method(merged, namespace, in.SecretIDFolders)
	return l, err
}

// Connection makes the connection of a VaultConnection. The second result says
// which Secrets complete it.
func Connection(c *v1beta1.VaultConnection) (config.Vault, []SecretField, error) {
	object, s := nameOf("VaultConnection", c), &c.Spec
	timeout, err := s.Timeout.Parse()
	switch {
	case err != nil:
		return config.Vault{}, nil, invalid(object, "timeout: %v", err)
	case s.Address == "":
		return config.Vault{}, nil, invalid(object, "address is not set")
	case s.CACertPath != "" && s.CACertSecretRef != "":
		return config.Vault{}, nil, invalid(object, "caCertPath and caCertSecretRef cannot be combined")
	case slices.Contains(strings.Split(s.CACertPath, "/"), ".."):
		return config.Vault{}, nil, invalid(object, "caCertPath must not contain %q", "..")
	}
	for name := range s.Headers {
		if http.CanonicalHeaderKey(name) == "X-Vault-Namespace" {
			return config.Vault{}, nil, invalid(object, "headers must not set %q: set namespace of the objects that refer to it", name)
		}
	}
	v := config.Vault{
		Address: s.Address, CACert: s.CACertPath, TLSServerName: s.TLSServerName, TLSSkipVerify: s.SkipTLSVerify,
		Timeout: timeout, Headers: headers(s.Headers),
	}
	if s.RateLimit != nil {
		v.RateLimit, v.RateBurst = float64(s.RateLimit.QPS), s.RateLimit.Burst
	}
	if s.Proxy != nil {
		v.ProxyAddress = s.Proxy.URL
	}
	return v, connectionFiles(c), nil
}

func connectionFiles(c *v1beta1.VaultConnection) []SecretField {
	var files []SecretField
	add := func(secret, field, option string) {
		if secret != "" {
			files = append(files, SecretField{Namespace: c.Namespace, Name: secret, Field: field, Option: option})
		}
	}
	add(c.Spec.CACertSecretRef, "ca.crt", OptionCACertBytes)
	add(c.Spec.ClientCertSecretRef, "tls.crt", OptionClientCert)
	add(c.Spec.ClientCertSecretRef, "tls.key", OptionClientKey)
	if c.Spec.Proxy != nil {
		add(c.Spec.Proxy.SecretRef, "username", OptionProxyUser)
		add(c.Spec.Proxy.SecretRef, "password", OptionProxyPassword)
	}
	return files
}

// headers returns headers in the order of their names.
func headers(m map[string]string) []config.Header {
	var all []config.Header
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, config.Header{Name: name, Value: m[name]})
	}
	return all
}
