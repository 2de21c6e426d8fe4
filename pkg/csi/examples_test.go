package csi

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/internal/pages"
)

// TestClassesOfPages: classes on pages, and pieces of one, are such as the provider takes.
func TestClassesOfPages(t *testing.T) {
	all, err := pages.Read("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range all {
		if p.Name != "docs/csi-provider.md" {
			continue
		}
		for _, text := range p.Fenced("yaml") {
			seen++
			if err := taken(text); err != nil {
				t.Errorf("%s: %v\n%s", p.Name, err, text)
			}
		}
	}
	if seen < 4 {
		t.Errorf("%d classes on the page", seen)
	}
}

// taken reads a class, or some parameters of one that is right without them.
func taken(text string) error {
	class := struct {
		Spec struct{ Parameters map[string]string }
	}{}
	if err := yaml.Unmarshal([]byte(text), &class); err != nil {
		return err
	}
	attributes := map[string]string{}
	if err := json.Unmarshal([]byte(aCall(nil).GetAttributes()), &attributes); err != nil {
		return err
	}
	changes := class.Spec.Parameters
	if !strings.Contains(text, "kind: SecretProviderClass") {
		if err := yaml.Unmarshal([]byte(text), &changes); err != nil {
			return err
		}
	}
	maps.Copy(attributes, changes)
	encoded, err := json.Marshal(attributes)
	if err != nil {
		return err
	}
	_, err = readerOf().read(&pb.MountRequest{Attributes: string(encoded), Secrets: "{}", TargetPath: "/t"})
	return err
}
