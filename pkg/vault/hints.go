package vault

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
)

// hintNotVault is for answers in a form that Vault does not use.
const hintNotVault = "the address may be that of a proxy, an ingress or another service instead of Vault"

// saying is a part of a message, in lower case, and what it means for the user.
type saying struct{ part, hint string }

// refusalHint names the likely cause of a refusal.
func refusalHint(e *Error, login bool, text string) string {
	for _, s := range sayings() {
		if strings.Contains(text, s.part) {
			return s.hint
		}
	}
	switch {
	case e.Kind == Sealed:
		return "Vault has no unsealed active node; unseal it and look at its log"
	case e.Kind == Denied && login:
		return "check the role, what it is bound to (service accounts, namespaces, audience), and that Vault may review tokens"
	case e.Kind == Denied && containsAny(e.Path+"/", "/data/", "/metadata/"):
		return "no policy of the token allows this on the path"
	case e.Kind == Denied:
		return "no policy of the token allows this on the path; for KV version 2 both the path and the policy need data/ after the mount"
	}
	return ""
}

// sayings lists what Vault and servers before it are known to say, the more
// special first.
func sayings() []saying {
	const (
		noUser = "the user name or the password is wrong; check them, and the path of the auth mount"
		noFit  = "no role of the auth mount fits the client certificate; check its CA and its names, and the name of the role"
	)
	const noRole = "the auth mount has no role of this name; check the role and the path of the auth mount"
	return []saying{
		{"http request to an https server", "the server speaks TLS; the address must start with https://"},
		{"versioned k/v", "the mount is KV version 2; put data/ (for lists metadata/) after the mount in the path"},
		{"vault is sealed", "unseal Vault, or set up its auto-unseal"},
		{"not initialized", "initialize Vault with vault operator init"},
		{"service account name not authorized", "the role's bound_service_account_names does not list this service account"},
		{"namespace not authorized", "the role's bound_service_account_namespaces does not list this namespace"},
		{"invalid role name", noRole},
		{"invalid role id", "the role id is not known to the auth mount; check the file and the path of the auth mount"},
		{"invalid role or secret id", "the role id is unknown, or the secret id is expired, used up or bound elsewhere"},
		{"invalid secret id", "the secret id is expired, used up or of another role; issue a new one"},
		{"role could not be found", noRole},
		{"invalid username or password", noUser},
		{"invalid credentials", noUser},
		{"ldap result code 200", "Vault does not reach the directory; check the url of the auth mount, and that the directory runs"},
		{"client certificate must be supplied", "name client_cert and client_key, in the method or in the vault block"},
		{"tls connection required", "the method cert needs TLS up to Vault itself: an address with https://, and no proxy between that ends TLS"},
		{"failed to match all constraints for this login certificate", noFit},
		{"invalid certificate or no client certificate supplied", noFit},
		{"audience", "the token is not made for the audience that the role expects; request it with the role's audience"},
		{"wrapping token", "the wrapping token is expired or was unwrapped before, perhaps by someone else; issue a new one"},
		{"no handler for route", "nothing is mounted there; check the mount's path and the Vault namespace"},
		{"unsupported path", "the mount has no such path; check the path and the engine's type"},
	}
}

// transportHint names the likely cause of a failure without an answer.
func transportHint(err error) string {
	if hint := certificateHint(err); hint != "" {
		return hint
	}
	text := err.Error()
	opErr, _ := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case opErr != nil && opErr.Op == "proxyconnect", strings.Contains(text, "proxyconnect"):
		return "the proxy cannot be reached; check its address, or exempt Vault from it with NO_PROXY"
	case isA[*net.DNSError](err):
		return "the name cannot be resolved; check the address, and from another namespace use service.namespace.svc"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there; check the address and the port, and that Vault runs"
	case opErr != nil && opErr.Net == "unix" && errors.Is(err, os.ErrNotExist):
		return "the socket does not exist; check the address, and that its server runs"
	case isTimeout(err):
		return "no answer in time; a network policy or firewall may drop the connection, or Vault is overloaded"
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "the server speaks no TLS; the address must start with http://"
	case strings.Contains(text, `malformed HTTP response "\x15`):
		return "the server speaks TLS; the address must start with https://"
	}
	return ""
}

// certificateHint names the likely cause of a failed TLS handshake.
func certificateHint(err error) string {
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case isA[x509.UnknownAuthorityError](err):
		return "the CA of the server's certificate is not trusted here; set the CA certificate (ca_cert, ca_path, VAULT_CACERT)"
	case isA[x509.HostnameError](err):
		return "the server's certificate is made for another name; set the TLS server name, or use an address that it lists"
	case isInvalid && invalid.Reason == x509.Expired:
		return "the server's certificate is expired or not valid yet; renew it, and check the clocks"
	case containsAny(err.Error(), "remote error: tls: certificate required", "remote error: tls: bad certificate", "remote error: tls: unknown certificate authority"):
		return "the server demands a client certificate of a CA that it trusts"
	case strings.Contains(err.Error(), "remote error: tls: expired certificate"):
		return "our client certificate is expired; renew its file"
	case strings.Contains(err.Error(), "remote error: tls: handshake failure"):
		return "the server refused the TLS handshake; it may demand a client certificate, or have no TLS version in common with us"
	}
	return ""
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
}
