package migrate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

func TestResources(t *testing.T) {
	notes, err := Resources(read(t, "crs/mistakes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, []byte(written(t, notes)), "testdata/crs/mistakes.report")
}

func TestResourcesErrors(t *testing.T) {
	if _, err := Resources([]byte("a: 1\n---\n- x")); err == nil || !strings.HasPrefix(err.Error(), "file 1, document 2: yaml: ") {
		t.Error(err)
	}
	notes, err := Resources([]byte("{}"))
	if err != nil || len(notes) > 0 {
		t.Errorf("%v %v", notes, err)
	}
}

func FuzzResources(f *testing.F) {
	f.Add(read(f, "crs/mistakes.yaml"))
	f.Add([]byte("apiVersion: secrets.hashicorp.com/v1beta1\nkind: VaultAuth\nspec: {method: 1, kubernetes: x}"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = Resources(text) // nothing may panic
	})
}

func TestAnnotations(t *testing.T) {
	broken := func(text, _, _ string) error {
		if strings.Contains(text, "toJSON") {
			return errors.New("line 1: a planted fault")
		}
		return nil
	}
	for name, check := range map[string]func(_, _, _ string) error{"app": nil, "app-checked": broken} {
		notes, err := Annotations(check, Manifest{"app.yaml", read(t, "annotations/app.yaml")})
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, []byte(written(t, notes)), "testdata/annotations/"+name+".report")
	}
	if _, err := Annotations(nil, Manifest{"x.yaml", []byte("a: [")}); err == nil || !strings.HasPrefix(err.Error(), "read x.yaml: file 1, document 1: ") {
		t.Error(err)
	}
}

func TestAgentConfig(t *testing.T) {
	text := read(t, "agent/full.hcl")
	before, _, err := agentfile.Decode("full.hcl", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range AgentForms() {
		made, notes, err := AgentConfig("full.hcl", text, form)
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, made, "testdata/agent/full."+form+".golden")
		golden.Compare(t, []byte(written(t, notes)), "testdata/agent/full."+form+".report")
		if form == "annotations" {
			continue
		}
		after, _, err := agentfile.Decode("again", made)
		if err != nil {
			t.Fatal(err)
		}
		if diff := agentfile.Diff(before, after); len(diff) > 0 {
			t.Errorf("%s differs: %q", form, diff)
		}
	}
}

func TestAgentConfigErrors(t *testing.T) {
	cases := map[string]struct{ text, form, want string }{
		"form":    {"", "xml", `form "xml" is unknown: use hcl, json, annotations`},
		"syntax":  {"vault {", "json", "a.hcl:1: object expected closing RBRACE got: EOF"},
		"nothing": {"vault { address = \"https://x\" }", "json", "no auto_auth, cache, or listener block found in config"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := AgentConfig("a.hcl", []byte(tc.text), tc.form)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// What is said in annotations comes back as the same templates, when our injector
// makes a document of them.
func TestAnnotationsComeBack(t *testing.T) {
	text := read(t, "agent/full.hcl")
	want, _, err := agentfile.Decode("full.hcl", text)
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := AgentConfig("full.hcl", text, "annotations")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Metadata struct{ Annotations map[string]string }
	}
	if err := yaml.Unmarshal(made, &object); err != nil {
		t.Fatal(err)
	}
	o := injector.DefaultOptions()
	o.VaultAddress = "https://other:8200"
	pod, report := injector.Inject(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Annotations: object.Metadata.Annotations},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}},
	}, o)
	if report.Err != nil || len(report.Warnings) > 0 {
		t.Fatalf("%v %q", report.Err, report.Warnings)
	}
	got := documentOf(t, pod)
	if got.Vault.Address != "https://vault:8200" || got.AutoAuth.Method.Type != "approle" || got.AutoAuth.Method.Config["role_id_file_path"] != "/role" {
		t.Errorf("%+v %+v", got.Vault, got.AutoAuth.Method)
	}
	templates := func(d *agentfile.Document) map[string]string {
		all := map[string]string{}
		for _, t := range d.Templates {
			all[t.Destination] = t.Source + t.Contents + t.LeftDelim
		}
		return all
	}
	if diff := cmp.Diff(templates(want), templates(got)); diff != "" {
		t.Errorf("templates (-document +annotations):\n%s", diff)
	}
}

func documentOf(t *testing.T, pod *corev1.Pod) *agentfile.Document {
	t.Helper()
	for _, c := range pod.Spec.Containers {
		for _, e := range c.Env {
			if e.Name == "VAULT_CONFIG" {
				d, _, err := agentfile.DecodeBase64(e.Name, e.Value)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
		}
	}
	t.Fatal("no container has a document")
	return nil
}
