package chart

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/test/lab"
)

const chartFolder = "../../charts/vaultk8s"

// program is the path of helm, found once.
var program = sync.OnceValues(func() (string, error) { return lab.Binary(context.Background(), lab.TargetHelm) })

// helm runs helm and returns what it wrote.
func helm(t testing.TB, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return helmIn(t.Context(), t.TempDir(), args...)
}

// helmIn runs helm with an empty home: the user's plugins and repositories do not
// count.
func helmIn(ctx context.Context, home string, args ...string) (stdout, stderr string, err error) {
	path, err := program()
	if err != nil {
		return "", "", err
	}
	var out, problems bytes.Buffer
	c := exec.CommandContext(ctx, path, args...)
	c.Stdout, c.Stderr = &out, &problems
	c.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	err = c.Run()
	return out.String(), problems.String(), err
}

// template renders a release named vault in the namespace of that name.
func template(t testing.TB, args ...string) (string, error) {
	t.Helper()
	r, err := rendered(t, "vault", args...)
	if err != nil {
		return "", err
	}
	return r.manifest, nil
}

// objects is what a chart rendered.
type objects []*unstructured.Unstructured

func render(t testing.TB, args ...string) objects {
	t.Helper()
	return renderAs(t, "vault", args...)
}

func renderAs(t testing.TB, release string, args ...string) objects {
	t.Helper()
	r, err := rendered(t, release, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r.objects()
}

// one returns the only object of a kind and name.
func (all objects) one(t testing.TB, kind, name string) *unstructured.Unstructured {
	t.Helper()
	i := slices.IndexFunc(all, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name })
	if i < 0 {
		t.Fatalf("there is no %s %s among %v", kind, name, all.names())
	}
	return all[i]
}

func (all objects) has(kind string) bool {
	return slices.ContainsFunc(all, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind })
}

// names are kind and name of each object.
func (all objects) names() []string {
	out := make([]string, len(all))
	for i, o := range all {
		out[i] = o.GetKind() + " " + o.GetName()
	}
	return out
}

// kinds are the types that objects are decoded into. To register them takes longer than
// to decode a manifest.
var kinds = sync.OnceValues(func() (*runtime.Scheme, error) {
	types := runtime.NewScheme()
	return types, errors.Join(scheme.AddToScheme(types), v1beta1.AddToScheme(types))
})

// decoded is an object in its type, without a field that the type does not know.
// It is nil for kinds of others, which have no type here.
func decoded(t testing.TB, o *unstructured.Unstructured) runtime.Object {
	t.Helper()
	switch o.GroupVersionKind().Group {
	case "monitoring.coreos.com", "cert-manager.io", "apiextensions.k8s.io":
		return nil
	}
	types, err := kinds()
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, types, types, json.SerializerOptions{Yaml: true, Strict: true})
	out, _, err := strict.Decode(text, nil, nil)
	if err != nil {
		t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
		return nil
	}
	return out
}

// stories returns the values files of a pattern, by their names.
func stories(t testing.TB, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files at %s, %v", len(files), pattern, err)
	}
	all := make(map[string]string)
	for _, f := range files {
		all[strings.TrimSuffix(filepath.Base(f), ".yaml")] = f
	}
	return all
}

const (
	ciFiles  = chartFolder + "/ci/*.yaml"
	oldFiles = "testdata/old/*.yaml"
)
