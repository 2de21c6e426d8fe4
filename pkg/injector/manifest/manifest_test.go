package manifest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

func testOptions() injector.Options {
	o := injector.DefaultOptions()
	o.VaultAddress, o.Namespace = "https://vault:8200", "shop"
	return o
}

func written(t testing.TB, all Documents, form string) string {
	t.Helper()
	var b bytes.Buffer
	if err := all.Write(&b, form); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is not changed comes out as it went in, whatever it is.
func TestNothingIsLost(t *testing.T) {
	cases := map[string]string{
		"nothing":          "",
		"a mark":           "---\n",
		"comments":         "# a\n---\n# b\nkind: A\n# c\n---\n",
		"no end of line":   "kind: A\n---\nkind: B",
		"other lines":      "kind: A\r\n---\r\nkind: B\r\n",
		"words at a mark":  "--- # first\nkind: A\n--- \nkind: B\n",
		"dashes in a text": "a: |\n  ---\n  x\nb: ----\n",
		"templates":        "{{ if }}\nkind: A\n",
		"JSON":             `{"kind": "A",  "b": 1}`,
		"a list of none":   "kind: List\nitems: []\n",
		"lists":            "- a\n- b\n",
		"anchors":          "a: &x 1\nb: *x\n",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			all := Read("f", []byte(text))
			all.Inject(testOptions())
			all.Uninject()
			if diff := cmp.Diff(text, written(t, all, "yaml")); diff != "" {
				t.Errorf("-in +out\n%s", diff)
			}
			if got := written(t, all, "diff") + written(t, all, "patch"); got != "" {
				t.Errorf("what has changed: %s", got)
			}
		})
	}
}

// pod is a manifest of each kind, which asks for a secret.
func pod(kind, apiVersion string) string {
	template := `
      metadata:
        annotations: {vault.hashicorp.com/agent-inject: "true", vault.hashicorp.com/role: web, vault.hashicorp.com/agent-inject-secret-a: secret/a}
      spec: {future: kept, containers: [{name: web, image: web, resources: {limits: {cpu: 0.5}}}]}
`
	head := "apiVersion: " + apiVersion + "\nkind: " + kind + "\n"
	switch kind {
	case "Pod":
		return head + strings.ReplaceAll(template, "\n      ", "\n")
	case "PodTemplate":
		return head + "template:" + template
	case "CronJob":
		return head + "spec:\n  jobTemplate:\n   spec:\n    template:" + template
	}
	return head + "metadata: {name: w}\nspec:\n  replicas: 2\n  template:" + template
}

func TestEveryKind(t *testing.T) {
	for kind, version := range map[string]string{
		"Pod": "v1", "PodTemplate": "v1", "ReplicationController": "v1", "Deployment": "apps/v1", "StatefulSet": "apps/v1",
		"DaemonSet": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1",
	} {
		t.Run(kind, func(t *testing.T) {
			all := Read("f", []byte(pod(kind, version)))
			found := all.Inject(testOptions())
			if len(found) != 1 || found[0].Reason != injector.Injected || found[0].Failed {
				t.Fatalf("found %v", found)
			}
			once := written(t, all, "yaml")
			for _, part := range []string{"name: vault-agent-init", "agent-inject-status: injected", "future: kept", "cpu: 0.5\n"} {
				if !strings.Contains(once, part) {
					t.Errorf("there is no %q", part)
				}
			}
			for _, part := range []string{"status: {}", "creationTimestamp"} {
				if strings.Contains(once, part) {
					t.Errorf("there is %q", part)
				}
			}
			again := Read("f", []byte(once))
			again.Inject(testOptions())
			if twice := written(t, again, "yaml"); twice != once {
				t.Error("done twice, it changes")
			}
			back := Read("f", []byte(once))
			back.Uninject()
			if plain := written(t, back, "yaml"); strings.Contains(plain, "vault-agent") || strings.Contains(plain, "injected") {
				t.Errorf("left over:\n%s", plain)
			}
		})
	}
}

// Another version of the kind is none that we know.
func TestForeignKinds(t *testing.T) {
	for _, version := range []string{"apps/v1beta1", "example.com/v1"} {
		all := Read("f", []byte(pod("Deployment", version)))
		if found := all.Inject(testOptions()); len(found) != 0 {
			t.Errorf("%s: %v", version, found)
		}
	}
}

func TestFindings(t *testing.T) {
	cases := map[string]struct {
		text string
		want []string
	}{
		"not YAML":   {"a: [", []string{"f: document 1: Undecodable: yaml: line 1: did not find expected node content"}},
		"a word":     {"kind: A\n---\nhello\n", []string{"f: document 2: Undecodable: it is no object of Kubernetes: json: cannot unmarshal string into Go value of type manifest.head"}},
		"bad list":   {"kind: List\nitems: 7\n", []string{"f: document 1: List: Undecodable: json: cannot unmarshal number into Go struct field list.items of type []json.RawMessage"}},
		"bad item":   {"kind: List\nitems: [7]\n", []string{"f: document 1: List: item 1: Undecodable: json: cannot unmarshal number into Go value of type manifest.head"}},
		"no role":    {strings.Replace(pod("Pod", "v1"), "role", "rule", 1), []string{"f: document 1: Pod: warning: vault.hashicorp.com/rule is unknown and has no effect; did you mean vault.hashicorp.com/role?", "f: document 1: Pod: BadAnnotation: error validating agent configuration: no Vault role found: set vault.hashicorp.com/role"}},
		"not wanted": {"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\n", []string{"f: document 1: Pod shop/p: NotRequested"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Read("f", []byte(tc.text)).Inject(testOptions()) {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("kind: A\n---\n" + pod("Deployment", "apps/v1"))
	f.Add("{}\n---\n[\n--- x\n")
	f.Add("kind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {annotations: {vault.hashicorp.com/agent-inject: \"1\"}}}]")
	o := testOptions()
	f.Fuzz(func(t *testing.T, text string) {
		all := Read("f", []byte(text))
		if got := written(t, all, "yaml"); got != text {
			t.Errorf("%q comes out as %q", text, got)
		}
		all.Inject(o)
		written(t, all, "json")
		written(t, all, "diff")
	})
}
