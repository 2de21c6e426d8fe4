package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// AgentForms lists what [AgentConfig] can write.
func AgentForms() []string { return []string{"hcl", "json", "annotations"} }

// AgentConfig checks a document of the Vault Agent, in HCL or JSON, and writes it
// in one of [AgentForms]. All problems are in the error; the notes tell what has
// no effect here, or cannot be said in that form.
func AgentConfig(name string, text []byte, form string) ([]byte, Notes, error) {
	if !slices.Contains(AgentForms(), form) {
		return nil, nil, fmt.Errorf("form %q is unknown: use %s", form, strings.Join(AgentForms(), ", "))
	}
	document, warnings, err := agentfile.Decode(name, text)
	if err != nil {
		return nil, nil, err
	}
	if err := document.Validate(); err != nil {
		return nil, nil, err
	}
	var notes Notes
	for _, w := range warnings {
		notes = append(notes, Note{Where: name, Outcome: Warned, Why: w.Text})
	}
	switch form {
	case "annotations":
		out, more, err := asAnnotations(document)
		return out, append(notes, more...), err
	case "hcl":
		out, err := asHCL(document)
		return out, notes, err
	}
	out, err := agentfile.Encode(document)
	if err != nil {
		return nil, notes, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, out, "", "  "); err != nil {
		return nil, notes, err
	}
	return append(pretty.Bytes(), '\n'), notes, nil
}

// asHCL writes a document, and reads it again, because texts can hold what HCL
// takes for its own.
func asHCL(document *agentfile.Document) ([]byte, error) {
	encoded, err := agentfile.Encode(document)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	var b strings.Builder
	writeBlock(&b, tree, "")
	again, _, err := agentfile.Decode("the document as HCL", []byte(b.String()))
	if err == nil {
		if differences := agentfile.Diff(document, again); len(differences) > 0 {
			err = errors.New(strings.Join(differences, ", "))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("HCL cannot hold this document, JSON can: %w", err)
	}
	return []byte(b.String()), nil
}

// writeBlock writes what is in one: first what has a value, then blocks.
func writeBlock(b *strings.Builder, tree map[string]any, indent string) {
	keys := slices.Sorted(maps.Keys(tree))
	for _, key := range keys {
		if blocksOf(tree[key]) == nil {
			fmt.Fprintf(b, "%s%s = %s\n", indent, key, literal(tree[key]))
		}
	}
	for _, key := range keys {
		for _, block := range blocksOf(tree[key]) {
			fmt.Fprintf(b, "%s%s {\n", indent, key)
			writeBlock(b, block, indent+"  ")
			fmt.Fprintf(b, "%s}\n", indent)
		}
	}
}

// blocksOf returns the objects that a value is made of; nil for another value.
func blocksOf(value any) []map[string]any {
	switch v := value.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var all []map[string]any
		for _, one := range v {
			block, is := one.(map[string]any)
			if !is {
				return nil
			}
			all = append(all, block)
		}
		return all
	}
	return nil
}

// literal writes a value; a text of several lines in a form that shows them.
func literal(value any) string {
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "\n") && strings.HasSuffix(v, "\n") && !strings.Contains(v, "EOT") {
			return "<<EOT\n" + v + "EOT"
		}
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(v) // a text can always be encoded
		return strings.TrimSpace(b.String())
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = literal(one)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(value)
}

// asAnnotations says in annotations what they can say of a document.
func asAnnotations(document *agentfile.Document) ([]byte, Notes, error) {
	a := &annotator{made: map[string]string{injector.Prefix + "agent-inject": "true"}}
	a.connection(document)
	a.login(document)
	for i, t := range document.Templates {
		a.template(i, t)
	}
	a.rest(document)
	out, err := yaml.Marshal(map[string]any{"metadata": map[string]any{"annotations": a.made}})
	return out, a.notes, err
}

// annotator makes annotations.
type annotator struct {
	made  map[string]string
	notes Notes
}

func (a *annotator) set(name, value string) {
	if value != "" {
		a.made[injector.Prefix+name] = value
	}
}

func (a *annotator) cannot(key, why string) {
	a.notes = append(a.notes, Note{Key: key, Outcome: Cannot, Why: why})
}

