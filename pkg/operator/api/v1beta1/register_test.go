package v1beta1_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// manifests are one example of each kind and the documents of a tutorial that
// users of the older operator follow, by name.
func manifests(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d examples, %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, name := range append(files, "../../../../test/e2e/testdata/operator.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, document := range bytes.Split(text, []byte("\n---\n")) {
			all[filepath.Base(name)+"#"+string(rune('1'+i))] = document
		}
	}
	return all
}

// TestScheme decodes manifests with a scheme, refusing unknown fields, and wants
// back what they say, no more and no less.
func TestScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	for name, text := range manifests(t) {
		t.Run(name, func(t *testing.T) {
			object, _, err := codecs.UniversalDeserializer().Decode(text, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{}
			if err := yaml.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, written(t, object)); diff != "" {
				t.Errorf("object (-manifest +decoded):\n%s", diff)
			}
			if diff := cmp.Diff(object, object.DeepCopyObject()); diff != "" {
				t.Errorf("deep copy (-object +copy):\n%s", diff)
			}
		})
	}
}

// written is what a client sends of an object.
func written(t *testing.T, object runtime.Object) map[string]any {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := yaml.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestKinds(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, d := range definitions(t) {
		for _, kind := range []string{d.kind(), d.Spec.Names.ListKind} {
			if !scheme.Recognizes(v1beta1.Kind(kind)) {
				t.Errorf("%s is not in the scheme", kind)
			}
		}
	}
	if got := v1beta1.Resource("vaultauths").String(); got != "vaultauths.secrets.hashicorp.com" {
		t.Errorf("resource %q", got)
	}
}
