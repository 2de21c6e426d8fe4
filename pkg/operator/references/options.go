package references

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
)

// Sessions are those of the operator, as far as this package needs them;
// *session.Sessions has these methods.
type Sessions interface {
	Changed(kind string, name types.NamespacedName)
	Connect(ctx context.Context, c *v1beta1.VaultConnection) (session.Health, error)
}

// Recorder writes events about objects.
type Recorder interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// Options of the reconcilers.
type Options struct {
	OperatorNamespace string
	Sessions          Sessions
	Events            Recorder
	DefaultGlobals    bool // a VaultAuth may take a VaultAuthGlobal that it does not name
	SecretIDFolders   []string
	Interval          time.Duration               // between looks at a connection that names none
	Owns              func(namespace string) bool // whose objects are judged here; nil: all
	CSI               bool                        // the kind CSISecrets is installed
	Tally             *tally.Tally
}

// SetupWithManager registers the reconcilers of all kinds.
func SetupWithManager(m manager.Manager, o Options) error {
	f := frame{Options: o, client: m.GetClient()}
	problems := []error{setupConnection(m, f), setupAuth(m, f), setupGlobal(m, f), setupTransformation(m, f)}
	if o.CSI {
		problems = append(problems, setupCSI(m, f))
	}
	return errors.Join(problems...)
}

func (o Options) owns(namespace string) bool { return o.Owns == nil || o.Owns(namespace) }

// about spreads a pause, so that looks of many objects do not come together: a
// tenth shorter to a tenth longer.
func about(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // only to spread requests
}
