package sync

import (
	"errors"
	"net"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// outcome is the end of one visit.
type outcome struct {
	status.Outcome
	next    time.Duration // when to look again at the latest; 0: when something changes
	silent  bool          // nothing is known yet that would be worth writing down
	backoff bool          // look again after the backoff of the object; next counts where it is sooner
	asked   time.Duration // what Vault asked to wait, at least
	away    bool          // the whole Vault does not answer, or is sealed
}

// done says that an object is as its spec says.
func done(message string, next time.Duration) outcome {
	return outcome{Outcome: status.Outcome{State: status.Done, Reason: v1beta1.ReasonSynced, Message: message}, next: next}
}

// pending says that something was begun which will wake the object when it is there.
func pending() outcome { return outcome{silent: true} }

// waiting says that something is not there yet which is no failure.
func waiting(reason, message string, next time.Duration) outcome {
	return outcome{Outcome: status.Outcome{State: status.Waiting, Reason: reason, Message: message}, next: next}
}

// stuck says that somebody has to change something. Whatever that is wakes the
// object.
func stuck(reason string, err error) outcome {
	return outcome{Outcome: status.Outcome{State: status.Stuck, Reason: reason, Message: text(err)}}
}

// failed says that an attempt failed which is repeated after the backoff. What the
// error is decides whether waiting alone may help.
func failed(reason string, err error) outcome {
	o := outcome{Outcome: status.Outcome{State: stateOf(err), Reason: reason, Message: text(err)}, backoff: true}
	o.asked = vault.RetryAfter(err)
	o.away = vault.KindOf(err).Away()
	return o
}

// ofVault is failed, of a request to Vault.
func ofVault(err error) outcome { return failed(v1beta1.ReasonVaultClientError, err) }

// ofCluster is failed, of a request to the API server.
func ofCluster(err error) outcome {
	return outcome{Outcome: status.Outcome{State: status.Retrying, Reason: v1beta1.ReasonK8sClientError, Message: text(err)}, backoff: true}
}

func stateOf(err error) status.State {
	if e, ok := errors.AsType[*effective.Error](err); ok {
		if e.Kind == effective.NotFound {
			return status.Waiting
		}
		return status.Stuck
	}
	if _, ok := errors.AsType[*vault.Error](err); ok {
		switch kind := vault.KindOf(err); {
		case kind.Temporary() || kind == vault.InvalidToken:
			return status.Retrying
		default:
			return status.Stuck
		}
	}
	return status.Retrying
}

// text is what an error says, without what differs at each attempt: a status that
// changes is a write, and an event that differs is one more.
func text(err error) string {
	said := err.Error()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Source != nil {
		bare := *op
		bare.Source = nil // our port
		said = strings.ReplaceAll(said, op.Error(), bare.Error())
	}
	return said
}
