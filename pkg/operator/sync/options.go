package sync

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/instant"
	"github.com/vaultk8s/vaultk8s/pkg/operator/mac"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Options is what the reconcilers of all kinds share.
type Options struct {
	Client      client.Client // objects come from its cache; finalizers and statuses are written with it
	Live        client.Reader // of the API server: an object whose newest status the cache does not have yet
	Login       Login
	Destination Destination
	Restarts    Restarts
	Key         mac.Key
	Events      Recorder
	Drift       func(kind string) handler.EventHandler // of a watch of Secrets' metadata; nil: they are compared by the time
	Announced   Announcements                          // nil: instantUpdates is without effect
	Tally       *tally.Tally                           // nil: one of its own
	Outages     *rate.Limiter                          // of statuses about outages of Vault; nil: 50 a second, and 200 at once
	ExcludeRaw  bool                                   // for all objects
	Workers     int                                    // objects of one kind that are worked on at once; 0: 100
	Dynamic     int                                    // that of VaultDynamicSecrets; 0: Workers
	Patience    time.Duration                          // after which an object that fails all the time is left alone until something changes; 0: never
	Backoff     lease.Backoff                          // between failed attempts for one object; zero: 5s growing by 1.5 to 60s, half of it random
	Random      lease.Rand                             // nil: math/rand/v2
	Process     string                                 // UID of the operator's pod, for the statuses that tell it
}

func (o Options) withDefaults() Options {
	if o.Workers <= 0 {
		o.Workers = 100
	}
	if o.Dynamic <= 0 {
		o.Dynamic = o.Workers
	}
	if o.Backoff == (lease.Backoff{}) {
		o.Backoff = lease.Backoff{Initial: 5 * time.Second, Max: time.Minute, Multiplier: 1.5, Jitter: 0.5}
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Outages == nil {
		o.Outages = rate.NewLimiter(outageRate, outageBurst)
	}
	if o.Tally == nil {
		o.Tally = tally.New(nil)
	}
	return o
}

// Login returns the session of an object, logged in. It waits no longer than ctx.
type Login func(context.Context, session.Ask) (Session, error)

// LoginWith is the Login of all sessions of the operator.
func LoginWith(s *session.Sessions) Login {
	return func(ctx context.Context, a session.Ask) (Session, error) {
		got, err := s.For(ctx, a)
		if err != nil {
			return nil, err // not got: a nil pointer in an interface is not nil
		}
		return got, nil
	}
}

// Session is a token of one identity in one Vault namespace; see [session.Session].
// The same session is the same value.
type Session interface {
	Token
	Reader
}

// Token is who a session is, and what its leases hang on.
type Token interface {
	Identified
	Holder
}

// Reader asks Vault, for one object or for all.
type Reader interface {
	Exchanger
	Keeper
}

// Identified is a session as the status of an object names it.
type Identified interface {
	CacheKey() string
	ClientID() string
}

// Exchanger sends requests whose answers are for one object alone.
type Exchanger interface {
	Do(ctx context.Context, r vault.Request) (*vault.Response, error)
}

// Holder knows the token that leases end with, and keeps it for them.
type Holder interface {
	Hold(until time.Time)
	Token() vault.TokenState
}

// Keeper reads what all objects of a session share.
type Keeper interface {
	Watch(q secret.Query, notify func()) *secret.Watch
	Announce(q secret.Query, spread time.Duration)
}

// Destination writes Secrets; [destination.Writer] is one.
type Destination interface {
	Writer
	Remover
}

// Writer compares and writes the data of Secrets.
type Writer interface {
	Comparer
	Apply(ctx context.Context, f *destination.Found, d destination.Data) (destination.Written, error)
}

// Comparer tells whether a Secret has to be looked at.
type Comparer interface {
	Looker
	Unchanged(ctx context.Context, secret types.NamespacedName, version string) bool
}

// Looker finds out what a Secret is: by reading it, or by what is known without that.
type Looker interface {
	Look(ctx context.Context, owner client.Object, d v1beta1.Destination) (*destination.Found, error)
	Expect(ctx context.Context, owner client.Object, d v1beta1.Destination) (*destination.Found, error)
}

// Remover gives Secrets up.
type Remover interface {
	Releaser
	Pruner
}

// Releaser gives up the Secret of an object which is deleted, or of one which has no
// data any more.
type Releaser interface {
	Release(ctx context.Context, owner client.Object, d v1beta1.Destination) error
	Remove(ctx context.Context, owner client.Object, d v1beta1.Destination) error
}

// Pruner gives up the Secrets that an object wrote under another name before, and what
// is known of all of its Secrets once it is gone.
type Pruner interface {
	Prune(ctx context.Context, owner client.Object, d v1beta1.Destination) error
	Forget(uid types.UID)
}

// Restarts restarts workloads; [rollout.Restarter] is one.
type Restarts interface {
	Restart(ctx context.Context, q rollout.Request) (rollout.Outcome, error)
	Rolled(ctx context.Context, q rollout.Request) (bool, error)
}

// Recorder writes events about objects.
type Recorder interface {
	Event(object runtime.Object, eventType, reason, message string)
}

// Announcements are changes that Vault tells of before anybody asks.
type Announcements interface {
	// Follow listens for changes of what an object reads. It replaces what the same
	// object followed before.
	Follow(object string, s Session, engine string, paths []string, hears instant.Hears)
	// Forget ends that.
	Forget(object string)
}
