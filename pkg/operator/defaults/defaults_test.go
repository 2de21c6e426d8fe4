package defaults

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

const both = `---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultConnection
metadata:
  name: default
  labels: {team: a}
spec:
  address: https://vault:8200
  skipTLSVerify: false
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata:
  name: default
spec:
  method: kubernetes
`

func world(t *testing.T, with ...client.Object) client.WithWatch {
	t.Helper()
	s := runtime.NewScheme()
	if err := v1beta1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	return fake.NewClientBuilder().WithScheme(s).WithObjects(with...).Build()
}

func keeper(t *testing.T, c client.Client, content string) *Keeper {
	t.Helper()
	file := filepath.Join(t.TempDir(), "defaults.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return New(Options{File: file, Namespace: "vso", Client: c, Log: slog.New(slog.DiscardHandler)})
}

func connection(t *testing.T, c client.Client) *v1beta1.VaultConnection {
	t.Helper()
	got := &v1beta1.VaultConnection{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "vso", Name: "default"}, got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestApplyMakesAndMends(t *testing.T) {
	c := world(t)
	k := keeper(t, c, both)
	for range 2 {
		if err := k.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := connection(t, c)
		if got.Spec.Address != "https://vault:8200" {
			t.Errorf("address %q", got.Spec.Address)
		}
		if diff := cmp.Diff(map[string]string{"team": "a", Label: "true"}, got.Labels); diff != "" {
			t.Error(diff)
		}
		got.Spec.Address = "https://somewhere.else:8200"
		if err := c.Update(t.Context(), got); err != nil {
			t.Fatal(err)
		}
	}
}

func TestApplyPrunesItsOwn(t *testing.T) {
	foreign := &v1beta1.VaultAuth{ObjectMeta: metav1.ObjectMeta{Namespace: "vso", Name: "theirs"}}
	c := world(t, foreign)
	if err := keeper(t, c, both).Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(both, "---\n"), "\n---\n")
	if err := keeper(t, c, first).Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := &v1beta1.VaultAuthList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Name != "theirs" {
		t.Errorf("left over: %v", list.Items)
	}
	connection(t, c)
}

func TestBadFile(t *testing.T) {
	cases := map[string]struct{ content, want string }{
		"foreign kind": {
			content: "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n",
			want:    `read the default objects: Secret "a": expected a VaultConnection or a VaultAuth with a name`,
		},
		"no name": {
			content: "apiVersion: secrets.hashicorp.com/v1beta1\nkind: VaultAuth\n",
			want:    `read the default objects: VaultAuth "": expected a VaultConnection or a VaultAuth with a name`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := keeper(t, world(t), tc.content).Apply(t.Context())
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	if err := keeper(t, world(t), "---\n\n---\n").Apply(t.Context()); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

// The definitions may come after the operator.
func TestRunGoesOnUntilItIsDone(t *testing.T) {
	attempts := 0
	c := interceptor.NewClient(world(t), interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			if attempts++; attempts < 6 {
				return errors.New("no matches for kind")
			}
			return c.Apply(ctx, o, options...)
		},
	})
	k := keeper(t, c, both)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Two objects an attempt: the fourth, after pauses of 1, 2 and 4 s, has none that fails.
		if took := time.Since(begin); took != 7*time.Second {
			t.Errorf("took %v", took)
		}
	})
	connection(t, c)
	if !k.NeedLeaderElection() {
		t.Error("every replica would apply the file")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	k := New(Options{File: "/nowhere", Client: world(t), Log: slog.New(slog.DiscardHandler)})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := k.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}
