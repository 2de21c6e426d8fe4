package shape_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// canary is a value that must never show in an error.
const canary = "canary-7f3a-hunter2"

// object is the resource of most tests.
func object() types.NamespacedName { return types.NamespacedName{Namespace: "apps", Name: "db"} }

// tree decodes as the Vault client does, with the numbers of encoding/json.
func tree(t testing.TB, text string) sensitive.Data {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var data map[string]any
	if err := decoder.Decode(&data); err != nil {
		t.Fatal(err)
	}
	return sensitive.NewData(data)
}

func kv2(t testing.TB, data string) shape.Answer {
	t.Helper()
	a, err := shape.FromKV2(tree(t, `{"data":`+data+`,"metadata":{"version":3}}`))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// shown is data as a test reads it.
func shown(data map[string][]byte) map[string]string {
	out := map[string]string{}
	for key, value := range data {
		out[key] = string(value)
	}
	return out
}

// world holds SecretTransformations.
type world map[string]v1beta1.SecretTransformationSpec

func (w world) lookup(name types.NamespacedName) (*v1beta1.SecretTransformation, error) {
	spec, ok := w[name.String()]
	if !ok {
		return nil, fmt.Errorf("SecretTransformation %s does not exist", name)
	}
	return &v1beta1.SecretTransformation{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		Spec:       spec, Status: v1beta1.SecretTransformationStatus{Valid: name.Name != "invalid"},
	}, nil
}

func plan(t testing.TB, o shape.Options) *shape.Plan {
	t.Helper()
	if o.Object.Name == "" {
		o.Object = object()
	}
	p, err := shape.NewPlan(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
