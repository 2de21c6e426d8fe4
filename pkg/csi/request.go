package csi

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// pod is who a volume belongs to.
type pod struct{ Namespace, Name, UID, ServiceAccount string }

// String names the pod as logs show it.
func (p pod) String() string { return p.Namespace + "/" + p.Name }

// subject is the pod's service-account as Kubernetes names it in tokens.
func (p pod) subject() string {
	return "system:serviceaccount:" + p.Namespace + ":" + p.ServiceAccount
}

// request is a Mount call, understood. Its Vault connection and login are those
// of the class over those of the program.
type request struct {
	target    string
	class     string
	pod       pod
	vault     config.Vault
	auth      config.Auth
	audience  string
	share     string
	refresh   time.Duration // of the class; 0: it says nothing
	objects   []object
	templates []classTemplate

	unreadable bool // a list was given and could not be read
	files      kubernetesFiles
	tokens     map[string]podToken         // by audience
	secrets    map[string]sensitive.String // of nodePublishSecretRef
	print      [sha256.Size]byte           // of all but tokens: what the files depend on
}

// kubernetesFiles names what is taken from Secrets and ConfigMaps of the pod's
// namespace: "NAME" or "NAME/KEY"; "" for nothing.
type kubernetesFiles struct{ caSecret, caConfigMap, clientCertSecret string }

// badRequest is a request that is wrong in itself: all that is wrong, in order.
type badRequest struct{ problems []error }

// Error lists the problems in one line, because the driver shows one.
func (b *badRequest) Error() string {
	texts := make([]string, len(b.problems))
	for i, p := range b.problems {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "; ")
}

// reader reads requests.
type reader struct {
	vault config.Vault // the program's own
	csi   config.CSI
}

// read understands a Mount call. The error is a *badRequest.
func (r reader) read(m *pb.MountRequest) (*request, error) {
	if m.GetTargetPath() == "" {
		return nil, &badRequest{[]error{errors.New("missing target path field")}}
	}
	attributes, attributesErr := readMap("attributes", m.GetAttributes())
	secrets, secretsErr := readMap("secrets", m.GetSecrets())
	if err := errors.Join(attributesErr, secretsErr); err != nil {
		return nil, &badRequest{[]error{err}}
	}
	tokens, err := readTokens(attributes, secrets)
	if err != nil {
		return nil, &badRequest{[]error{err}}
	}
	delete(attributes, tokensKey)
	delete(secrets, tokensKey)
	q := r.begin(m.GetTargetPath(), attributes, secrets, tokens)
	problems := q.take(attributes)
	problems = append(problems, q.check()...)
	problems = append(problems, r.allowed(q)...)
	if len(problems) > 0 {
		return nil, &badRequest{problems}
	}
	return q, nil
}

// begin makes a request that says what the program says.
func (r reader) begin(target string, attributes, secrets map[string]string, tokens map[string]podToken) *request {
	const prefix = "csi.storage.k8s.io/"
	q := &request{
		target: target, class: attributes["secretProviderClass"],
		pod: pod{
			Namespace: attributes[prefix+"pod.namespace"], Name: attributes[prefix+"pod.name"],
			UID: attributes[prefix+"pod.uid"], ServiceAccount: attributes[prefix+"serviceAccount.name"],
		},
		vault: r.vault, auth: config.Auth{Method: "kubernetes", Mount: r.csi.AuthMount}, share: r.csi.Share,
		tokens: tokens, secrets: make(map[string]sensitive.String, len(secrets)), print: fingerprint(attributes, secrets),
	}
	for name, value := range secrets {
		q.secrets[name] = sensitive.New(value)
	}
	return q
}

// readMap reads a JSON object of texts; null and nothing are empty ones.
func readMap(what, text string) (map[string]string, error) {
	m := map[string]string{}
	if text == "" {
		return m, nil
	}
	if json.Unmarshal([]byte(text), &m) != nil {
		// The decoder's error may show a piece of a secret.
		return nil, fmt.Errorf("failed to unmarshal %s: not a JSON object of texts", what)
	}
	if m == nil {
		m = map[string]string{}
	}
	return m, nil
}

