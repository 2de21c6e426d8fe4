package migrate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// group and version of the operator's kinds.
const operatorAPI = "secrets.hashicorp.com/v1beta1"

// resource is one document of a stream of manifests.
type resource struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name, Namespace string
		Annotations     map[string]string
	}
	Spec  map[string]any
	Items []resource
}

func (r resource) String() string {
	return strings.TrimSpace(r.Kind + " " + strings.TrimPrefix(r.Metadata.Namespace+"/", "/") + r.Metadata.Name)
}

// readResources takes streams apart; lists count as what is in them.
func readResources(files ...[]byte) ([]resource, error) {
	var all []resource
	for i, text := range files {
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		for n := 1; ; n++ {
			var r resource
			err := decoder.Decode(&r)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("file %d, document %d: %w", i+1, n, err)
			}
			all = append(all, r)
			all = append(all, r.Items...)
		}
	}
	return all, nil
}

// Resources judges manifests of the Vault Secrets Operator. All of its kinds that
// are still alive are kept as they are; the notes tell what is likely a mistake,
// and what behaves in another way.
func Resources(files ...[]byte) (Notes, error) {
	all, err := readResources(files...)
	if err != nil {
		return nil, err
	}
	var notes Notes
	for _, r := range all {
		if !strings.HasPrefix(r.APIVersion, "secrets.hashicorp.com/") {
			continue
		}
		l := &lint{resource: r, all: all}
		l.judge()
		if len(l.notes) == 0 {
			l.say(Kept, "", "")
		}
		notes = append(notes, l.notes...)
	}
	return notes, nil
}

// lint judges one object among others.
type lint struct {
	resource
	all   []resource
	notes Notes
}

func (l *lint) say(o Outcome, key, why string) {
	l.notes = append(l.notes, Note{Where: l.String(), Key: key, Outcome: o, Why: why})
}

// at returns what is at a path of the spec, nil for nothing.
func (l *lint) at(path string) any {
	var node any = l.Spec
	for name := range strings.SplitSeq(path, ".") {
		m, _ := node.(map[string]any)
		node = m[name]
	}
	return node
}

func (l *lint) text(path string) string { s, _ := l.at(path).(string); return s }

func (l *lint) judge() {
	if l.Kind == "HCPAuth" || l.Kind == "HCPVaultSecretsApp" {
		l.say(Cannot, "kind", "HCP Vault Secrets has ended and nobody serves this kind: move the secrets to Vault, then take the finalizers away (kubectl patch --type=merge -p '{\"metadata\":{\"finalizers\":null}}') and delete the object")
		return
	}
	if l.APIVersion != operatorAPI {
		l.say(Cannot, "apiVersion", fmt.Sprintf("%q is not served: write %s", l.APIVersion, operatorAPI))
		return
	}
	judges := map[string]func(*lint){
		"VaultConnection": (*lint).connection, "VaultAuth": (*lint).auth, "VaultAuthGlobal": (*lint).methods,
		"VaultStaticSecret": (*lint).static, "VaultDynamicSecret": (*lint).dynamic, "VaultPKISecret": (*lint).pki,
		"SecretTransformation": nil, "CSISecrets": nil, "ClusterVaultSecret": nil, "VaultPushSecret": nil,
	}
	judge, known := judges[l.Kind]
	if !known {
		l.say(Cannot, "kind", fmt.Sprintf("there is no kind %q", l.Kind))
	} else if judge != nil {
		judge(l)
	}
}

func (l *lint) connection() {
	if strings.HasPrefix(l.text("address"), "http://") {
		l.say(Warned, "address", "the connection has no TLS")
	}
	if l.at("skipTLSVerify") == true {
		l.say(Warned, "skipTLSVerify", "anybody between could answer in Vault's place: name the authority with caCertSecretRef")
	}
	headers, _ := l.at("headers").(map[string]any)
	for name := range headers {
		if strings.EqualFold(name, "X-Vault-Namespace") {
			l.say(Cannot, "headers."+name, "it is refused here: write namespace in the VaultAuth and in the object")
		}
	}
}

