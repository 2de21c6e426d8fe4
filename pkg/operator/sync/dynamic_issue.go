package sync

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/operator/status"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// credentials is what this process keeps of a VaultDynamicSecret.
type credentials struct {
	issued    *issued     // what Vault answered last; nil: another process was told
	quota     lease.Quota // of requests for credentials
	settling  time.Time   // since when a static role is about to be rotated
	announced atomic.Bool // Vault told of a change
	extended  string      // id of the lease that this process renewed last; "": none
	engine    string      // kind of engine that answers; "": unknown
}

// issued is one answer of Vault. It is kept until the Secret and the status have it,
// so that a failure on the way costs no second lease; and then for repairs.
type issued struct {
	answer     shape.Answer
	lease      v1beta1.SecretLease
	role       v1beta1.StaticCredsMetaData // of a static role
	at         time.Time
	generation int64 // of the object that it was requested for
	reason     string
	restart    bool
	delivered  bool // the Secret has it, and the status tells so
}

func credentialsOf(m *memory) *credentials {
	own, ok := m.own.(*credentials)
	if !ok {
		own = &credentials{}
		m.own = own
	}
	return own
}

// holds tells whether the credentials of the status are in memory.
func (c *credentials) holds(s *v1beta1.VaultDynamicSecretStatus) bool {
	return c.issued != nil && c.issued.delivered && c.issued.lease.ID == s.SecretLease.ID
}

// undelivered tells whether there are credentials that an object still waits for.
func (c *credentials) undelivered(o *v1beta1.VaultDynamicSecret) bool {
	i := c.issued
	return i != nil && !i.delivered && i.generation == o.Generation && !i.ended(time.Now())
}

func (i *issued) ended(now time.Time) bool {
	return i.lease.LeaseDuration > 0 && !now.Before(i.at.Add(seconds(i.lease.LeaseDuration)))
}

// readAt is when Vault was asked last. A read that found nothing new is not in the
// status.
func (c *credentials) readAt(s *v1beta1.VaultDynamicSecretStatus) time.Time {
	recorded := time.Unix(s.LastRenewalTime, 0)
	if c.issued != nil && c.issued.delivered && c.issued.lease.ID == "" && c.issued.at.After(recorded) {
		return c.issued.at
	}
	return recorded
}

// roleOf is what is known of a static role; nil for credentials with a lease.
func (c *credentials) roleOf(spec *v1beta1.VaultDynamicSecretSpec, s *v1beta1.VaultDynamicSecretStatus) *due.Role {
	if !spec.AllowStaticCreds || s.SecretLease.Renewable {
		return nil
	}
	role := s.StaticCredsMetaData
	if c.issued != nil && c.issued.delivered {
		role = c.issued.role
	}
	return dueRole(role)
}

// recall finds out whether the newest status already has what was issued last.
func (w *leased) recall() {
	i := w.own.issued
	if i != nil && !i.delivered && i.at.Unix() == w.status.LastRenewalTime && i.lease.ID == w.status.SecretLease.ID && i.generation == w.status.LastGeneration {
		i.delivered = true
	}
}

// issue asks for new credentials and delivers them. Everything that can be refused
// is looked at before: credentials that nobody gets are worse than none.
func (w *leased) issue(ctx context.Context, d due.Decision) outcome {
	plan, bad := w.plan(ctx)
	if bad != nil {
		return w.keep(ctx, *bad)
	}
	now := time.Now()
	if wait := w.own.quota.Next(now, w.lifetime()).Sub(now); wait > 0 {
		return w.keep(ctx, w.unsynced(tooOften(wait)))
	}
	w.own.quota.Spend(now, w.lifetime())
	answered, err := w.request(ctx)
	if err != nil {
		w.own.quota.Refund()
		return w.keep(ctx, w.unsynced(ofVault(err)))
	}
	answered.reason, answered.restart = d.Reason, d.Restart || w.object.Spec.AllowStaticCreds
	if bad := w.unsettled(answered); bad != nil {
		w.own.quota.Refund() // a look is no issue
		return *bad
	}
	if lost := w.own.issued; lost != nil && !lost.delivered {
		w.k.orphans.add(w.ask(), revocation(lost.lease.ID), lost.at.Add(seconds(lost.lease.LeaseDuration)))
	}
	w.own.issued = answered
	return w.deliver(ctx, plan)
}

// tooOften is the outcome where something asks for more than a defect of ours, or a
// lease that is shorter than it takes to use it, may cost.
func tooOften(wait time.Duration) outcome {
	return outcome{
		Outcome: status.Outcome{State: status.Retrying, Reason: v1beta1.ReasonSecretSyncError, Message: "it was requested too often in a short time; the next request waits"},
		next:    atLeast(wait, leastLook),
	}
}

// lifetime is that of the lease as it is, for the quota.
func (w *leased) lifetime() time.Duration { return seconds(w.status.SecretLease.LeaseDuration) }

// finish delivers what was issued at a visit before.
func (w *leased) finish(ctx context.Context) outcome {
	plan, bad := w.plan(ctx)
	if bad != nil {
		return w.keep(ctx, *bad)
	}
	return w.deliver(ctx, plan)
}

// request reads credentials from Vault.
func (w *leased) request(ctx context.Context) (*issued, error) {
	r, err := w.session.Do(ctx, credentialRequest(&w.object.Spec))
	if err != nil {
		return nil, err
	}
	w.own.engine = orElse(r.MountType, w.own.engine)
	answer, err := shape.FromEngine(r.Data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", credentialPath(&w.object.Spec), err)
	}
	return &issued{
		answer: answer, at: r.Received, generation: w.object.Generation, role: roleIn(&w.object.Spec, r.Data),
		lease: v1beta1.SecretLease{ID: r.LeaseID, LeaseDuration: int(r.LeaseDuration / time.Second), Renewable: r.Renewable, RequestID: r.RequestID},
	}, nil
}