// fingerprint tells requests apart that lead to other files.
func fingerprint(maps_ ...map[string]string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, m := range maps_ {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(h, "%d:%s=%d:%s;", len(name), name, len(m[name]), m[name])
		}
		h.Write([]byte{0})
	}
	h.Sum(sum[:0])
	return sum
}

// take sets every parameter that the class, or the pod over it, has.
func (q *request) take(attributes map[string]string) []error {
	var problems []error
	for _, p := range parameters() {
		if value, ok := p.find(attributes); ok {
			if err := p.set(q, value); err != nil {
				problems = append(problems, err)
			}
		}
	}
	if has(attributes, "vaultKubernetesMountPath") && has(attributes, "vaultAuthMountPath") {
		problems = append(problems, errors.New("cannot set both vaultKubernetesMountPath and vaultAuthMountPath"))
	}
	return problems
}

// has tells whether a parameter is set under one of its names.
func has(attributes map[string]string, name string) bool {
	_, ok := parameter{name: name}.find(attributes)
	return ok
}

// check finds what is missing, or does not go together.
func (q *request) check() []error {
	var problems []error
	add := func(wrong bool, err error) {
		if wrong {
			problems = append(problems, err)
		}
	}
	add(needsRole(q.auth.Method) && q.auth.Role == "", errors.New("missing 'roleName' in SecretProviderClass definition"))
	add(q.pod.Namespace == "" || q.pod.ServiceAccount == "", errors.New("the driver passed no pod: the CSIDriver object needs podInfoOnMount: true"))
	add((q.vault.ClientCert == "") != (q.vault.ClientKey == ""), errors.New("both client cert and client key must be provided"))
	add(len(q.objects)+len(q.templates) == 0 && !q.unreadable, errors.New("no secrets configured - the provider will not read any secret material"))
	names := make([]string, 0, len(q.objects)+len(q.templates))
	for i := range q.objects {
		problems = append(problems, q.objects[i].check(i)...)
		names = append(names, q.objects[i].ObjectName)
	}
	for i := range q.templates {
		problems = append(problems, q.templates[i].check(i)...)
		names = append(names, q.templates[i].ObjectName)
	}
	if twice := duplicates(names); len(twice) > 0 {
		problems = append(problems, fmt.Errorf("each `objectName` within a SecretProviderClass must be unique, but the following keys were duplicated: %s", strings.Join(twice, ", ")))
	}
	return problems
}

// needsRole tells whether a login names a role.
func needsRole(method string) bool {
	switch method {
	case "approle", "cert", "ldap", "userpass":
		return false
	}
	return true
}

// allowed judges what the class says by what the administrator allows.
func (r reader) allowed(q *request) []error {
	var problems []error
	if q.vault.Address != r.vault.Address && !matchesAny(r.csi.AllowedAddresses, q.vault.Address) {
		problems = append(problems, fmt.Errorf("the Vault address %q is none of those that the administrator allows", q.vault.Address))
	}
	if q.auth.Mount != r.csi.AuthMount && !matchesAny(r.csi.AllowedMounts, q.auth.Mount) {
		problems = append(problems, fmt.Errorf("the auth mount %q is none of those that the administrator allows", q.auth.Mount))
	}
	if q.vault.TLSSkipVerify && !r.vault.TLSSkipVerify && !r.csi.AllowSkipVerify {
		problems = append(problems, errors.New("the administrator does not allow to skip the verification of Vault's certificate"))
	}
	if len(q.templates) > 0 && !r.csi.Templates {
		problems = append(problems, errors.New("the administrator does not allow templates in classes"))
	}
	return problems
}

// matchesAny tells whether a text matches one of some globs, in which * stands
// for any text. No globs match everything.
func matchesAny(globs []string, text string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(glob string) bool { return matches(glob, text) })
}

func matches(glob, text string) bool {
	parts := strings.Split(glob, "*")
	last := len(parts) - 1
	if last == 0 {
		return glob == text
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[last])
}

// decodeYAML reads a parameter whose text is YAML.
func decodeYAML(name, text string, into any) error {
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("parameter %q: %w", name, err)
	}
	return nil
}
