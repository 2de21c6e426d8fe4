package agentfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// Validate judges the document as a whole. The error is a [Problems] without
// places, because the fault is what is missing or does not fit together.
func (doc *Document) Validate() error {
	v := &validator{doc: doc}
	v.purpose()
	v.autoAuth()
	v.identities()
	v.cacheAndProxy()
	v.listeners()
	v.templates()
	v.process()
	v.connections()
	v.log()
	return v.problems.Err()
}

// UseAutoAuthToken returns what the agent does with requests of others: the
// word of api_proxy or, where it is silent, the older one of cache; "" for nothing.
func (doc *Document) UseAutoAuthToken() string {
	if doc.APIProxy != nil && doc.APIProxy.UseAutoAuthToken != "" {
		return doc.APIProxy.UseAutoAuthToken
	}
	if doc.Cache != nil {
		return doc.Cache.UseAutoAuthToken
	}
	return ""
}

// validator gathers what is wrong.
type validator struct {
	doc      *Document
	problems problem.List
}

func (v *validator) wrong(format string, args ...any) { v.problems.Add("", 0, format, args...) }

// when adds a problem with a fixed text.
func (v *validator) when(wrong bool, text string) {
	if wrong {
		v.wrong("%s", text)
	}
}

// oneOf checks a word that may be absent.
func (v *validator) oneOf(path, word string, words ...string) {
	if word == "" || slices.Contains(words, word) {
		return
	}
	v.wrong("%s: %q is none of %s", path, word, strings.Join(words, ", "))
}

func (doc *Document) rendersSomething() bool {
	return len(doc.Templates) > 0 || len(doc.EnvTemplates) > 0
}

func (doc *Document) givesTokenAway() bool {
	use := doc.UseAutoAuthToken()
	return use == UseTokenTrue || use == UseTokenForce
}

func (v *validator) purpose() {
	doc := v.doc
	v.when(doc.AutoAuth == nil && doc.Cache == nil && len(doc.Listeners) == 0,
		"no auto_auth, cache, or listener block found in config")
	v.when(doc.AutoAuth != nil && len(doc.AutoAuth.Sinks) == 0 && !doc.rendersSomething() && !doc.givesTokenAway(),
		"auto_auth requires at least one sink or at least one template or api_proxy.use_auto_auth_token=true")
	v.when(doc.Cache != nil && len(doc.Listeners) == 0 && !doc.rendersSomething(),
		"enabling the cache requires at least 1 template or 1 listener to be defined")
	v.when(doc.APIProxy != nil && len(doc.Listeners) == 0,
		"configuring the api_proxy requires at least 1 listener to be defined")
}

// methodTypes returns all that the Vault Agent knows, and userpass. Which of them
// are served is for package auth to say.
func methodTypes() []string {
	return []string{
		"alicloud", "approle", "aws", "azure", "cert", "cf", "gcp", "jwt", "kerberos", "kubernetes",
		"ldap", "oci", "token_file", "tpm", "userpass",
	}
}

func (v *validator) autoAuth() {
	a := v.doc.AutoAuth
	if a == nil {
		return
	}
	v.method("", a.Method)
	for _, s := range a.Sinks {
		v.sink(s)
	}
	if a.Method.WrapTTL == 0 {
		return
	}
	v.when(len(a.Sinks) != 1, "wrapping enabled on auth method and 0 or many sinks defined")
	v.when(len(a.Sinks) == 1 && a.Sinks[0].WrapTTL != 0, "wrapping enabled both on auth method and sink")
}

// method checks a way to log in; at names the block that it is of, with a colon.
func (v *validator) method(at string, m Method) {
	switch {
	case m.Type == "":
		v.wrong("%smethod type must be specified", at)
	case !slices.Contains(methodTypes(), m.Type):
		near := problem.Nearest(m.Type, methodTypes())
		if near != "" {
			near = "; did you mean \"" + near + "\"?"
		}
		v.wrong("%sunknown auto-auth method type %q%s", at, m.Type, near)
	}
	v.when(m.MinBackoff > 0 && m.MaxBackoff > 0 && m.MinBackoff > m.MaxBackoff,
		at+"auth handler: min_backoff cannot be greater than max_backoff")
}

