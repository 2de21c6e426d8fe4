package references

import (
	"context"
	"fmt"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
)

// system is the operator's namespace.
const system = "vso"

// stage is a cluster in memory, with a Vault that answers what it is told to.
type stage struct {
	client client.Client
	frame  frame

	mu      sync.Mutex
	health  session.Health
	err     error
	changed []string
	events  []string
	writes  int
}

func newStage(t *testing.T, objects ...client.Object) *stage {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s := &stage{health: session.Health{Version: "1.21.2", Initialized: true}}
	s.client = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(
		&v1beta1.VaultConnection{}, &v1beta1.VaultAuth{}, &v1beta1.VaultAuthGlobal{}, &v1beta1.SecretTransformation{}, &v1beta1.CSISecrets{},
	).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			s.writes++
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			s.writes++
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}).Build()
	s.frame = frame{client: s.client, Options: Options{OperatorNamespace: system, Sessions: s, Events: s, Tally: tally.New(nil), DefaultGlobals: true, Interval: 60e9}}
	return s
}

// Changed implements Sessions.
func (s *stage) Changed(kind string, name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = append(s.changed, kind+" "+name.String())
}

// Connect implements Sessions.
func (s *stage) Connect(context.Context, *v1beta1.VaultConnection) (session.Health, error) {
	return s.health, s.err
}

// Event implements Recorder.
func (s *stage) Event(_ runtime.Object, eventType, reason, message string) {
	s.events = append(s.events, fmt.Sprintf("%s %s: %s", eventType, reason, message))
}
