package sync

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
)

// certificate keeps VaultPKISecrets. Vault is asked for a new certificate only; a
// look that finds a good one needs no login.
type certificate struct {
	o       Options
	orphans *orphans
}

func newCertificate(o Options) *certificate { return &certificate{o: o, orphans: newOrphans(o)} }

func (*certificate) name() string         { return "VaultPKISecret" }
func (*certificate) empty() client.Object { return &v1beta1.VaultPKISecret{} }

// Start revokes what could not be revoked at once, until ctx ends.
func (k *certificate) Start(ctx context.Context) error { return k.orphans.run(ctx) }

const holdsCertificate = "the Secret has a certificate of Vault"

// certificates is what this process keeps of a VaultPKISecret.
type certificates struct {
	signed *signed // what Vault answered last; nil: another process was told
	quota  lease.Quota
}

// signed is one answer of Vault. It is kept until the Secret and the status have it,
// so that a failure on the way costs no second certificate; and then for repairs.
type signed struct {
	answer     shape.Answer
	serial     string
	at         time.Time
	expires    time.Time
	generation int64 // of the object that it was requested for
	reason     string
	restart    bool
	delivered  bool // the Secret has it, and the status tells so
}

// certified is one look at a VaultPKISecret.
type certified struct {
	*visit
	k      *certificate
	object *v1beta1.VaultPKISecret
	status *v1beta1.VaultPKISecretStatus // of object
	own    *certificates
	found  *destination.Found
}

func (k *certificate) look(v *visit) *certified {
	object := objectOf[*v1beta1.VaultPKISecret](v)
	own, ok := v.memory.own.(*certificates)
	if !ok {
		own = &certificates{}
		v.memory.own = own
	}
	return &certified{visit: v, k: k, object: object, status: &object.Status, own: own}
}

func (k *certificate) sync(ctx context.Context, v *visit) outcome {
	w := k.look(v)
	w.recall()
	o := w.act(ctx)
	if !o.silent {
		w.status.Valid, w.status.Error = o.State == status.Done, ""
		if o.State != status.Done {
			w.status.Error = o.Message
		}
	}
	return o
}

// recall finds out whether the newest status already has what was issued last.
func (w *certified) recall() {
	if s := w.own.signed; s != nil && !s.delivered && s.serial == w.status.SerialNumber && s.generation == w.status.LastGeneration {
		s.delivered = true
	}
}

// act does what is due.
func (w *certified) act(ctx context.Context) outcome {
	var bad *outcome
	if w.found, bad = w.visit.look(ctx); bad != nil {
		return *bad
	}
	decision := w.world(time.Now()).Judge(w.k.o.Random)
	if decision.Action == due.Absent {
		return w.absent(decision)
	}
	if s := w.own.signed; s != nil && !s.delivered && s.generation == w.object.Generation && time.Now().Before(s.expires) {
		return w.finish(ctx)
	}
	switch decision.Action {
	case due.Restore:
		return w.restore(ctx, decision)
	case due.Sync:
		return w.issue(ctx, decision)
	default:
		return w.fine(ctx, change{})
	}
}

// world is what the judgment is made of.
func (w *certified) world(now time.Time) due.Certificate {
	spec, s := &w.object.Spec, w.status
	offset, _ := spec.ExpiryOffset.Parse() // the API server has checked the pattern
	percent := 0
	if spec.RenewalPercent != nil {
		percent = *spec.RenewalPercent
	}
	held := w.own.signed
	return due.Certificate{
		Now: now, Generation: w.object.Generation, Synced: s.LastGeneration, Serial: s.SerialNumber, Forced: w.forced(),
		Create: spec.Destination.Create, Missing: !w.found.Exists(), Drifted: w.drifted(),
		Held:   held != nil && held.delivered && held.serial == s.SerialNumber,
		Issued: moment(s.LastRotation), Expires: moment(s.Expiration), Offset: offset, Percent: percent, MinTTL: minTTL(spec.Rotation),
	}
}

// moment is a time of a status; the zero time for none.
func moment(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0)
}

func (w *certified) drifted() bool {
	if !w.found.Exists() || w.status.SecretMAC == "" || w.k.o.Key.None() {
		return false
	}
	return !w.k.o.Key.Is(w.status.SecretMAC, w.found.Data(nil))
}

// fine ends a look at a certificate that is as it should be.
func (w *certified) fine(ctx context.Context, c change) outcome {
	c.hash = w.status.SecretMAC
	next := w.world(time.Now()).Horizon(w.k.o.Random)
	next = due.Soonest(next, w.restart(ctx, c))
	next = due.Soonest(next, w.succeed(ctx))
	w.synced(holdsCertificate)
	return done(holdsCertificate, atLeast(next, leastLook))
}

// release revokes the certificate and empties the Secret of an object that is
// deleted, where its spec says so.
func (k *certificate) release(ctx context.Context, v *visit) error {
	w := k.look(v)
	if w.object.Spec.Revoke {
		serials := []string{w.status.SerialNumber}
		for _, p := range w.status.PreviousCertificates {
			serials = append(serials, p.SerialNumber)
		}
		for _, serial := range serials {
			if serial != "" {
				k.orphans.revoke(ctx, v, v.ask(), w.revocation(serial), moment(w.status.Expiration))
			}
		}
	}
	if s := w.own.signed; s != nil && !s.delivered && s.serial != w.status.SerialNumber && w.object.Spec.Revoke {
		k.orphans.add(v.ask(), w.revocation(s.serial), s.expires)
	}
	return w.clear(ctx)
}

// clear empties a Secret that somebody else has made.
func (w *certified) clear(ctx context.Context) error {
	d := w.object.Spec.Destination
	if !w.object.Spec.Clear || d.Create || w.status.SerialNumber == "" {
		return nil
	}
	d.MergePolicy = v1beta1.DestinationReplace
	found, err := w.k.o.Destination.Look(ctx, w.object, d)
	if err != nil || !found.Exists() {
		return err
	}
	_, err = w.k.o.Destination.Apply(ctx, found, destination.Data{Values: map[string][]byte{}})
	return err
}