func (v *validator) identities() {
	names := make([]string, 0, len(v.doc.Identities))
	for _, i := range v.doc.Identities {
		if slices.Contains(names, i.Name) {
			v.wrong("identity %q: the name is used twice", i.Name)
		}
		names = append(names, i.Name)
		at := fmt.Sprintf("identity %q: ", i.Name)
		v.method(at, i.Method)
		v.when(i.Method.WrapTTL != 0, at+"wrap_ttl is for auto_auth only: here nothing takes a wrapped token")
	}
	for i := range v.doc.Templates {
		v.identityOf(fmt.Sprintf("template[%d]", i), v.doc.Templates[i].Identity, names)
	}
	for _, t := range v.doc.EnvTemplates {
		v.identityOf(fmt.Sprintf("env_template %q", t.Name), t.Identity, names)
	}
}

// identityOf checks who reads for the block that at names.
func (v *validator) identityOf(at, name string, names []string) {
	if name == "" || slices.Contains(names, name) {
		return
	}
	near := ""
	if nearest := problem.Nearest(name, names); nearest != "" {
		near = fmt.Sprintf("; did you mean %q?", nearest)
	}
	v.wrong("%s: identity %q is not defined%s", at, name, near)
}

func (v *validator) sink(s Sink) {
	switch {
	case s.Type == "":
		v.wrong("sink type must be specified")
	case s.Type != "file":
		v.wrong("unknown sink type %q: only \"file\" exists", s.Type)
	case s.Path == "":
		v.wrong("sink \"file\": 'path' must be specified in its config")
	}
	v.when((s.DHType == "") != (s.DHPath == ""), "'dh_type' and 'dh_path' must be specified together")
	v.oneOf("dh_type", s.DHType, "curve25519")
	v.when(s.DHType == "" && (s.AAD != "" || s.AADEnvVar != ""), "'aad' needs 'dh_type' and 'dh_path'")
	v.when(s.DHType == "" && s.DeriveKey, "'derive_key' needs 'dh_type' and 'dh_path'")
}

func (v *validator) cacheAndProxy() {
	doc := v.doc
	if doc.Cache != nil && doc.APIProxy != nil {
		v.twice(doc.Cache, doc.APIProxy)
	}
	if doc.Cache != nil {
		v.consistency("cache", doc.Cache.EnforceConsistency, doc.Cache.WhenInconsistent)
		v.persist(doc.Cache.Persist)
	}
	if doc.APIProxy != nil {
		v.consistency("api_proxy", doc.APIProxy.EnforceConsistency, doc.APIProxy.WhenInconsistent)
	}
	if !doc.givesTokenAway() {
		return
	}
	v.when(doc.AutoAuth == nil, "use_auto_auth_token is set, but there is no auto_auth block")
	v.when(doc.AutoAuth != nil && doc.AutoAuth.Method.WrapTTL != 0, "use_auto_auth_token is set, but the auto_auth method wraps its token")
}

// twice finds what stands both in the old place and in the new one.
func (v *validator) twice(c *Cache, p *APIProxy) {
	const text = " is set in both cache and api_proxy; keep the one in api_proxy"
	v.when(c.UseAutoAuthToken != "" && p.UseAutoAuthToken != "", "use_auto_auth_token"+text)
	v.when(c.EnforceConsistency != "" && p.EnforceConsistency != "", "enforce_consistency"+text)
	v.when(c.WhenInconsistent != "" && p.WhenInconsistent != "", "when_inconsistent"+text)
}

func (v *validator) consistency(path, enforce, when string) {
	v.oneOf(path+".enforce_consistency", enforce, "never", "always")
	v.oneOf(path+".when_inconsistent", when, "fail", "retry", "forward")
}

func (v *validator) persist(p *Persist) {
	if p == nil {
		return
	}
	v.when(p.Type == "", "persist type must be specified")
	v.oneOf("cache.persist.type", p.Type, "kubernetes")
	v.when(p.Path == "", "cache.persist.path must be specified")
}

func (v *validator) listeners() {
	for i, l := range v.doc.Listeners {
		v.listener(i, l)
	}
}

func (v *validator) listener(i int, l Listener) {
	if l.Type != "tcp" && l.Type != "unix" {
		v.wrong("listener[%d]: type must be tcp or unix, not %q", i, l.Type)
	}
	if l.Address == "" {
		v.wrong("listener[%d]: address must be specified", i)
	}
	if !l.TLSDisable && (l.TLSCertFile == "" || l.TLSKeyFile == "") {
		v.wrong("listener[%d]: tls_cert_file and tls_key_file must be specified unless tls_disable is true", i)
	}
	if l.RequireClientCert && l.DisableClientCerts {
		v.wrong("listener[%d]: tls_require_and_verify_client_cert and tls_disable_client_certs exclude each other", i)
	}
	if l.Role != "" && l.Role != "default" && l.Role != "metrics_only" {
		v.wrong("listener[%d]: role must be default or metrics_only, not %q", i, l.Role)
	}
}
