package injector

import (
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// format takes the words that the agent's document knows.
func format(p *parser, a arg) {
	if err := agentfile.CheckFormat(a.value); err != nil {
		p.refuse(atAgent, "%s: %w", a.key, err)
		return
	}
	p.secret(a).format = a.value
}

// isKeystore reports whether the file is one with a password.
func (s *secretPlan) isKeystore() bool { return s.format == "pkcs12" || s.format == "jks" }

// formatOf checks what belongs to a format, as the agent would do later.
func (p *parser) formatOf(s *secretPlan, key string) {
	named := func(what string) string { return OwnPrefix + "agent-" + what + "-" + s.name }
	_, said := p.pod.Annotations[key]
	switch {
	case s.format == "" && said: // refused already
	case s.format == "" && s.keys != nil:
		p.refuse(atAgent, "%s needs %s", named("inject-keys"), key)
	case s.format == "raw" && len(s.keys) > 1:
		p.refuse(atAgent, "%s: the format raw takes one key, not %s", named("inject-keys"), strings.Join(s.keys, ", "))
	case agentfile.MakesDirectory(s.format) && s.kubernetesSecret != "":
		p.refuse(atAgent, "%s: the format %s makes several files, which no key of a Kubernetes Secret can hold", named("k8s-secret"), s.format)
	}
	slices.Sort(s.keys)
	s.keys = slices.Compact(s.keys)
	p.keystoreOf(s, key, named)
}

func (p *parser) keystoreOf(s *secretPlan, key string, named func(string) string) {
	file, ofKey := named("keystore-password-file"), named("keystore-password-key")
	k := s.keystore
	switch {
	case !s.isKeystore() && k.PasswordFile != "":
		p.warn("%s has no effect without pkcs12 or jks in %s", file, key)
	case !s.isKeystore() && k.PasswordKey != "":
		p.warn("%s has no effect without pkcs12 or jks in %s", ofKey, key)
	case s.isKeystore() && (k.PasswordFile == "") == (k.PasswordKey == ""):
		p.refuse(atAgent, "%s: the format %s needs one of %s and %s", key, s.format, file, ofKey)
	}
	if s.format != "jks" && k.Alias != "" {
		p.warn("%s has no effect without jks in %s", named("keystore-alias"), key)
		s.keystore.Alias = ""
	}
}
