package csi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// reserve is what a mount leaves of its caller's time, to answer in.
const reserve = 10 * time.Second

// errGone ends a call for a pod that was seen to be gone.
var errGone = errors.New("the pod is gone")

// answerCall makes the files of a call: at once and from memory for a volume that is
// mounted already, otherwise as soon as Vault has answered everything.
func (p *Provider) answerCall(ctx context.Context, m *pb.MountRequest) (*pb.MountResponse, error) {
	v := p.volumeAt(m.GetTargetPath())
	v.turn.Lock()
	defer v.turn.Unlock()
	raw := sumOfCall(m)
	_, generation := p.key.get()
	if raw == v.raw && v.unchanged(generation) {
		v.provider.metrics.FromMemory.Inc()
		v.succeeded()
		return v.delivered.response, nil
	}
	v.begin()
	if raw != v.raw {
		if err := v.take(ctx, m); err != nil {
			return nil, v.failed(err)
		}
	}
	response, err := v.serve(ctx)
	if err != nil {
		return nil, v.failed(err)
	}
	v.raw = raw
	v.succeeded()
	return response, nil
}

// sumOfCall tells calls apart without reading them.
func sumOfCall(m *pb.MountRequest) (sum [sha256.Size]byte) {
	h := sha256.New()
	_, _ = h.Write([]byte(m.GetAttributes())) // a hash does not fail
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(m.GetSecrets()))
	h.Sum(sum[:0])
	return sum
}

// take reads a call and takes over what is new in it: often nothing but tokens.
func (v *volume) take(ctx context.Context, m *pb.MountRequest) error {
	p := v.provider
	q, err := p.reader.read(m)
	if err != nil {
		return err
	}
	for _, t := range q.tokens {
		if err := checkBound(t.value, q.pod); err != nil {
			return &badRequest{[]error{err}}
		}
	}
	if v.request != nil && v.request.print == q.print {
		v.refreshTokens(q.tokens)
		return nil
	}
	if err := p.fetchFiles(ctx, q); err != nil {
		return err
	}
	return v.adopt(q)
}

// serve makes the response of the request that was taken.
func (v *volume) serve(ctx context.Context) (*pb.MountResponse, error) {
	key, generation := v.provider.key.get()
	if v.unchanged(generation) {
		v.provider.metrics.FromMemory.Inc()
		return v.delivered.response, nil
	}
	ctx, cancel := v.provider.budget(ctx)
	defer cancel()
	for {
		states, used := v.states(), map[need]uint64{}
		made, err := v.make(states, used, key)
		if err != nil {
			return nil, err
		}
		if made != nil {
			return v.deliver(&delivery{v.request, made, used, generation}, states)
		}
		v.open(used)
		if v.mounted() && v.delivered.request == v.request {
			return v.delivered.response, nil // a template asks for more: what was given stays until it is there
		}
		if err := v.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// budget bounds a call by our own time limit, which is shorter than the kubelet's:
// where that one fires first the pod may start with an empty volume.
func (p *Provider) budget(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := p.o.CSI.MountTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)-reserve), time.Second)
	}
	return context.WithTimeout(ctx, limit)
}

// begin forgets failures of the past: a call fails by what happens during it.
func (v *volume) begin() {
	v.provider.mu.Lock()
	defer v.provider.mu.Unlock()
	for _, w := range v.watches {
		w.failuresBefore = w.State().Failures
	}
	for l := range v.logins {
		v.logins[l] = l.session.State().Failures
	}
}

// states returns everything that is watched, each as it is now. What a volume
// that is not mounted may not have counts as missing.
func (v *volume) states() map[need]secret.State {
	all := make(map[need]secret.State, len(v.watches))
	for n, w := range v.watches {
		state := w.State()
		if !v.mounted() && !v.provider.acceptable(state, n.login.session.State(), time.Now()) {
			state.Response = nil
		}
		all[n] = state
	}
	return all
}

// mounted tells whether the pod has files already.
func (v *volume) mounted() bool { return v.delivered != nil }

