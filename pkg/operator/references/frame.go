package references

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/operator/visit"
)

// frame is what the reconcilers have in common.
type frame struct {
	Options
	client client.Client
}

// judge looks at an object and changes its status; it returns when to look again,
// 0 for never.
type judge[S any] func(ctx context.Context, object S, c *status.Conditions) time.Duration

// kind makes the reconciler of a kind.
func kind[T any, S visit.Subject[T]](f frame, name, finalizer string, look judge[S]) *visit.Kind[T, S] {
	return &visit.Kind[T, S]{
		Client: f.client, Events: f.Events, Tally: f.Tally.Plain(name), Owns: f.Owns, Finalizer: finalizer,
		Judge: func(ctx context.Context, object S, c *status.Conditions) visit.Verdict {
			return visit.Verdict{Again: look(ctx, object, c)}
		},
	}
}

// changes is kind for objects that sessions are made of.
func changes[T any, S visit.Subject[T]](f frame, name, finalizer string, look judge[S]) *visit.Kind[T, S] {
	k := kind(f, name, finalizer, look)
	k.Gone = func(object types.NamespacedName) { f.Sessions.Changed(name, object) }
	return k
}

// sound is the outcome of an object that is as it should be.
func sound(format string, args ...any) status.Outcome {
	return status.Outcome{State: status.Done, Reason: v1beta1.ReasonAccepted, Message: fmt.Sprintf(format, args...)}
}

func stuck(reason string, err error) status.Outcome {
	return status.Outcome{State: status.Stuck, Reason: reason, Message: visit.Lines(err)}
}