func (l *lint) auth() {
	if l.text("vaultConnectionRef") == "" && l.at("vaultAuthGlobalRef") == nil && l.sibling("VaultConnection", "") {
		l.say(Warned, "vaultConnectionRef", "there is a VaultConnection in this namespace, but without a reference the one named default in the operator's namespace counts")
	}
	if l.at("params") != nil {
		l.say(Warned, "params", "the old operator never sent them; now each login does")
	}
	if l.at("method") == nil && l.at("vaultAuthGlobalRef") == nil {
		l.say(Warned, "method", "no method is named and no VaultAuthGlobal either: no login is possible")
	}
	l.methods()
}

// methods judges the blocks that a VaultAuth and a VaultAuthGlobal have alike.
func (l *lint) methods() {
	method := l.text("method")
	if method != "" && l.at("vaultAuthGlobalRef") == nil && l.Kind == "VaultAuth" {
		block, _ := l.at(method).(map[string]any)
		switch {
		case block == nil:
			l.say(Warned, method, "the block of the method is missing: logins will fail")
		case method != "appRole" && block["role"] == nil:
			l.say(Warned, method+".role", "no role is named: logins will fail")
		}
	}
	if l.at("kubernetes") != nil && l.at("kubernetes.audiences") == nil && l.Kind == "VaultAuth" {
		l.say(Hint, "kubernetes.audiences", "a token without an audience of its own is good for the API server, too: name one, and bind the role to it")
	}
	if l.text("appRole.secretIDPath") != "" {
		l.say(Warned, "appRole.secretIDPath", "it is read only below a directory that the operator is told to allow")
	}
}

// common judges what every synced object has.
func (l *lint) common() {
	if l.text("vaultAuthRef") == "" {
		l.say(Hint, "vaultAuthRef", "none: the VaultAuth named default in the operator's namespace counts")
	}
	l.reference(l.text("vaultAuthRef"))
	if l.at("destination") != nil && l.at("destination.create") != true {
		l.say(Warned, "destination.create", fmt.Sprintf("the Secret %q must exist: without create: true it is not made", l.text("destination.name")))
	}
	targets, _ := l.at("rolloutRestartTargets").([]any)
	for _, one := range targets {
		target, _ := one.(map[string]any)
		if kind, _ := target["kind"].(string); !slices.Contains([]string{"Deployment", "DaemonSet", "StatefulSet", "argo.Rollout"}, kind) {
			l.say(Cannot, "rolloutRestartTargets.kind", fmt.Sprintf("%q cannot be restarted: write Deployment, DaemonSet, StatefulSet or argo.Rollout", kind))
		}
	}
}

// reference judges one to a VaultAuth elsewhere, if that is among the documents.
func (l *lint) reference(name string) {
	space, name, elsewhere := strings.Cut(name, "/")
	if !elsewhere || space == l.Metadata.Namespace {
		return
	}
	for _, other := range l.all {
		if other.Kind != "VaultAuth" || other.Metadata.Namespace != space || other.Metadata.Name != name {
			continue
		}
		allowed, _ := other.Spec["allowedNamespaces"].([]any)
		if !slices.ContainsFunc(allowed, func(a any) bool { return a == l.Metadata.Namespace || a == "*" && len(allowed) == 1 }) {
			l.say(Warned, "vaultAuthRef", fmt.Sprintf("the allowedNamespaces of VaultAuth %s/%s do not list %q", space, name, l.Metadata.Namespace))
		}
	}
}

// sibling tells whether an object of a kind is in the same namespace.
func (l *lint) sibling(kind, name string) bool {
	return slices.ContainsFunc(l.all, func(r resource) bool {
		return r.Kind == kind && r.Metadata.Namespace == l.Metadata.Namespace && (name == "" || r.Metadata.Name == name)
	})
}

func (l *lint) static() {
	l.common()
	if l.at("refreshAfter") == nil && l.at("syncConfig.instantUpdates") != true {
		l.say(Warned, "refreshAfter", "neither refreshAfter nor instantUpdates: a change in Vault is not noticed in time")
	}
}

func (l *lint) dynamic() {
	l.common()
	if l.at("revoke") != true {
		l.say(Hint, "revoke", "the old operator revoked the lease of a deleted object in any case; here revoke: true does")
	}
}

func (l *lint) pki() {
	l.common()
	if l.at("expiryOffset") == nil && l.at("renewalPercent") == nil {
		l.say(Warned, "expiryOffset", "none: the certificate is renewed in the last 5 % of its life only")
	}
}