// acceptable tells whether a pod that starts may have a secret: one that Vault
// confirmed by its newest answer, or in an outage, where the administrator allows
// it, one that still lives. What has no end of its own gets one by the time since
// Vault confirmed it. A login that Vault refuses is no outage.
func (p *Provider) acceptable(s secret.State, token vault.TokenState, now time.Time) bool {
	if s.Response == nil || !s.Expires.IsZero() && !s.Expires.After(now) {
		return false
	}
	switch err := doubt(s, token); {
	case err == nil:
		return token.Token != nil
	case refused(err):
		return false
	}
	return p.o.CSI.ServeStale == staleRestarting && (!s.Expires.IsZero() || now.Sub(s.Read) <= p.o.CSI.StaleMaxAge)
}

// doubt is why Vault's last word on a secret may not be its newest; nil: it is, or a
// first login is under way. Without a token a read says no more than that there is
// none, and the login knows why.
func doubt(s secret.State, token vault.TokenState) error {
	if token.Token == nil && (refused(token.Err) || s.Err == nil || vault.KindOf(s.Err) == vault.InvalidToken) {
		return token.Err
	}
	return s.Err
}

// refused tells whether an attempt failed by more than an outage.
func refused(err error) bool { return err != nil && !vault.KindOf(err).Temporary() }

// staleRestarting is the value of csi.serve_stale that includes starting pods.
const staleRestarting = "restarting"

// temporary tells whether waiting alone may help. That Vault does not know a token
// any more is one of these: its session logs in again.
func temporary(err error) bool {
	var failed *vault.Error
	if errors.As(err, &failed) {
		return failed.Kind.Temporary() || failed.Kind == vault.InvalidToken
	}
	var refused *kubeError
	return errors.As(err, &refused) && refused.temporary()
}

// wait returns when something changed, and fails where nothing better can come.
func (v *volume) wait(ctx context.Context) error {
	if err := v.verdict(); err != nil {
		return err
	}
	select {
	case <-v.wake:
		if v.isGone() {
			return errGone
		}
		return nil
	case <-ctx.Done():
		return v.late()
	}
}

// open watches what templates have asked for.
func (v *volume) open(used map[need]uint64) {
	v.provider.mu.Lock()
	defer v.provider.mu.Unlock()
	for n := range used {
		v.watch(n)
	}
}

func (v *volume) isGone() bool {
	v.provider.mu.Lock()
	defer v.provider.mu.Unlock()
	return v.gone
}

// verdict returns the failure of this call that waiting does not mend: of a login,
// or of a secret.
func (v *volume) verdict() error {
	for l, before := range v.logins {
		state := l.session.State()
		if state.Token == nil && state.Failures > before && !temporary(state.Err) {
			return &loginError{state.Err}
		}
	}
	for n, w := range v.watches {
		state := w.State()
		if state.Err != nil && state.Failures > w.failuresBefore && !temporary(state.Err) {
			return v.couldNotRead(n, state.Err)
		}
	}
	return nil
}

// loginError is a login that failed.
type loginError struct{ err error }

// Error keeps the words of the old provider.
func (e *loginError) Error() string { return "failed to login: " + e.err.Error() }

// Unwrap returns the reason.
func (e *loginError) Unwrap() error { return e.err }

// couldNotRead names the first object that a failure hits.
func (v *volume) couldNotRead(n need, err error) error {
	name := n.query.String()
	for i, of := range v.needs {
		if of == n {
			name = v.request.objects[i].ObjectName
			break
		}
	}
	var failed *vault.Error
	if errors.As(err, &failed) && failed.Kind == vault.NotFound {
		return fmt.Errorf("couldn't read secret %q: empty response from %q, warnings: []: %w", name, n.query.Path, err)
	}
	return fmt.Errorf("couldn't read secret %q: %w", name, err)
}

// late says what a call waited for in vain.
func (v *volume) late() error {
	var reasons []string
	for l := range v.logins {
		if state := l.session.State(); state.Token == nil {
			reasons = append(reasons, (&loginError{reasonOf(state.Err)}).Error())
		}
	}
	if len(reasons) == 0 {
		for n, w := range v.watches {
			if state := w.State(); state.Response == nil || state.Err != nil {
				reasons = append(reasons, v.couldNotRead(n, reasonOf(state.Err)).Error())
				break
			}
		}
	}
	return fmt.Errorf("vault did not answer within %v: %s", v.provider.o.CSI.MountTimeout, strings.Join(reasons, "; "))
}

func reasonOf(err error) error {
	if err == nil {
		return errors.New("no answer yet")
	}
	return err
}
