package effective

import (
	"path"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Source is what a login proves its identity with.
type Source int

// The sources. The UID of the object behind it is a part of the [CacheKey].
const (
	AccountToken Source = iota // a token that is requested for a ServiceAccount
	AccountCloud               // the identity in a cloud that a ServiceAccount stands for
	SecretKeys                 // entries of a Secret
	OperatorFile               // a file in the operator's pod; it has no UID
	OperatorSelf               // what a cloud knows of the operator's node, or the connection's client certificate; the UID is that of ConfigMap kube-root-ca.crt
)

// Credential says where the credentials of a login are.
type Credential struct {
	Source     Source
	Namespace  string        // of the ServiceAccount, Secret or ConfigMap
	Name       string        // of the ServiceAccount, Secret or ConfigMap
	Audiences  []string      // of the requested token; none: those of the cluster
	Expiration time.Duration // of the requested token
	Fields     []SecretField // of the Secret, to be files that the options name
	Texts      []Text        // of the spec, to be files that the options name
	Account    []Annotation  // of the ServiceAccount, for AccountCloud
}

// Text is an option that a method reads from a file, though it is in the spec.
type Text struct {
	Option string
	Text   string
}

// Annotation is an annotation of a ServiceAccount that becomes an option.
type Annotation struct {
	Name     string
	Option   string
	Default  string
	Required bool
}

// defaultExpiration is the life of a requested token, and the shortest that
// Kubernetes gives.
const defaultExpiration = 600 * time.Second

// rootConfigMap is in every namespace; its UID stands for the operator's own
// identity there.
const rootConfigMap = "kube-root-ca.crt"

// login is a login of one method under construction.
type login struct {
	auth       *v1beta1.VaultAuth
	namespace  string // where ServiceAccounts and Secrets are
	folders    []string
	config     config.Auth
	credential Credential
	missing    []string // names of fields that are needed
	err        error
}

// method makes the login of a merged VaultAuth.
func method(auth *v1beta1.VaultAuth, namespace string, folders []string) (config.Auth, Credential, error) {
	s := &auth.Spec
	l := &login{auth: auth, namespace: namespace, folders: folders, config: config.Auth{
		Mount: "auth/" + strings.Trim(strings.TrimPrefix(s.Mount, "auth/"), "/"), Namespace: s.Namespace, Options: map[string]string{},
	}}
	l.credential.Namespace = namespace
	l.fill(s)
	if len(l.missing) > 0 {
		return config.Auth{}, Credential{}, invalid(nameOf("VaultAuth", auth), "method %q: %s must be set", s.Method, strings.Join(l.missing, ", "))
	}
	return l.config, l.credential, l.err
}

func (l *login) fill(s *v1beta1.VaultAuthSpec) {
	switch s.Method {
	case v1beta1.MethodKubernetes:
		l.kubernetes(s.Kubernetes)
	case v1beta1.MethodJWT:
		l.jwt(s.JWT)
	case v1beta1.MethodAppRole:
		l.appRole(s.AppRole)
	case v1beta1.MethodAWS:
		l.aws(s.AWS)
	case v1beta1.MethodGCP:
		l.gcp(s.GCP)
	case v1beta1.MethodCert:
		l.cert(s.Cert)
	case v1beta1.MethodAzure:
		l.azure(s.Azure)
	case v1beta1.MethodToken:
		l.config.Method = "token_file"
		l.secret(s.Token.SecretRef, SecretField{Field: "token", Option: "token_file_path"})
	case v1beta1.MethodLDAP:
		l.password("ldap", s.LDAP)
	case v1beta1.MethodUserpass:
		l.password("userpass", s.Userpass)
	}
}

// need notes a field that has to be set, and returns it.
func (l *login) need(field, value string) string {
	if value == "" {
		l.missing = append(l.missing, field)
	}
	return value
}

// option sets an option of the method unless it is empty.
func (l *login) option(name, value string) {
	if value != "" {
		l.config.Options[name] = value
	}
}

func (l *login) secret(name string, fields ...SecretField) {
	l.credential.Source = SecretKeys
	l.credential.Name = l.need("secretRef", name)
	for _, f := range fields {
		f.Namespace, f.Name = l.namespace, name
		l.credential.Fields = append(l.credential.Fields, f)
	}
}

func (l *login) account(field, name string, audiences []string, seconds int64) {
	l.credential.Source = AccountToken
	l.credential.Name = l.need(field, name)
	l.credential.Audiences = audiences
	l.credential.Expiration = max(time.Duration(seconds)*time.Second, defaultExpiration)
}

// self logs in as the operator.
func (l *login) self() {
	l.credential.Source, l.credential.Name = OperatorSelf, rootConfigMap
}

func (l *login) kubernetes(k *v1beta1.KubernetesAuth) {
	l.config.Method, l.config.Role = "kubernetes", l.need("role", k.Role)
	l.account("serviceAccount", k.ServiceAccount, k.Audiences, k.TokenExpirationSeconds)
}

func (l *login) jwt(j *v1beta1.JWTAuth) {
	l.config.Method, l.config.Role = "jwt", l.need("role", j.Role)
	switch {
	case j.SecretRef != "" && j.ServiceAccount != "":
		l.err = invalid(nameOf("VaultAuth", l.auth), "method %q: secretRef and serviceAccount cannot be combined", "jwt")
	case j.SecretRef != "":
		l.option("remove_jwt_after_reading", "false")
		l.secret(j.SecretRef, SecretField{Field: "jwt", Option: "path"})
	default:
		l.account("secretRef or serviceAccount", j.ServiceAccount, j.Audiences, j.TokenExpirationSeconds)
	}
}

func (l *login) appRole(a *v1beta1.AppRoleAuth) {
	l.config.Method = "approle"
	l.credential.Texts = []Text{{Option: "role_id_file_path", Text: l.need("roleId", a.RoleID)}}
	l.option("remove_secret_id_file_after_reading", "false")
	if a.SecretIDPath == "" {
		l.secret(a.SecretRef, SecretField{Field: "id", Option: "secret_id_file_path"})
		return
	}
	if a.SecretRef != "" {
		l.err = invalid(nameOf("VaultAuth", l.auth), "method %q: secretRef and secretIDPath cannot be combined", "appRole")
		return
	}
	if !below(a.SecretIDPath, l.folders) {
		l.err = denied(nameOf("VaultAuth", l.auth), "method %q: secretIDPath %q is not in a directory that the operator was told to allow", "appRole", a.SecretIDPath)
		return
	}
	l.credential.Source, l.credential.Namespace = OperatorFile, ""
	l.option("secret_id_file_path", a.SecretIDPath)
}

// below tells whether a file is in one of some folders, or deeper.
func below(file string, folders []string) bool {
	if !path.IsAbs(file) || path.Clean(file) != file {
		return false
	}
	for _, folder := range folders {
		if path.IsAbs(folder) && strings.HasPrefix(file, strings.TrimSuffix(path.Clean(folder), "/")+"/") {
			return true
		}
	}
	return false
}

func (l *login) password(method string, p *v1beta1.PasswordAuth) {
	l.config.Method = method
	l.option("username", l.need("username", p.Username))
	l.option("remove_password_after_reading", "false")
	l.secret(p.SecretRef, SecretField{Field: "password", Option: "password_file_path"})
}

func (l *login) cert(c *v1beta1.CertAuth) {
	l.config.Method = "cert"
	l.option("name", c.Role)
	if c.SecretRef == "" {
		l.self() // with the certificate of the connection
		return
	}
	l.secret(c.SecretRef, SecretField{Field: "tls.crt", Option: "client_cert"}, SecretField{Field: "tls.key", Option: "client_key"})
}
