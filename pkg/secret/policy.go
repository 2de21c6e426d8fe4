package secret

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
)

// Reason says why a secret is looked at again. Logs and metrics show it as it is.
type Reason string

// The reasons, in the order in which they are judged.
const (
	FirstRead       Reason = "first read"
	WaitForToken    Reason = "waits for a token"
	RetryFailed     Reason = "retry after a failure"
	LeaseLost       Reason = "lease is lost"
	Notified        Reason = "change was announced"
	TokenEnds       Reason = "token of the lease ends"
	RenewalDue      Reason = "lease renewal is due"
	LeaseEnds       Reason = "lease nears its end"
	RoleRotates     Reason = "static role rotates"
	CertificateEnds Reason = "certificate nears its end"
	SecretIDEnds    Reason = "secret id nears its end"
	PollDue         Reason = "poll interval has passed"
	Unwatched       Reason = "nobody watches it any more"
)

// decision is what to do next with a secret, why and when.
type decision struct {
	reason Reason
	renew  bool // renew the lease; otherwise read again
	due    time.Time
}

// observed is everything that a decision rests on. Nothing after it is read again.
type observed struct {
	response *Response // nil: not held yet
	received time.Time // when the newest answer came
	terms    lease.Terms
	initial  time.Duration // TTL of the lease when it was new
	grace    time.Duration
	renewAt  time.Time // when to renew next, after a failure too
	refused  bool      // a renewal was refused: replace the lease at its end
	lost     bool      // Vault does not know the lease any more
	notified time.Time // a change was announced; zero: none
	orphaned time.Time // when to replace a lease that dies with its token; zero: it does not
	fraction float64   // of a life after which what cannot be renewed is replaced
	poll     time.Duration
	rotation time.Time // end of a certificate's useful life; zero: it is none
	now      time.Time
}

// checks are the reasons to look at a held secret again, each a pure function.
// The earliest due time wins, and among equals the first. What none of them
// covers is polled.
var checks = []func(observed) (decision, bool){
	checkLost,        // nothing is left to renew
	checkNotified,    // Vault or an operator said so
	checkToken,       // the lease dies with a token that was replaced
	checkLease,       // dynamic credentials
	checkRole,        // static database roles tell their own time
	checkCertificate, // certificates without a lease
	checkSecretID,    // AppRole secret ids without a lease
}

// decide returns what to do next.
func decide(o observed) decision {
	if o.response == nil {
		return decision{reason: FirstRead, due: o.now}
	}
	var first decision
	for _, check := range checks {
		if d, ok := check(o); ok && (first.reason == "" || d.due.Before(first.due)) {
			first = d
		}
	}
	if first.reason == "" {
		return decision{reason: PollDue, due: pollAt(o)}
	}
	return first
}

func checkLost(o observed) (decision, bool) {
	return decision{reason: LeaseLost, due: o.now}, o.lost
}

func checkNotified(o observed) (decision, bool) {
	return decision{reason: Notified, due: o.notified}, !o.notified.IsZero()
}

func checkToken(o observed) (decision, bool) {
	return decision{reason: TokenEnds, due: o.orphaned}, !o.orphaned.IsZero() && leased(o.response)
}

// checkLease renews while that helps. A lease at its max TTL is replaced at the
// beginning of its grace, so that old and new overlap. One that could not be
// renewed because Vault did not answer is tried again through half of the
// grace, and only then replaced.
func checkLease(o observed) (decision, bool) {
	if o.terms.TTL <= 0 || o.lost {
		return decision{}, false
	}
	end := o.terms.Expires()
	switch {
	case !o.terms.Renewable:
		return decision{reason: LeaseEnds, due: o.terms.ReplaceAt(o.fraction)}, true
	case o.refused:
		if o.renewAt.Before(end.Add(-o.grace)) {
			return decision{reason: RenewalDue, renew: true, due: o.renewAt}, true
		}
		return decision{reason: LeaseEnds, due: end.Add(-o.grace)}, true
	case o.terms.Ending(o.terms.Issued, o.grace):
		return decision{reason: LeaseEnds, due: o.terms.Issued}, true
	case o.terms.TTL < o.initial*9/10:
		// Vault granted less than was asked for: the max TTL is reached, and
		// another renewal would gain nothing.
		return decision{reason: LeaseEnds, due: end.Add(-o.grace)}, true
	case o.renewAt.After(end.Add(-o.grace / 2)):
		return decision{reason: LeaseEnds, due: end.Add(-o.grace / 2)}, true
	default:
		return decision{reason: RenewalDue, renew: true, due: o.renewAt}, true
	}
}