func (a *annotator) connection(d *agentfile.Document) {
	if d.Vault == nil {
		return
	}
	a.set("service", d.Vault.Address)
	a.set("namespace", d.Vault.Namespace)
	a.set("ca-cert", d.Vault.CACert)
	a.set("ca-key", d.Vault.CAPath)
	a.set("client-cert", d.Vault.ClientCert)
	a.set("client-key", d.Vault.ClientKey)
	a.set("tls-server-name", d.Vault.TLSServerName)
	if d.Vault.TLSSkipVerify {
		a.set("tls-skip-verify", "true")
	}
}

func (a *annotator) login(d *agentfile.Document) {
	if d.AutoAuth == nil {
		a.cannot("auto_auth", "an injected agent must log in: add "+injector.Prefix+"role")
		return
	}
	m := d.AutoAuth.Method
	if m.Type != "kubernetes" {
		a.set("auth-type", m.Type)
	}
	a.set("auth-path", m.MountPath)
	for _, key := range slices.Sorted(maps.Keys(m.Config)) {
		switch {
		case key == "role":
			a.set("role", m.Config[key])
		case key == "token_path": // the injector finds it
		default:
			a.set("auth-config-"+strings.ReplaceAll(key, "_", "-"), m.Config[key])
		}
	}
	for _, s := range d.AutoAuth.Sinks {
		if s.Path == "/home/vault/.vault-token" {
			a.notes = append(a.notes, Note{Key: "auto_auth.sink", Outcome: Ignored, Why: "an injected agent always writes its token there"})
			continue
		}
		a.cannot("auto_auth.sink", fmt.Sprintf("%q: the token is written to /vault/secrets/token with %sagent-inject-token: \"true\"", s.Path, injector.Prefix))
	}
}

// template gives each one a name that its file has.
func (a *annotator) template(i int, t agentfile.Template) {
	name := path.Base(t.Destination)
	if _, taken := a.made[injector.Prefix+"agent-inject-secret-"+name]; taken || name == "." || name == "/" {
		name = fmt.Sprintf("template-%d", i+1)
	}
	if t.Contents == "" {
		a.notes = append(a.notes, Note{Key: "template.source", Outcome: Warned, Why: fmt.Sprintf("%q is a file: mount it into the agent, with %sagent-copy-volume-mounts", t.Source, injector.Prefix)})
		a.set("agent-inject-template-file-"+name, t.Source)
	}
	a.set("agent-inject-template-"+name, t.Contents)
	a.set("agent-inject-secret-"+name, "true")
	a.set("agent-inject-file-"+name, path.Base(t.Destination))
	if dir := path.Dir(t.Destination); dir != "/vault/secrets" {
		a.set("secret-volume-path-"+name, dir)
	}
	if t.Perms != nil {
		a.set("agent-inject-perms-"+name, fmt.Sprintf("%04o", *t.Perms))
	}
	a.set("agent-inject-command-"+name, strings.Join(t.Command, " "))
	if t.Exec != nil {
		a.set("agent-inject-command-"+name, strings.Join(t.Exec.Command, " "))
	}
	if t.ErrorOnMissingKey {
		a.set("error-on-missing-key-"+name, "true")
	}
	if t.LeftDelim != agentfile.DefaultLeftDelim || t.RightDelim != agentfile.DefaultRightDelim {
		a.set("agent-template-left-delim-"+name, t.LeftDelim)
		a.set("agent-template-right-delim-"+name, t.RightDelim)
	}
}

// rest names the blocks that only a document can have.
func (a *annotator) rest(d *agentfile.Document) {
	const own = "keep it in a document: put that into a ConfigMap, and name it in " + injector.OwnPrefix + "agent-extra-config"
	for key, has := range map[string]bool{
		"listener": len(d.Listeners) > 0, "api_proxy": d.APIProxy != nil, "exec": d.Exec != nil, "env_template": len(d.EnvTemplates) > 0, "identity": len(d.Identities) > 0, "telemetry": len(d.Telemetry) > 0,
	} {
		if has {
			a.cannot(key, own)
		}
	}
	if d.Cache != nil && d.Cache.Persist != nil {
		a.notes = append(a.notes, Note{Key: "cache.persist", Outcome: Ignored, Why: "an injected agent always hands over to the next one"})
	}
	slices.SortStableFunc(a.notes, func(x, y Note) int { return strings.Compare(x.Key, y.Key) })
}