func credentialPath(spec *v1beta1.VaultDynamicSecretSpec) string {
	return strings.Trim(spec.Mount, "/") + "/" + strings.TrimLeft(spec.Path, "/")
}

// credentialRequest is a GET unless something else is asked for, and with parameters
// at least a PUT.
func credentialRequest(spec *v1beta1.VaultDynamicSecretSpec) vault.Request {
	r := vault.Request{Method: spec.RequestHTTPMethod, Path: credentialPath(spec)}
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if len(spec.Params) == 0 {
		return r
	}
	if r.Method == http.MethodGet {
		r.Method = http.MethodPut
	}
	r.Body = make(map[string]any, len(spec.Params))
	for key, value := range spec.Params {
		r.Body[key] = value
	}
	return r
}

// deliver writes what was issued last to the Secret and into the status, and has the
// change seen.
func (w *leased) deliver(ctx context.Context, plan *shape.Plan) outcome {
	out, bad := w.build(plan, w.own.issued.answer)
	if bad != nil {
		return w.keep(ctx, *bad)
	}
	before := w.found.Data(out.Data)
	fresh := w.compared(out.Data)
	keys := differing(w.compared(before), fresh)
	if len(keys) == 0 {
		w.spare(out, before)
	}
	written, err := w.k.o.Destination.Apply(ctx, w.found, destination.Data{Values: out.Data, Labels: out.Labels, Annotations: out.Annotations})
	w.count(written, err)
	if err != nil {
		return w.keep(ctx, w.refused(err))
	}
	first := w.status.LastGeneration == 0
	w.record(fresh, written.Changed)
	c := change{restart: w.own.issued.restart && !first && len(keys) > 0, keys: keys, hash: w.status.SecretMAC}
	if bad := w.owe(ctx, c); bad != nil {
		return *bad
	}
	w.prune(ctx)
	return w.fine(ctx, c)
}

// spare leaves the values of a static role as they are that say nothing of its
// credentials: they alone are no reason to write.
func (w *leased) spare(out *shape.Output, before map[string][]byte) {
	for key, value := range before {
		if _, both := out.Data[key]; both {
			out.Data[key] = value
		}
	}
}

// record puts what was delivered into the status. A read that brought nothing new,
// and no lease, is not worth a write.
func (w *leased) record(fresh map[string][]byte, changed bool) {
	i, s := w.own.issued, w.status
	first, text := s.LastGeneration == 0, w.k.o.Key.Text(fresh)
	if !changed && !first && i.lease.ID == "" && s.LastGeneration == i.generation && s.SecretMAC == text && sameRole(i.role, s.StaticCredsMetaData) {
		i.delivered = true
		return
	}
	w.retire(i)
	s.SecretLease, s.LastRenewalTime, s.LastGeneration, s.StaticCredsMetaData = i.lease, i.at.Unix(), i.generation, i.role
	s.LastRuntimePodUID, s.SecretMAC, s.LeaseExpiry = w.k.o.Process, text, leaseEnd(i.at, i.lease)
	if changed || s.LastSyncTime == nil {
		now := metav1.NewTime(time.Now().Truncate(time.Second))
		s.LastSyncTime = &now
	}
	w.used(w.session)
	w.conditions.Drop(v1beta1.ConditionLeaseRenewal)
	switch {
	case first:
		w.did(v1beta1.ReasonSecretSynced, "synced Secret "+quoted(w.object.Spec.Destination.Name))
	case changed:
		w.did(v1beta1.ReasonSecretRotated, fmt.Sprintf("wrote new credentials to Secret %s: %s", quoted(w.object.Spec.Destination.Name), i.reason))
	}
}

// leaseEnd is when a lease ends; nil where it does not.
func leaseEnd(at time.Time, l v1beta1.SecretLease) *metav1.Time {
	if l.LeaseDuration <= 0 {
		return nil
	}
	end := metav1.NewTime(at.Truncate(time.Second).Add(seconds(l.LeaseDuration)))
	return &end
}

// owe writes down, before anybody is restarted, that somebody has to be: what follows
// takes a while, and must not be lost.
func (v *visit) owe(ctx context.Context, c change) *outcome {
	if !c.restart || len(v.parts.targets) == 0 || !rollout.Wanted(v.parts.policy, c.keys) {
		return nil
	}
	v.conditions.Put(v1beta1.ConditionRolloutRestart, false, v1beta1.ReasonRolloutPending, "the restart targets have not the change yet")
	if err := v.save(ctx); err != nil {
		o := ofCluster(err)
		return &o
	}
	return nil
}

// restore writes what is held to a Secret that somebody has deleted or changed.
func (w *leased) restore(ctx context.Context) outcome {
	plan, bad := w.plan(ctx)
	if bad != nil {
		return w.keep(ctx, *bad)
	}
	out, bad := w.build(plan, w.own.issued.answer)
	if bad != nil {
		return w.keep(ctx, *bad)
	}
	written, err := w.k.o.Destination.Apply(ctx, w.found, destination.Data{Values: out.Data, Labels: out.Labels, Annotations: out.Annotations})
	w.count(written, err)
	if err != nil {
		return w.keep(ctx, w.refused(err))
	}
	w.status.SecretMAC = w.k.o.Key.Text(w.compared(out.Data))
	if written.Changed {
		w.did(v1beta1.ReasonSecretSync, fmt.Sprintf("restored Secret %s", quoted(w.object.Spec.Destination.Name)))
	}
	return w.fine(ctx, change{})
}