// checkRole reads a static role a second after Vault will have rotated it, or,
// where Vault is just rotating it, in a second.
func checkRole(o observed) (decision, bool) {
	data := o.response.Data.Reveal()
	if o.response.LeaseID != "" || data["rotation_period"] == nil {
		return decision{}, false
	}
	ttl := number(data["ttl"])
	return decision{reason: RoleRotates, due: o.received.Add(ttl + time.Second)}, true
}

func checkCertificate(o observed) (decision, bool) {
	return decision{reason: CertificateEnds, due: o.rotation}, !o.rotation.IsZero()
}

func checkSecretID(o observed) (decision, bool) {
	data := o.response.Data.Reveal()
	ttl := number(data["secret_id_ttl"])
	if o.response.LeaseID != "" || data["secret_id"] == nil || ttl <= 0 {
		return decision{}, false
	}
	life := lease.Terms{Issued: o.received, TTL: ttl + time.Second}
	return decision{reason: SecretIDEnds, due: life.ReplaceAt(o.fraction)}, true
}

func pollAt(o observed) time.Time {
	return lease.Terms{Issued: o.received, TTL: o.poll}.ReplaceAt(o.fraction)
}

// leased tells whether something ends with the token that asked for it.
func leased(r *Response) bool { return r.LeaseID != "" || r.Auth != nil }

// termsOf returns the lease of a response: of the token in it, of the response
// itself, or of its wrapping token.
func termsOf(r *Response) lease.Terms {
	switch {
	case r.Auth != nil:
		return lease.Terms{Issued: r.Received, TTL: r.Auth.TTL, Renewable: r.Auth.Renewable}
	case r.WrapInfo != nil:
		return lease.Terms{Issued: r.Received, TTL: r.WrapInfo.TTL}
	case r.LeaseID != "":
		return lease.Terms{Issued: r.Received, TTL: r.LeaseDuration, Renewable: r.Renewable}
	default:
		return lease.Terms{}
	}
}

// pollInterval returns how often a secret without a lease is read. KV version 1
// tells a duration without a lease: the one that was stored with the secret, or
// else the system's default of 32 days. It counts where it is the shorter.
func pollInterval(r *Response, poll time.Duration) time.Duration {
	if r != nil && r.LeaseID == "" && r.LeaseDuration > 0 {
		return min(poll, r.LeaseDuration)
	}
	return poll
}

// rotationPoint returns when a certificate without a lease is replaced: after
// the fraction of its life, counted from its first day where it is ours (the
// old agent's pkiCert), else from when it was received. The time is one of the
// wall clock, because a certificate's end is. Zero: the answer is no certificate.
func rotationPoint(op Op, r *Response, fraction float64) time.Time {
	from, end := certificateLife(r)
	if end.IsZero() {
		return time.Time{}
	}
	if op != PKI || from.IsZero() {
		from = r.Received.Round(0)
	}
	return from.Add(time.Duration(float64(end.Sub(from)) * fraction))
}

// certificateEnd returns when the certificate of an answer ends.
func certificateEnd(r *Response) time.Time {
	_, end := certificateLife(r)
	return end
}

// certificateLife returns first and last moment of a certificate that has no
// lease: by itself, or where it does not parse by what Vault says of it.
func certificateLife(r *Response) (from, end time.Time) {
	data := r.Data.Reveal()
	text, _ := data["certificate"].(string)
	if text == "" || r.LeaseID != "" {
		return time.Time{}, time.Time{}
	}
	if block, _ := pem.Decode([]byte(text)); block != nil {
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
			return certificate.NotBefore, certificate.NotAfter
		}
	}
	if expiration := number(data["expiration"]); expiration > 0 {
		return time.Time{}, time.Unix(int64(expiration/time.Second), 0)
	}
	return time.Time{}, time.Time{}
}

// number reads seconds as Vault writes them.
func number(v any) time.Duration {
	switch n := v.(type) {
	case json.Number:
		f, _ := n.Float64()
		return time.Duration(f * float64(time.Second))
	case float64:
		return time.Duration(n * float64(time.Second))
	}
	return 0
}
