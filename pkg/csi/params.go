package csi

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
)

// parameter is one key of spec.parameters.
type parameter struct {
	name   string
	plain  string // a name without a prefix that is weaker than all others; "": none
	preset string // what counts where it is not set, for the documentation
	effect string // one sentence, without a period
	set    func(q *request, value string) error
}

// names returns all names of a parameter, the strongest first: those of OpenBao's
// provider before the one of Vault's.
func (p parameter) names() []string {
	rest, prefixed := strings.CutPrefix(p.name, "vault")
	if !prefixed {
		return []string{p.name}
	}
	all := []string{"bao" + rest, "openbao" + rest, p.name}
	if p.plain != "" {
		all = append(all, p.plain)
	}
	return all
}

// find returns the value of a parameter that is set to something.
func (p parameter) find(attributes map[string]string) (string, bool) {
	for _, name := range p.names() {
		if value := attributes[name]; value != "" {
			return value, true
		}
	}
	return "", false
}

// parameters returns everything that a class can say, in the order of the
// documentation. Keys that are not here are ignored, as the old provider does.
func parameters() []parameter {
	return append(oldParameters(), newParameters()...)
}

func oldParameters() []parameter {
	address := func(q *request) *string { return &q.vault.Address }
	return []parameter{
		{"vaultRoleName", "roleName", "", "role to log in with; required, except for `approle`, `cert`, `ldap` and `userpass`", text(func(q *request) *string { return &q.auth.Role })},
		{"objects", "", "", "the files and where their contents come from: a list in YAML, see below", setObjects},
		{"vaultAddress", "", "flag `-vault-addr`, `VAULT_ADDR`", "the Vault server; `unix:///path` for a socket", text(address)},
		{"vaultNamespace", "", "flag `-vault-namespace`, `VAULT_NAMESPACE`", "Vault namespace of the login and the reads", text(func(q *request) *string { return &q.vault.Namespace })},
		{"vaultSkipTLSVerify", "", "flag `-vault-tls-skip-verify`, `VAULT_SKIP_VERIFY`", "`true`: do not check the server's certificate; `false` does not undo a `true` of the flag", setSkipVerify},
		{"vaultCACertPath", "", "flag `-vault-tls-ca-cert`, `VAULT_CACERT`", "file of PEM certificates in the provider's container", text(func(q *request) *string { return &q.vault.CACert })},
		{"vaultCADirectory", "", "flag `-vault-tls-ca-directory`, `VAULT_CAPATH`", "directory of such files", text(func(q *request) *string { return &q.vault.CAPath })},
		{"vaultTLSServerName", "", "flag `-vault-tls-server-name`, `VAULT_TLS_SERVER_NAME`", "name expected in the server's certificate", text(func(q *request) *string { return &q.vault.TLSServerName })},
		{"vaultTLSClientCertPath", "", "flag `-vault-tls-client-cert`, `VAULT_CLIENT_CERT`", "client certificate in the provider's container", text(func(q *request) *string { return &q.vault.ClientCert })},
		{"vaultTLSClientKeyPath", "", "flag `-vault-tls-client-key`, `VAULT_CLIENT_KEY`", "its private key", text(func(q *request) *string { return &q.vault.ClientKey })},
		{"vaultKubernetesMountPath", "", "flag `-vault-mount`: `kubernetes`", "auth mount, without `auth/`", text(func(q *request) *string { return &q.auth.Mount })},
		{"vaultAuthMountPath", "", "flag `-vault-mount`: `kubernetes`", "the same under another name; only one of the two", text(func(q *request) *string { return &q.auth.Mount })},
		{"audience", "", "`vault` of the tokens that the driver passes, else the API server's", "audience of the service-account token to log in with", text(func(q *request) *string { return &q.audience })},
	}
}

func newParameters() []parameter {
	return []parameter{
		{"templates", "", "", "files that are rendered from templates: a list in YAML, see below", setTemplates},
		{"refreshInterval", "", "flag `-refresh-interval`: `1m`", "how often what has no lease is read from Vault", setRefresh},
		{"share", "", "flag `-share`: `service-account`", "`pod`: no other pod shares the login and what is read with it", setShare},
		{"authMethod", "", "`kubernetes`, which serves mounts of type jwt as well", "way to log in: " + strings.Join(authMethods(), ", "), setMethod},
		{"auth", "", "", "further options of the method: a map in YAML", setOptions},
		{"vaultAuthNamespace", "", "`vaultNamespace`", "Vault namespace of the auth mount", text(func(q *request) *string { return &q.auth.Namespace })},
		{"vaultCACert", "", "", "PEM certificates themselves", text(func(q *request) *string { return &q.vault.CACertBytes })},
		{"vaultCACertSecret", "", "", "Secret of the pod's namespace with PEM certificates: `NAME` (key `ca.crt`) or `NAME/KEY`", text(func(q *request) *string { return &q.files.caSecret })},
		{"vaultCACertConfigMap", "", "", "ConfigMap of the pod's namespace with PEM certificates, likewise", text(func(q *request) *string { return &q.files.caConfigMap })},
		{"vaultClientCertSecret", "", "", "Secret of the pod's namespace with `tls.crt` and `tls.key` for the connection", text(func(q *request) *string { return &q.files.clientCertSecret })},
	}
}

func text(at func(*request) *string) func(*request, string) error {
	return func(q *request, value string) error {
		*at(q) = value
		return nil
	}
}

func setSkipVerify(q *request, value string) error {
	skip, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("parameter \"vaultSkipTLSVerify\": %q is neither true nor false", value)
	}
	q.vault.TLSSkipVerify = q.vault.TLSSkipVerify || skip
	return nil
}

func setObjects(q *request, value string) (err error) {
	q.objects, err = readObjects(value)
	q.unreadable = q.unreadable || err != nil
	return err
}

func setTemplates(q *request, value string) error {
	err := decodeYAML("templates", value, &q.templates)
	q.unreadable = q.unreadable || err != nil
	return err
}

func setRefresh(q *request, value string) error {
	if err := checkDuration("parameter \"refreshInterval\"", value); err != nil {
		return err
	}
	q.refresh, _ = scalar.Duration(value)
	return nil
}

func setShare(q *request, value string) error {
	if value != sharePod && value != shareAccount {
		return fmt.Errorf("parameter \"share\": %q is neither %s nor %s", value, shareAccount, sharePod)
	}
	if value == sharePod { // a class cannot widen what the administrator narrowed
		q.share = sharePod
	}
	return nil
}

// Values of the parameter share.
const (
	shareAccount = "service-account"
	sharePod     = "pod"
)

func setOptions(q *request, value string) error {
	return decodeYAML("auth", value, &q.auth.Options)
}
