package v1beta1_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

const referenceHead = `# The operator's custom resources

All kinds are in ` + "`secrets.hashicorp.com/v1beta1`" + `. Their names, fields, defaults and checks are those of the
Vault Secrets Operator, whose manifests work unchanged. Fields that it does not have are marked **new**; all of them are
optional, and an object that does not name them behaves as before.

Where a field is left out, what its text calls the default counts. A default in the column is written into the object by
the API server. A length of time is a number and one unit: ` + "`30s`, `1.5m`, `24h`" + `. Namespaces are those of Kubernetes
unless the text says Vault namespace. ` + "`kubectl get vault`" + ` lists the objects of all kinds, and ` + "`kubectl explain vss.spec`" + `
shows the texts below.

This page is made from the definitions in ` + "`charts/vaultk8s/files/crds`" + ` by ` + "`make generate`" + `.

`

// reference writes docs/operator-api.md.
type reference struct {
	bytes.Buffer
	known  map[string]bool // places of the older operator
	kinds  map[string]bool // its kinds
	blocks map[string]string
	order  []block
}

// block is a schema that several fields share. It is described once.
type block struct {
	name, kind, path string
	schema           *property
}

// TestReference compares docs/operator-api.md with what the definitions say.
func TestReference(t *testing.T) {
	r := &reference{known: map[string]bool{}, kinds: map[string]bool{}, blocks: map[string]string{}}
	r.WriteString(referenceHead)
	for _, l := range older(t) {
		r.known[place(l)], r.kinds[strings.Fields(l)[0]] = true, true
	}
	all := definitions(t)
	r.findBlocks(t, all)
	r.overview(all)
	for _, d := range all {
		r.kind(t, d)
	}
	r.WriteString("# Shared blocks\n\n")
	slices.SortFunc(r.order, func(a, b block) int { return cmp.Compare(a.name, b.name) })
	for _, b := range r.order {
		fmt.Fprintf(r, "## %s\n\n", strings.ToUpper(b.name[:1])+b.name[1:])
		r.table(b.kind, b.path, b.schema)
	}
	golden.Compare(t, bytes.TrimSuffix(r.Bytes(), []byte("\n")), "../../../../docs/operator-api.md")
}

