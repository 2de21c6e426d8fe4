package injector

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

// The annotations that no kind of kinds.go fits.

func defaultTemplate(p *parser, a arg) {
	word := strings.ToLower(a.value)
	if word != templateMap && word != templateJSON {
		p.refuse(atAgent, "invalid default template type: %s: %s must be %s or %s", a.value, a.key, templateMap, templateJSON)
		return
	}
	p.plan.defaultTemplate = word
}

// blankIsNone makes a template of blanks no template, as the old injector does.
func blankIsNone(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return text
}

func perms(p *parser, a arg) {
	if _, err := fileMode(a.value); err != nil {
		p.refuse(atAgent, "%s: %q is not an octal number such as 0400", a.key, a.value)
		return
	}
	p.secret(a).perms = a.value
}

// fileMode reads permissions; nil for none.
func fileMode(text string) (*fs.FileMode, error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "0o")
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 8, 12) // with setuid, setgid and sticky
	if err != nil {
		return nil, err
	}
	mode := fs.FileMode(n)
	return &mode, nil
}

// delimiter takes the empty text for the usual delimiter, as Go's templates do.
func delimiter(at func(*secretPlan) *string) setter {
	return func(p *parser, a arg) {
		if a.value != "" {
			*at(p.secret(a)) = a.value
		}
	}
}

func grace(p *parser, a arg) {
	n, err := strconv.ParseUint(strings.TrimSpace(a.value), 10, 31)
	if err != nil {
		p.refuse(atAgent, "%s: %q is not a number of seconds", a.key, a.value)
		return
	}
	p.plan.revokeGrace = n
}

func methods() []string {
	return []string{
		"alicloud", "approle", "aws", "azure", "cert", "cf", "gcp", "jwt", "kerberos", "kubernetes", "ldap", "oci", "token_file", "userpass",
	}
}

// method is a way to log in. An empty one counts as said, and is refused later.
func method(at place[string]) setter {
	return func(p *parser, a arg) {
		word := strings.TrimSpace(a.value)
		if word != "" && !slices.Contains(methods(), word) {
			p.refuse(atAgent, "%s: %q is not a way to log in: write one of %s", a.key, a.value, strings.Join(methods(), ", "))
			return
		}
		*at(p, a) = word
	}
}

func authConfig(p *parser, a arg) {
	p.plan.auth.config[strings.ReplaceAll(a.name, "-", "_")] = a.value
}

// telemetry has the agent's document judge the option. What does not fit is left
// out with a warning: the old injector left out the whole block, silently.
func telemetry(p *parser, a arg) {
	name := strings.ReplaceAll(a.name, "-", "_")
	var value any = a.value
	if json.Valid([]byte(a.value)) {
		value = json.RawMessage(a.value)
	}
	text, err := json.Marshal(map[string]any{"telemetry": map[string]any{name: value}})
	if err != nil {
		p.warn("%s: %v; left out", a.key, err)
		return
	}
	doc, warnings, err := agentfile.Decode("", text)
	switch {
	case err != nil:
		p.warn("%s: %v; left out", a.key, err)
	case len(warnings) > 0:
		p.warn("%s: %v; left out", a.key, warnings[0].Text)
	default:
		if p.plan.telemetry == nil {
			p.plan.telemetry = map[string]any{}
		}
		for k, v := range doc.Telemetry {
			p.plan.telemetry[k] = v
		}
	}
}

// cleanPath removes what does not matter in an absolute path.
func cleanPath(text string) string { return path.Clean(text) }

func seccomp(p *parser, a arg) {
	file, isFile := strings.CutPrefix(a.value, "Localhost/")
	switch {
	case a.value == "", a.value == "RuntimeDefault", a.value == "Unconfined", isFile && file != "":
		p.plan.seccomp = a.value
	default:
		p.refuse(atAgent, "%s: %q is not RuntimeDefault, Unconfined or Localhost/FILE", a.key, a.value)
	}
}

// exactly is oneOf for words whose case counts; empty means none.
func exactly(at place[string], words ...string) setter {
	return func(p *parser, a arg) {
		if a.value != "" && !slices.Contains(words, a.value) {
			p.refuse(atAgent, "%s: %q is not one of %s", a.key, a.value, strings.Join(words, ", "))
			return
		}
		*at(p, a) = a.value
	}
}

func extraEnv(p *parser, a arg) {
	if !isVariable(a.name) {
		p.refuse(atAgent, "%s: %q is not the name of an environment variable", a.key, a.name)
		return
	}
	if p.plan.extraEnv == nil {
		p.plan.extraEnv = map[string]string{}
	}
	p.plan.extraEnv[a.name] = a.value
}

// isVariable takes the names that every shell can read.
func isVariable(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// envPath reads PATH#KEY.
func envPath(p *parser, a arg) {
	secret, key, ok := strings.Cut(a.value, "#")
	secret, key = strings.TrimSpace(secret), strings.TrimSpace(key)
	v := p.variable(a)
	switch {
	case !isVariable(a.name):
		p.refuse(atAgent, "%s: %q is not the name of an environment variable", a.key, a.name)
	case !ok || secret == "" || key == "":
		p.refuse(atAgent, "%s: %q is not of the form PATH#KEY, as in secret/data/app#password", a.key, a.value)
	case v.contents != "":
		p.refuse(atAgent, "%s and %sagent-env-template-%s exclude each other", a.key, OwnPrefix, a.name)
	default:
		v.path, v.key = secret, key
	}
}

func envTemplate(p *parser, a arg) {
	v := p.variable(a)
	switch {
	case !isVariable(a.name):
		p.refuse(atAgent, "%s: %q is not the name of an environment variable", a.key, a.name)
	case blankIsNone(a.value) == "":
		p.refuse(atAgent, "%s is empty", a.key)
	case v.path != "":
		p.refuse(atAgent, "%s and %sagent-env-%s exclude each other", a.key, OwnPrefix, a.name)
	default:
		v.contents = a.value
	}
}
