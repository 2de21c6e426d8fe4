package csi

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// TestPage makes docs/csi-provider.md of its hand-written text and of what the
// program knows.
func TestPage(t *testing.T) {
	tables := template.FuncMap{
		"parameters": parametersTable, "formats": formatsTable, "flags": flagsTable, "metrics": metricsTable, "methods": methodsTable,
		"objects": func() string {
			return fieldsTable(t, objectFields(), reflect.TypeFor[object](), reflect.TypeFor[extension]())
		},
		"templates": func() string { return fieldsTable(t, templateFields(), reflect.TypeFor[classTemplate]()) },
	}
	const name = "csi-provider.md.tmpl"
	page, err := template.New(name).Delims("<%", "%>").Funcs(tables).ParseFiles(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, out.Bytes(), filepath.Join("..", "..", "docs", "csi-provider.md"))
}

func table(heading ...string) *strings.Builder {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(heading, " | "), strings.Repeat("---|", len(heading)))
	return &b
}

func row(b *strings.Builder, cells ...string) {
	for i, cell := range cells {
		if cells[i] = strings.ReplaceAll(cell, "|", "\\|"); cell == "" {
			cells[i] = "–"
		}
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func parametersTable() string {
	b := table("parameter", "default", "effect")
	for _, p := range parameters() {
		name := "`" + p.name + "`"
		if p.plain != "" {
			name = "`" + p.plain + "`, " + name
		}
		row(b, name, p.preset, p.effect)
	}
	return b.String()
}

// objectFields describes the fields of an object, in order.
func objectFields() [][2]string {
	return [][2]string{
		{"objectName", "path of the file in the volume; required, each once"},
		{"secretPath", "API path with or without `/v1/`, and query parameters behind `?`; required. It is taken literally: for KV version 2 write `secret/data/NAME`"},
		{"secretKey", "key of the data; the whole answer without it; `*` for one file for each key in a directory named objectName"},
		{"method", "HTTP method; `GET` without it"},
		{"secretArgs", "body of the request: a map"},
		{"filePermission", "mode of the file, as `0600` or `0o600`; `0644` without it. `600` is a decimal number"},
		{"encoding", "`utf-8`, `base64` or `hex`: the value is decoded; only with secretKey"},
		{"jsonPath", "value inside the value: a JSON pointer (`/a/0/b`) or names with dots (`a.0.b`); a text that holds JSON is opened"},
		{"format", "form of the file, see below"},
		{"keys", "keys that a format takes; all without it"},
		{"passwordKey", "key of the secret with the password of a keystore"},
		{"alias", "name of the entry of a JKS keystore"},
		{"namespace", "Vault namespace of the request, where it is another one than the class's"},
		{"roleName", "role to log in with, where it is another one than the class's"},
		{"wrapTTL", "the answer comes wrapped for so long; secretKey may be `token`, `accessor` and the like"},
		{"refreshInterval", "how often it is read, where it has no lease"},
		{"shared", "`false`: no other volume shares the answer"},
	}
}

func templateFields() [][2]string {
	return [][2]string{
		{"objectName", "path of the file in the volume; required, each once"},
		{"template", "the template; required"},
		{"leftDelimiter", "`{{` without it"},
		{"rightDelimiter", "`}}` without it"},
		{"errorOnMissingKey", "`false`: a missing key is written as `<no value>`; otherwise it is an error"},
		{"filePermission", "mode of the file; `0644` without it"},
	}
}

// fieldsTable fails the test where a field is not described, or is none.
func fieldsTable(t *testing.T, described [][2]string, types ...reflect.Type) string {
	t.Helper()
	var fields []string
	for _, typ := range types {
		for i := range typ.NumField() {
			if tag := typ.Field(i).Tag.Get("yaml"); tag != "" && tag != ",inline" {
				fields = append(fields, tag)
			}
		}
	}
	b := table("field", "effect")
	var names []string
	for _, d := range described {
		names = append(names, d[0])
		row(b, "`"+d[0]+"`", d[1])
	}
	if !slices.Equal(fields, names) {
		t.Errorf("fields %q are described as %q", fields, names)
	}
	return b.String()
}

func formatsTable() string {
	var b strings.Builder
	for _, f := range render.Formats() {
		row(&b, "`"+f.Name+"`", f.Summary)
	}
	return b.String()
}

func methodsTable() string {
	b := table("method", "keys of the Secret")
	for _, m := range authMethods() {
		var keys []string
		for _, c := range credentialsOf(m) {
			text := "`" + c.keys[0] + "`"
			if !c.required {
				text += " (optional)"
			}
			keys = append(keys, text)
		}
		if byToken(m) {
			keys = []string{"none: the pod's service-account token"}
		}
		row(b, "`"+m+"`", strings.Join(keys, ", "))
	}
	return b.String()
}

func flagsTable() string {
	b := table("flag", "setting", "default", "effect")
	for _, k := range config.Keys() {
		section, _, _ := strings.Cut(k.Key, ".")
		if k.Flag == "" || !slices.Contains([]string{"vault", "log", "csi"}, section) {
			continue
		}
		preset := ""
		if k.Default != "" {
			preset = "`" + k.Default + "`"
		}
		row(b, "`-"+k.Flag+"`", "`"+k.Key+"`", preset, k.Effect)
	}
	return b.String()
}

func metricsTable() string {
	b := table("metric", "type", "labels", "meaning")
	for _, d := range telemetry.Descriptions() {
		if strings.Contains(d.Modes, "csi-provider") {
			row(b, "`"+d.Name+"`", d.Type, strings.Join(d.Labels, ", "), d.Meaning)
		}
	}
	return b.String()
}
