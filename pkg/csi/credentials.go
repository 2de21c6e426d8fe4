package csi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// credential is one piece of a login that comes from nodePublishSecretRef. The
// methods of package auth read their credentials from files, so it becomes a file
// of the provider's own.
type credential struct {
	option   string   // that names the file, or with inline is the value
	keys     []string // of the Secret, the first that is there counts
	required bool
	inline   bool
}

// authMethods lists the methods that a class may name.
func authMethods() []string {
	return []string{"kubernetes", "jwt", "approle", "cert", "userpass", "ldap", "aws", "gcp", "azure"}
}

// byToken tells whether a method logs in with the pod's service-account token.
func byToken(method string) bool { return method == "kubernetes" || method == "jwt" }

// credentialsOf lists what a method takes from the Secret.
func credentialsOf(method string) []credential {
	switch method {
	case "approle":
		return []credential{
			{option: "role_id_file_path", keys: []string{"role_id", "role-id", "roleID"}, required: true},
			{option: "secret_id_file_path", keys: []string{"secret_id", "secret-id", "secretID", "id"}},
		}
	case "cert":
		return []credential{
			{option: "client_cert", keys: []string{"tls.crt"}, required: true},
			{option: "client_key", keys: []string{"tls.key"}, required: true},
		}
	case "userpass", "ldap":
		return []credential{
			{option: "username", keys: []string{"username"}, required: true, inline: true},
			{option: "password_file_path", keys: []string{"password"}, required: true},
		}
	case "aws":
		return []credential{
			{option: "access_key", keys: []string{"aws_access_key_id", "access_key"}, inline: true},
			{option: "secret_key", keys: []string{"aws_secret_access_key", "secret_key"}, inline: true},
			{option: "session_token", keys: []string{"aws_session_token", "session_token"}, inline: true},
		}
	case "gcp":
		return []credential{{option: "credentials", keys: []string{"credentials.json", "credentials"}}}
	}
	return nil
}

func setMethod(q *request, value string) error {
	if slices.Contains(authMethods(), value) {
		q.auth.Method = value
		return nil
	}
	list := strings.Join(authMethods(), ", ")
	if near := problem.Nearest(value, authMethods()); near != "" {
		return fmt.Errorf("parameter \"authMethod\": %q is none of %s; did you mean %q?", value, list, near)
	}
	return fmt.Errorf("parameter \"authMethod\": %q is none of %s", value, list)
}

// harmless lists the options that a class may set: none of them names a file of
// the provider's container, which is not the class's to read.
func harmless() []string {
	return []string{
		"role", "type", "region", "header_value", "nonce", "resource", "object_id", "client_id", "scope", "service_account", "project",
		"jwt_exp", "name", "username", "secret_id_response_wrapping_path", "authenticate_from_environment",
		"role_arn", "session_name", "tenant_id", "cluster_name",
	}
}

// credentials puts together the options of a method whose credentials are not
// the pod's tokens: what the class says, and files made of the Secret. What the pod
// stands for in a cloud needs none.
func (q *request) credentials(asPod, nodeIdentity bool) (options map[string]string, files map[string]sensitive.String, err error) {
	options, files = maps.Clone(q.auth.Options), map[string]sensitive.String{}
	if options == nil {
		options = map[string]string{}
	}
	for name := range options {
		if !slices.Contains(harmless(), name) {
			return nil, nil, fmt.Errorf("parameter \"auth\": a class cannot set the option %q; credentials come from nodePublishSecretRef", name)
		}
	}
	for _, c := range credentialsOf(q.auth.Method) {
		value, ok := q.secretOf(c.keys)
		switch {
		case ok && c.inline:
			options[c.option] = strings.TrimSpace(value.Reveal())
		case ok:
			files[c.option] = value
		case c.required && options[c.option] == "":
			return nil, nil, fmt.Errorf("auth method %q: the Secret of nodePublishSecretRef has no key %q", q.auth.Method, c.keys[0])
		}
	}
	if asPod {
		options["type"] = cmp.Or(q.authOption("type"), "iam") // which only aws asks for
		return options, files, nil
	}
	if asNode(q.auth.Method, options, files) && !nodeIdentity {
		return nil, nil, fmt.Errorf("auth method %q without credentials in nodePublishSecretRef would log in as the node, which the administrator does not allow", q.auth.Method)
	}
	keepFiles(q.auth.Method, options)
	return options, files, nil
}

// asNode tells whether a login would rest on what a cloud says of the node. It
// looks at values as the methods do, without blanks: a Secret with nothing but a
// session token, or a type with a blank before it, must not lead to the node.
func asNode(method string, options map[string]string, files map[string]sensitive.String) bool {
	kind := strings.TrimSpace(options["type"])
	switch method {
	case "aws":
		return options["access_key"] == "" && options["secret_key"] == "" || kind == "ec2"
	case "gcp":
		return files["credentials"].Empty() || kind == "gce"
	}
	return method == "azure"
}

// keepFiles has a method leave the files of its credentials where they are: they
// are read again at the next login.
func keepFiles(method string, options map[string]string) {
	switch method {
	case "approle":
		options["remove_secret_id_file_after_reading"] = "false"
	case "userpass", "ldap":
		options["remove_password_after_reading"] = "false"
	}
}

func (q *request) secretOf(keys []string) (sensitive.String, bool) {
	for _, key := range keys {
		if value, ok := q.secrets[key]; ok && !value.Empty() {
			return value, true
		}
	}
	return sensitive.String{}, false
}

// sumOf tells one set of options and files from another without showing any.
func sumOf(options map[string]string, files map[string]sensitive.String) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(options)) {
		fmt.Fprintf(h, "%s=%q;", name, options[name])
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s=%q;", name, files[name].Reveal())
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
