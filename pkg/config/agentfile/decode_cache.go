package agentfile

import (
	"strconv"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
)

func (d *decoder) apiProxy(path string, n *node) *APIProxy {
	p := &APIProxy{}
	d.object(path, n, lenient, readers{
		"use_auto_auth_token":          useToken(&p.UseAutoAuthToken),
		"enforce_consistency":          str(&p.EnforceConsistency),
		"when_inconsistent":            str(&p.WhenInconsistent),
		"prepend_configured_namespace": truth(&p.PrependConfiguredNamespace),
	})
	return p
}

func (d *decoder) cache(path string, n *node) *Cache {
	c := &Cache{}
	d.object(path, n, lenient, readers{
		"use_auto_auth_token": useToken(&c.UseAutoAuthToken),
		"enforce_consistency": str(&c.EnforceConsistency),
		"when_inconsistent":   str(&c.WhenInconsistent),
		"persist": func(d *decoder, path string, f field) {
			for i, b := range d.labelled(path, f) {
				if i+f.nth > 0 {
					d.problem(f.line, "at most one %q block is allowed", path)
				}
				c.Persist = d.persist(path, b)
			}
		},
	})
	return c
}

func (d *decoder) persist(path string, b block) *Persist {
	p := &Persist{Type: strings.ToLower(b.label)}
	d.object(path, b.body, lenient, readers{
		"type":                       str(&p.Type),
		"path":                       str(&p.Path),
		"keep_after_import":          truth(&p.KeepAfterImport),
		"exit_on_err":                truth(&p.ExitOnErr),
		"service_account_token_file": str(&p.ServiceAccountTokenFile),
	})
	return p
}

// useToken reads a boolean, or the word force.
func useToken(at *string) reader {
	return func(d *decoder, path string, f field) {
		const expected = "true, false or force"
		s, ok := d.plain(path, f, expected)
		if !ok {
			return
		}
		if strings.EqualFold(s, UseTokenForce) {
			*at = UseTokenForce
			return
		}
		b, err := scalar.Bool(s)
		if err != nil {
			d.problem(f.line, "key %q must be %s, not %q", path, expected, s)
			return
		}
		*at = strconv.FormatBool(b)
	}
}

func (d *decoder) listeners(path string, f field) []Listener {
	var all []Listener
	for _, b := range d.labelled(path, f, "agent_api", "proxy_api", "telemetry") {
		all = append(all, d.listener(path, b))
	}
	return all
}

func (d *decoder) listener(path string, b block) Listener {
	l := Listener{Type: strings.ToLower(b.label)}
	d.object(path, b.body, lenient, readers{
		"type":                               str(&l.Type),
		"address":                            str(&l.Address),
		"tls_disable":                        truth(&l.TLSDisable),
		"tls_cert_file":                      str(&l.TLSCertFile),
		"tls_key_file":                       str(&l.TLSKeyFile),
		"tls_min_version":                    str(&l.TLSMinVersion),
		"tls_max_version":                    str(&l.TLSMaxVersion),
		"tls_cipher_suites":                  words(&l.TLSCipherSuites),
		"tls_client_ca_file":                 str(&l.TLSClientCAFile),
		"tls_require_and_verify_client_cert": truth(&l.RequireClientCert),
		"tls_disable_client_certs":           truth(&l.DisableClientCerts),
		"socket_mode":                        str(&l.SocketMode),
		"socket_user":                        str(&l.SocketUser),
		"socket_group":                       str(&l.SocketGroup),
		"require_request_header":             truth(&l.RequireRequestHeader),
		"role":                               str(&l.Role),
		"agent_api": single(func(d *decoder, path string, n *node) {
			d.object(path, n, lenient, readers{"enable_quit": truth(&l.EnableQuit)})
		}),
	})
	if l.Type == "tcp" && l.Address == "" {
		l.Address = DefaultListenerAddress
	}
	return l
}

// words reads a list of strings, or one string in which commas separate.
func words(at *[]string) reader {
	return func(d *decoder, path string, f field) {
		if f.value.kind == text {
			*at = scalar.Words(f.value.text)
			return
		}
		texts(at)(d, path, f)
	}
}
