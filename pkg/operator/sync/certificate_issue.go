package sync

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/destination"
	"github.com/vaultk8s/vaultk8s/pkg/operator/due"
	"github.com/vaultk8s/vaultk8s/pkg/operator/shape"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// issue asks for a new certificate and delivers it. Everything that can be refused
// is looked at before.
func (w *certified) issue(ctx context.Context, d due.Decision) outcome {
	plan, bad := w.plan(ctx)
	if bad != nil {
		return *bad
	}
	body, key, err := w.prepare()
	if err != nil {
		return w.unsynced(stuck(v1beta1.ReasonInvalidConfiguration, err))
	}
	if _, bad := w.passwords(ctx); bad != nil {
		return *bad
	}
	session, bad := w.login(ctx)
	if bad != nil {
		return *bad
	}
	now, life := time.Now(), moment(w.status.Expiration).Sub(moment(w.status.LastRotation))
	if wait := w.own.quota.Next(now, life).Sub(now); wait > 0 {
		return w.unsynced(tooOften(wait))
	}
	w.own.quota.Spend(now, life)
	answered, err := w.request(ctx, session, body, key)
	if err != nil {
		w.own.quota.Refund()
		return w.unsynced(ofVault(err))
	}
	answered.reason, answered.restart = d.Reason, d.Restart
	if lost := w.own.signed; lost != nil && !lost.delivered && w.object.Spec.Revoke {
		w.k.orphans.add(w.ask(), w.revocation(lost.serial), lost.expires)
	}
	w.own.signed = answered
	return w.deliver(ctx, plan)
}

// finish delivers what was issued at a visit before.
func (w *certified) finish(ctx context.Context) outcome {
	plan, bad := w.plan(ctx)
	if bad != nil {
		return *bad
	}
	return w.deliver(ctx, plan)
}

// prepare makes what Vault is told, and the key where that is ours; nil otherwise.
func (w *certified) prepare() (map[string]any, *privateKey, error) {
	body := certificateBody(&w.object.Spec)
	if w.object.Spec.PrivateKey == nil {
		return body, nil, nil
	}
	key, err := newPrivateKey(w.object.Spec.PrivateKey, w.keptKey())
	if err != nil {
		return nil, nil, err
	}
	body["csr"], err = key.request(&w.object.Spec)
	return body, key, err
}

// request has Vault make a certificate, or sign one for a key of ours.
func (w *certified) request(ctx context.Context, s Session, body map[string]any, key *privateKey) (*signed, error) {
	r, err := s.Do(ctx, vault.Request{Method: http.MethodPut, Path: certificatePath(&w.object.Spec), Body: body})
	if err != nil {
		return nil, err
	}
	data := r.Data
	if key != nil {
		if data, err = key.join(data, &w.object.Spec); err != nil {
			return nil, err
		}
	}
	answer, err := shape.FromPKI(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", certificatePath(&w.object.Spec), err)
	}
	tree := data.Reveal()
	serial, _ := tree["serial_number"].(string)
	return &signed{answer: answer, serial: serial, at: r.Received, expires: moment(number(tree["expiration"])), generation: w.object.Generation}, nil
}

// keptKey is the key that the Secret holds; "" where there is none.
func (w *certified) keptKey() sensitive.String {
	data := w.found.Data(nil)
	for _, name := range []string{"private_key", "tls.key"} {
		if value := data[name]; len(value) > 0 {
			return sensitive.New(string(value))
		}
	}
	return sensitive.String{}
}

// certificatePath is where certificates of a role are made or signed.
func certificatePath(spec *v1beta1.VaultPKISecretSpec) string {
	path := strings.Trim(spec.Mount, "/")
	if spec.IssuerRef != "" {
		path += "/issuer/" + spec.IssuerRef
	}
	if spec.PrivateKey != nil {
		return path + "/sign/" + spec.Role
	}
	return path + "/issue/" + spec.Role
}

// certificateBody is what Vault is told of a certificate. The chain is without its
// root, which whoever trusts it has already.
func certificateBody(spec *v1beta1.VaultPKISecretSpec) map[string]any {
	body := map[string]any{"remove_roots_from_chain": true}
	for name, value := range map[string]string{
		"common_name": spec.CommonName, "alt_names": strings.Join(spec.AltNames, ","), "ip_sans": strings.Join(spec.IPSans, ","),
		"uri_sans": strings.Join(spec.URISans, ","), "other_sans": strings.Join(spec.OtherSans, ","), "user_ids": strings.Join(spec.UserIDs, ","),
		"ttl": lifetimeText(spec.TTL), "format": spec.Format, "private_key_format": spec.PrivateKeyFormat, "not_after": spec.NotAfter,
	} {
		if value != "" {
			body[name] = value
		}
	}
	if spec.ExcludeCNFromSans {
		body["exclude_cn_from_sans"] = true
	}
	return body
}

// lifetimeText writes a time in seconds: older Vaults do not know days.
func lifetimeText(d v1beta1.DayDuration) string {
	length, err := d.Parse()
	if err != nil || length <= 0 {
		return ""
	}
	return fmt.Sprintf("%ds", int64(length/time.Second))
}