// identity is the same for schemas that differ in nothing but their own text.
func identity(p *property) string {
	text, err := json.Marshal([]any{p.Properties, p.Required, p.Rules})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// findBlocks names every object schema that stands at two places or more. A spec
// that another kind embeds is the section of its kind.
func (r *reference) findBlocks(t *testing.T, all []*definition) {
	count := map[string]int{}
	for _, d := range all {
		d.walk(func(_ string, p *property, _ bool) { count[identity(p)]++ })
	}
	names := map[string]bool{}
	for _, d := range all {
		r.blocks[identity(d.root().Properties["spec"])] = d.kind()
	}
	for _, d := range all {
		d.walk(func(path string, p *property, _ bool) {
			id := identity(p)
			if len(p.Properties) == 0 || count[id] < 2 || r.blocks[id] != "" || d.kind() == "ClusterVaultSecret" && strings.Count(path, ".") > 1 {
				return
			}
			name := blockName(d.kind(), path)
			if names[name] {
				t.Errorf("two shared blocks are called %q; the second is at %s %s", name, d.kind(), path)
			}
			names[name], r.blocks[id] = true, name
			r.order = append(r.order, block{name, d.kind(), path, p})
		})
	}
}

// blockName is the last field of a path, unless another word says more.
func blockName(kind, path string) string {
	if name, ok := map[string]string{
		"VaultAuth spec.ldap":       "user name and password",
		"VaultAuthGlobal spec.ldap": "user name and password of a global",
	}[kind+" "+path]; ok {
		return name
	}
	name := strings.TrimRight(path[strings.LastIndexByte(path, '.')+1:], "[]{}")
	words := map[string]string{
		"allowedNamespaceSelector": "label selector", "conditions": "condition", "jks": "keystore",
		"transformationRefs": "transformation reference", "templateRefs": "template reference", "templates": "template",
		"rolloutRestartTargets": "rollout restart target", "rolloutRestartPolicy": "rollout restart policy",
		"keys": "key selection", "pkcs12": "keystore", "list": "folder list", "vaultClientMeta": "login in the status",
		"namespaceSelector": "label selector", "matchExpressions": "label requirement", "passwordSecretRef": "key of a Secret",
		"syncConfig": "sync config", "sources": "further source", "privateKey": "private key",
	}
	return cmp.Or(words[name], name)
}

func (r *reference) overview(all []*definition) {
	r.WriteString("| kind | short name | scope | |\n|---|---|---|---|\n")
	for _, d := range all {
		n := d.Spec.Names
		text := sentence(d.root().Description)
		if !r.kinds[d.kind()] {
			text = "**New.** " + text
		}
		fmt.Fprintf(r, "| [%s](#%s) | `%s` | %s | %s |\n", d.kind(), anchor(d.kind()), n.ShortNames[0], strings.ToLower(d.Spec.Scope), text)
	}
	r.WriteString("\n")
}

func (r *reference) kind(t *testing.T, d *definition) {
	fmt.Fprintf(r, "# %s\n\n%s\n\n", d.kind(), flat(d.root().Description))
	example, err := os.ReadFile("testdata/examples/" + strings.ToLower(d.kind()) + ".yaml")
	if err != nil {
		t.Error(err)
	}
	fmt.Fprintf(r, "```yaml\n%s```\n\n", example)
	r.table(d.kind(), "spec", d.root().Properties["spec"])
	r.WriteString("In the status:\n\n")
	r.table(d.kind(), "status", d.root().Properties["status"])
	fmt.Fprintf(r, "`kubectl get %s` shows %s; `-o wide` adds %s.\n\n", d.Spec.Names.ShortNames[0], columnNames(d, false), columnNames(d, true))
}

// table describes what is below a schema, and then the rules about it.
func (r *reference) table(kind, path string, p *property) {
	r.WriteString("| field | type | default | |\n|---|---|---|---|\n")
	rules := r.rows(kind, path, "", p)
	r.WriteString("\n")
	for _, rule := range rules {
		fmt.Fprintf(r, "The API server checks: %s.\n\n", rule.Message)
	}
}

func (r *reference) rows(kind, path, prefix string, p *property) []rule {
	rules := slices.Clone(p.Rules)
	for _, name := range slices.Sorted(maps.Keys(p.Properties)) {
		child, at := p.Properties[name], path+"."+name
		inner, suffix := child.element()
		kindOf, linked := r.describeType(child, inner)
		fmt.Fprintf(r, "| `%s%s` | %s | %s | %s |\n", prefix, name, kindOf, standard(child, p.requires(name)), r.mark(kind, at)+flat(child.Description))
		if !linked {
			rules = append(rules, r.rows(kind, at+suffix, prefix+name+suffix+".", inner)...)
		}
	}
	return rules
}

// element is what a list or map holds, and how its path goes on.
func (p *property) element() (inner *property, suffix string) {
	switch {
	case p.Items != nil:
		return p.Items, "[]"
	case p.AdditionalProperties != nil:
		return p.AdditionalProperties, "{}"
	}
	return p, ""
}

// mark tells the fields that the older operator did not have where it had the rest.
func (r *reference) mark(kind, path string) string {
	if at := kind + " " + path; !r.known[at] && r.known[parent(at)] {
		return "**New.** "
	}
	return ""
}

// describeType returns the type of a field in words, and whether it is a link to
// where its own fields are described.
func (r *reference) describeType(p, inner *property) (text string, linked bool) {
	text = scalar(inner)
	if name := r.blocks[identity(inner)]; name != "" && len(inner.Properties) > 0 {
		text, linked = fmt.Sprintf("[%s](#%s)", name, anchor(name)), true
	}
	switch {
	case p.Items != nil:
		text = "list of " + text
	case p.AdditionalProperties != nil:
		text = "map of " + text
	}
	return text, linked
}

func scalar(p *property) string {
	switch {
	case p.Enum != nil:
		return "`" + strings.Join(p.Enum, "`, `") + "`"
	case strings.Contains(p.Pattern, "(s|m|h"):
		return "time"
	case p.Format == "date-time":
		return "date"
	case p.Minimum != nil && p.Maximum != nil:
		return fmt.Sprintf("%s %d to %d", p.Type, *p.Minimum, *p.Maximum)
	case p.Minimum != nil && *p.Minimum > 0:
		return fmt.Sprintf("%s from %d", p.Type, *p.Minimum)
	}
	return p.Type
}

func standard(p *property, required bool) string {
	switch {
	case p.Default != nil:
		return fmt.Sprintf("`%v`", p.Default)
	case required:
		return "required"
	}
	return ""
}

// flat is a text on one line that Markdown takes for text in a table.
func flat(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "{{", "`{{", "}}", "}}`").Replace(text)
}

func sentence(text string) string {
	first, _, _ := strings.Cut(flat(text), ". ")
	return strings.TrimSuffix(first, ".")
}

func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), " ", "-") }
