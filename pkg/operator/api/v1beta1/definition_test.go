package v1beta1_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const definitionFolder = "../../../../charts/vaultk8s/files/crds"

// definition is what the tests look at of a CustomResourceDefinition.
type definition struct {
	Metadata struct{ Name string }
	Spec     struct {
		Group, Scope string
		Names        struct {
			Kind, ListKind, Plural, Singular string
			ShortNames, Categories           []string
		}
		Versions []struct {
			Name                     string
			Served, Storage          bool
			AdditionalPrinterColumns []column
			Subresources             struct{ Status *struct{} }
			Schema                   struct{ OpenAPIV3Schema *property }
		}
	}
}

type column struct {
	Name, Type, JSONPath, Description string
	Priority                          int
}

// property is a schema; its own name is the key that it has in its parent.
type property struct {
	Type                 string               `json:"type,omitempty"`
	Format               string               `json:"format,omitempty"`
	Pattern              string               `json:"pattern,omitempty"`
	Description          string               `json:"description,omitempty"`
	Default              any                  `json:"default,omitempty"`
	Enum                 []string             `json:"enum,omitempty"`
	Minimum              *int64               `json:"minimum,omitempty"`
	Maximum              *int64               `json:"maximum,omitempty"`
	MinLength            *int64               `json:"minLength,omitempty"`
	MaxLength            *int64               `json:"maxLength,omitempty"`
	MaxItems             *int64               `json:"maxItems,omitempty"`
	Required             []string             `json:"required,omitempty"`
	Properties           map[string]*property `json:"properties,omitempty"`
	Items                *property            `json:"items,omitempty"`
	AdditionalProperties *property            `json:"additionalProperties,omitempty"`
	Rules                []rule               `json:"x-kubernetes-validations,omitempty"`
}

type rule struct{ Rule, Message string }

// definitions reads the files that the chart installs, sorted by kind.
func definitions(t testing.TB) []*definition {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(definitionFolder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files in %s, %v", len(files), definitionFolder, err)
	}
	var all []*definition
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := &definition{}
		if err := yaml.Unmarshal(text, d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(d.Spec.Versions) != 1 {
			t.Fatalf("%s has %d versions", name, len(d.Spec.Versions))
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *definition) int { return strings.Compare(a.kind(), b.kind()) })
	return all
}

func (d *definition) kind() string         { return d.Spec.Names.Kind }
func (d *definition) root() *property      { return d.Spec.Versions[0].Schema.OpenAPIV3Schema }
func (d *definition) columns() []column    { return d.Spec.Versions[0].AdditionalPrinterColumns }
func (p *property) requires(n string) bool { return slices.Contains(p.Required, n) }

// visit is called for each property below p, parents first; path has [] for the
// items of a list and {} for the values of a map.
type visit func(path string, p *property, required bool)

// walk leaves out what every object has: apiVersion, kind and metadata.
func (d *definition) walk(v visit) {
	for _, name := range []string{"spec", "status"} {
		if p := d.root().Properties[name]; p != nil {
			p.walk(name, d.root().requires(name), v)
		}
	}
}

func (p *property) walk(path string, required bool, v visit) {
	v(path, p, required)
	if p.Items != nil {
		p.Items.walk(path+"[]", false, v)
	}
	if p.AdditionalProperties != nil {
		p.AdditionalProperties.walk(path+"{}", false, v)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Properties)) {
		p.Properties[name].walk(path+"."+name, p.requires(name), v)
	}
}