// data makes the data of the Secret.
func (w *certified) data(ctx context.Context, plan *shape.Plan) (*shape.Output, *outcome) {
	answer := w.own.signed.answer
	passwords, bad := w.passwords(ctx)
	if bad != nil {
		return nil, bad
	}
	out, bad := w.build(plan, answer)
	if bad != nil {
		return nil, bad
	}
	spec := &w.object.Spec
	shape.AddTLS(out.Data, answer, shape.TLS{Type: spec.Destination.Type, Keyed: plan.Keyed(), CA: spec.AlwaysWriteCA})
	if err := shape.AddKeystores(out.Data, answer, spec.Keystores, passwords.of); err != nil {
		o := w.unsynced(stuck(v1beta1.ReasonSecretDataBuilderError, err))
		return nil, &o
	}
	return out, nil
}

// write writes the Secret, and tells what that changed.
func (w *certified) write(ctx context.Context, out *shape.Output) (changed bool, keys []string, bad *outcome) {
	keys = differing(w.found.Data(out.Data), out.Data)
	written, err := w.k.o.Destination.Apply(ctx, w.found, destination.Data{Values: out.Data, Labels: out.Labels, Annotations: out.Annotations})
	w.count(written, err)
	if err != nil {
		o := w.refused(err)
		return false, nil, &o
	}
	return written.Changed, keys, nil
}

// deliver writes what was issued last to the Secret and into the status, and has the
// change seen.
func (w *certified) deliver(ctx context.Context, plan *shape.Plan) outcome {
	out, bad := w.data(ctx, plan)
	if bad != nil {
		return *bad
	}
	_, keys, bad := w.write(ctx, out)
	if bad != nil {
		return *bad
	}
	first := w.status.SerialNumber == ""
	w.record(out)
	c := change{restart: w.own.signed.restart && !first, keys: keys, hash: w.status.SecretMAC}
	if bad := w.owe(ctx, c); bad != nil {
		return *bad
	}
	w.prune(ctx)
	return w.fine(ctx, c)
}

// record puts what was delivered into the status.
func (w *certified) record(out *shape.Output) {
	i, s := w.own.signed, w.status
	first := s.SerialNumber == ""
	if !first && s.SerialNumber != i.serial && w.terms().revoke {
		s.PreviousCertificates = append(s.PreviousCertificates, v1beta1.PreviousCertificate{SerialNumber: s.SerialNumber, ReplacedAt: nowTime()})
	}
	now, end := nowTime(), metav1.NewTime(i.expires)
	s.SerialNumber, s.Expiration, s.LastRotation, s.LastGeneration = i.serial, i.expires.Unix(), i.at.Unix(), i.generation
	s.SecretMAC, s.NotAfter, s.LastSyncTime = w.k.o.Key.Text(out.Data), &end, &now
	if first {
		w.did(v1beta1.ReasonSecretSynced, "synced Secret "+quoted(w.object.Spec.Destination.Name))
		return
	}
	w.did(v1beta1.ReasonSecretRotated, fmt.Sprintf("wrote a new certificate to Secret %s: %s", quoted(w.object.Spec.Destination.Name), i.reason))
}

// restore writes the certificate that is held to a Secret that somebody has deleted
// or changed.
func (w *certified) restore(ctx context.Context, d due.Decision) outcome {
	plan, bad := w.plan(ctx)
	if bad != nil {
		return *bad
	}
	out, bad := w.data(ctx, plan)
	if bad != nil {
		return *bad
	}
	changed, keys, bad := w.write(ctx, out)
	if bad != nil {
		return *bad
	}
	w.status.SecretMAC = w.k.o.Key.Text(out.Data)
	if !changed {
		return w.fine(ctx, change{})
	}
	now := nowTime()
	w.status.LastSyncTime = &now
	w.did(v1beta1.ReasonSecretSync, "restored Secret "+quoted(w.object.Spec.Destination.Name))
	c := change{restart: d.Restart, keys: keys, hash: w.status.SecretMAC}
	if bad := w.owe(ctx, c); bad != nil {
		return *bad
	}
	return w.fine(ctx, c)
}

// terms say when a certificate is revoked that has a successor.
func (w *certified) terms() terms {
	t := overlapOf(w.object.Spec.Rotation)
	if !t.revoke && w.object.Spec.Revoke {
		t.revoke, t.rolled, t.grace = true, false, 0
	}
	return t
}

// succeed revokes the certificates that have a successor. It returns when to look
// again.
func (w *certified) succeed(ctx context.Context) time.Duration {
	if len(w.status.PreviousCertificates) == 0 {
		return 0
	}
	session, bad := w.login(ctx)
	if bad != nil {
		return due.Horizon(2*due.Retry, w.k.o.Random)
	}
	var all []former
	for _, p := range w.status.PreviousCertificates {
		all = append(all, formerOf(w.revocation(p.SerialNumber), p.ReplacedAt.Time))
	}
	kept, next := w.overlap(ctx, session, w.terms(), all, w.status.SecretMAC)
	var left []v1beta1.PreviousCertificate
	for _, p := range w.status.PreviousCertificates {
		if kept[p.SerialNumber] {
			left = append(left, p)
		}
	}
	w.status.PreviousCertificates = left
	return next
}

// revocation is the request that revokes a certificate.
func (w *certified) revocation(serial string) revocable {
	return revocable{
		id: serial, what: "certificate " + quoted(serial), done: v1beta1.ReasonCertificateRevoked, failed: v1beta1.ReasonCertificateRevocationError,
		request: vault.Request{Method: http.MethodPut, Path: strings.Trim(w.object.Spec.Mount, "/") + "/revoke", Body: map[string]any{"serial_number": serial}},
	}
}
