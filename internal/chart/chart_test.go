package chart

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

const folder = "../../charts/vaultk8s/"

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(folder + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFiles compares the files that are made of values.yaml; -update writes them.
func TestFiles(t *testing.T) {
	v, err := Read(file(t, "values.yaml"), file(t, "files/compat.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := v.Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, schema, folder+"values.schema.json")
	readme := strings.NewReplacer("{{values}}", v.Table()).Replace(readmeText)
	golden.Compare(t, []byte(readme), folder+"README.md")
	boards, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range boards {
		golden.Compare(t, content, folder+"files/dashboards/"+name+".json")
	}
	page := strings.NewReplacer("{{values}}", v.Table(), "{{old}}", v.OldTable()).Replace(pageText)
	golden.Compare(t, []byte(page), "../../docs/values.md")
}

const readmeText = "# vaultk8s\n" + `
Brings the secrets of Vault and OpenBao to Kubernetes workloads in three ways, each a switch of this chart: an injector of
agents, a provider of the Secrets Store CSI Driver, and an operator of custom resources. How to choose is told in
docs/install.md of the project.

    helm install vault charts/vaultk8s --namespace vault --create-namespace --set vault.address=https://vault.example.com:8200

## Values

This file is made of values.yaml by ` + "`make chart`" + `.

{{values}}`

const pageText = "# Values of the chart\n" + `
This page is made of ` + "`charts/vaultk8s/values.yaml`" + ` by ` + "`make chart`" + `. Keys that are not here are refused, so that
a typing error is one. [install.md](install.md) tells how to install.

{{values}}
## Values of the older charts

Values of vault-helm (` + "`injector`, `csi`, `global`" + `) and of the chart of the Vault Secrets Operator work as they are. Some have
another place here; they are moved, and the notes of the release say so. A value that is the old chart's default says nothing.

{{old}}
` + "`server` and `ui`" + ` belong to a Vault server, which this chart does not install: what turns it on is refused. The same goes for
` + "`csi.driver`" + ` and the other values of the operator's own CSI driver while ` + "`csi.enabled`" + ` is true.
`

// TestMetricsExist looks up the metrics of alerts and dashboards in the code, and
// those of the injector in the page that is made of its code.
func TestMetricsExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/injector.md")
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, d := range telemetry.Descriptions() {
		known[d.Name] = true
	}
	boards, err := Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	boards["alerts"] = file(t, "files/alerts.yaml")
	if len(boards) != 5 {
		t.Errorf("%d files", len(boards))
	}
	metric := regexp.MustCompile(`\b(vaultk8s|vault|vso|controller)_[a-z0-9_]+`)
	for name, content := range boards {
		found := metric.FindAll(content, -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", name)
		}
		for _, m := range found {
			m := strings.TrimSuffix(string(m), "_bucket")
			if !known[m] && !bytes.Contains(page, []byte("| `"+m+"` |")) {
				t.Errorf("%s names %s, which does not exist", name, m)
			}
		}
	}
}

func TestRead(t *testing.T) {
	v, err := Read([]byte(`# The file.

# A group.
# @open
a:
  # A word.
  # @enum ,x,y
  b: ""
  # A map.
  # @type object,string,null
  c: null
# A list of
# things.
# @open
d: [1, {e: 2}]
# A number.
# @type integer,null
n: null
`), []byte("rows:\n- {from: old.b, to: a.b, was: x}\n- {from: gone, gone: it was no good}\nforeign: [a.z]\nserver: [server]\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range v.All() {
		got = append(got, k.Path+": "+k.Comment+" "+k.Default+" "+strings.Join(k.Types, ","))
	}
	want := []string{
		"a: A group.  object", `a.b: A word. "" string`, "a.c: A map. null object,string,null",
		"d: A list of things. [1, {e: 2}] array", "n: A number. null integer,null",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	schema, err := v.Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, schema, "testdata/schema.json")
	golden.Compare(t, []byte(v.Table()+"\n"+v.OldTable()), "testdata/table.md")
}

func TestReadBad(t *testing.T) {
	cases := map[string]struct{ values, old, want string }{
		"no comment":   {values: "a: 1\n# B.\nb:\n  # C.\n  c: 1\n  d: 2\n", want: "value \"a\": there is no comment\nvalue \"b.d\": there is no comment"},
		"unknown mark": {values: "# A.\n# @typo x\na: 1\n", want: `value "a": unknown mark "@typo"`},
		"null":         {values: "# A.\na: null\n", want: `value "a": a null needs a line @type`},
		"no mapping":   {values: "- 1\n", want: "read the values: expected a mapping"},
		"no YAML":      {values: "a: [\n", want: "read the values: yaml: line 1: did not find expected node content"},
		"nowhere": {
			values: "# A.\na: 1\n", old: "rows: [{from: x, to: y}, {from: z}]",
			want: "old spelling \"x\": expected either a reason, or a place that exists, not \"y\"\nold spelling \"z\": expected either a reason, or a place that exists, not \"\"",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Read([]byte(tc.values), []byte(tc.old))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(f, "values.yaml"), file(f, "files/compat.yaml"))
	f.Add([]byte("# A.\na: {b: [1]}\n"), []byte("rows: [{from: a.b.c, to: a}]"))
	f.Fuzz(func(t *testing.T, values, old []byte) {
		v, err := Read(values, old)
		if err != nil {
			return
		}
		if _, err := v.Schema(); err != nil {
			t.Error(err)
		}
		if v.Table() == "" {
			t.Error("no table")
		}
	})
}
