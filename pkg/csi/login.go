package csi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

const (
	// linger is how long a login is kept that no pod uses, and what was read with
	// it: a deployment that replaces its pods finds both.
	linger = time.Minute
	// leaveAfter leaves the store the time to revoke single leases before their
	// token goes, which matters where the token cannot be revoked.
	leaveAfter = linger + 10*time.Second
	// retryAfter is how long a login is kept of pods that did not start: the kubelet
	// tries again after 2 min 2 s at most, and a refused path must cost no login then.
	retryAfter = 150 * time.Second
	// loginsAtOnce bounds the logins of a provider that starts on a full node.
	loginsAtOnce = 8
	// revocations is how often the revocation of a token is tried: with the pauses
	// of 1, 2, 4 and so on to 60 s that is 6 minutes.
	revocations = 10
)

// login is one session with everything that hangs on it. The provider's mu guards
// its volumes and idle.
type login struct {
	provider *Provider
	id       secret.Identity
	shared   *connection
	session  *vault.Session
	jwt      *jwtHolder // nil: it logs in with something else
	files    []string   // of its credentials
	volumes  map[*volume]struct{}
	idle     time.Time     // since when no volume uses it; zero: one does
	stay     time.Duration // how long it is kept then
	revoked  int           // attempts
	left     bool
	task     *lease.Entry
	journal  loginJournal
}

// loginSpec says who logs in where.
type loginSpec struct {
	vault     config.Vault
	auth      config.Auth // its mount without "auth/"
	namespace string      // of the requests
	subject   string
	audience  string
	share     string
	files     map[string]sensitive.String
}

// identity is the key of everything that is held with a login. Two connections
// that differ in anything are two, and so are two namespaces of the auth mount.
func (s loginSpec) identity() secret.Identity {
	connection := s.vault
	connection.Address, connection.Namespace = "", ""
	sum := sumOfSettings(connection)
	return secret.Identity{
		Connection: s.vault.Address + "#" + hex.EncodeToString(sum[:6]), Namespace: s.namespace, Method: s.auth.Method,
		Mount: strings.Trim(s.auth.Namespace, "/") + ":" + s.auth.Mount, Role: s.auth.Role, Subject: s.subject, Audience: s.audience,
	}
}

// spec says who logs in for an object; with nil for the class itself.
func (q *request) spec(o *object, nodeIdentity bool) (loginSpec, error) {
	s := loginSpec{vault: q.vault, auth: q.auth, namespace: q.vault.Namespace, share: q.share}
	if s.auth.Namespace == "" {
		s.auth.Namespace = q.vault.Namespace
	}
	if o != nil && o.Namespace != "" {
		s.namespace = o.Namespace
	}
	if o != nil && o.RoleName != "" {
		s.auth.Role = o.RoleName
	}
	s.subject = q.pod.Namespace + "/" + q.pod.ServiceAccount
	if q.share == sharePod {
		s.subject += "/" + q.pod.UID
	}
	if byToken(s.auth.Method) {
		s.audience = q.audience
		return s, nil
	}
	audience, err := q.podIdentity()
	if err != nil {
		return s, err
	}
	options, files, err := q.credentials(audience != "", nodeIdentity)
	s.audience, s.auth.Options, s.files = audience, options, files
	s.subject += "#" + sumOf(options, files)
	return s, err
}

// login returns the login of a spec for a volume, a new one where there is none,
// and how often it has failed so far. The caller holds mu.
func (p *Provider) login(s loginSpec, v *volume) (l *login, failures int, err error) {
	id := s.identity()
	l = p.logins[id]
	if l == nil {
		made, err := p.newLogin(id, s)
		if err != nil {
			return nil, 0, err
		}
		l = made
		p.logins[id] = l
		p.store.Attach(id, l.session, secret.Policy{
			Poll: p.o.CSI.RefreshInterval, Linger: linger,
			Backoff: lease.Backoff{Initial: 250 * time.Millisecond, Max: 15 * time.Second},
		})
		defer l.session.Start(nil)
	}
	failures = l.session.State().Failures
	l.volumes[v] = struct{}{}
	l.idle = time.Time{}
	l.offer(v)
	return l, failures, nil
}

// offer hands the tokens of a volume to a login. One that could not log in tries at
// once with a newer token. The caller holds mu.
func (l *login) offer(v *volume) {
	if l.jwt == nil || !l.jwt.offer(v.pod, v.tokens[audienceOf(l.jwt.audience)]) {
		return
	}
	if state := l.session.State(); state.Token == nil && state.Err != nil {
		l.session.Relogin()
	}
}

// audienceOf is the audience of the token that is used of those that came.
func audienceOf(audience string) string {
	if audience == "" {
		return defaultAudience
	}
	return audience
}

func (p *Provider) newLogin(id secret.Identity, s loginSpec) (*login, error) {
	l := &login{provider: p, id: id, volumes: map[*volume]struct{}{}}
	method, err := l.method(s)
	if err != nil {
		return nil, &badRequest{[]error{err}}
	}
	if l.shared, err = p.connect(s.vault); err != nil {
		return nil, err
	}
	l.session = vault.NewSession(l.shared.client, p.gate.around(method), p.schedule, vault.SessionOptions{
		Namespace: s.namespace, AuthNamespace: s.auth.Namespace, Rand: p.o.Rand,
		Backoff:  lease.Backoff{Initial: 500 * time.Millisecond, Max: 15 * time.Second},
		OnChange: l.changed,
	})
	l.task = p.schedule.AddUrgent(time.Time{}, l.leave)
	return l, nil
}

// method makes the way to log in. The mount of a class has no "auth/" before it.
func (l *login) method(s loginSpec) (auth.Method, error) {
	mount := "auth/" + strings.Trim(strings.TrimPrefix(s.auth.Mount, "auth/"), "/")
	if byToken(s.auth.Method) {
		l.jwt = &jwtHolder{audience: s.audience, kube: l.provider.o.Kube}
		return auth.FromJWT(mount, s.auth.Role, l.jwt.token), nil
	}
	c := s.auth
	c.Mount = mount
	if s.audience != "" {
		l.jwt = &jwtHolder{audience: s.audience, kube: l.provider.o.Kube}
		return auth.New(c, auth.WithAccount(func(ctx context.Context, _ string) (sensitive.String, error) { return l.jwt.token(ctx) }))
	}
	dir, err := l.provider.credentialsDir()
	if err != nil {
		return nil, err
	}
	for option, content := range s.files {
		name := filepath.Join(dir, strings.ReplaceAll(s.subject, "/", "_")+"."+option)
		if err := os.WriteFile(name, []byte(content.Reveal()), 0o600); err != nil {
			return nil, fmt.Errorf("keep the credentials of %s: %w", s.subject, err)
		}
		c.Options[option] = name
		l.files = append(l.files, name)
	}
	return auth.New(c)
}

// changed hears of every login, renewal and failed attempt.
func (l *login) changed(state vault.TokenState) {
	p := l.provider
	p.store.TokenChanged(l.id, state)
	p.logToken(l, state)
	p.mu.Lock()
	defer p.mu.Unlock()
	for v := range l.volumes {
		v.notify()
	}
}

// release ends the use of a login by a volume. The caller holds mu.
func (l *login) release(v *volume) {
	delete(l.volumes, v)
	if len(l.volumes) == 0 {
		l.idle, l.stay = time.Now(), leaveAfter
		if v.calls == 0 {
			l.stay = retryAfter
		}
		l.task.Wake(l.idle.Add(l.stay))
	}
}

// leave is the task that ends a login which nobody uses any more: its token is
// revoked, and with it every lease that is left.
func (l *login) leave(ctx context.Context) time.Time {
	if at, due := l.part(); !due {
		return at
	}
	err := l.session.Revoke(ctx)
	l.revoked++
	if err != nil && vault.KindOf(err).Temporary() && l.revoked < revocations && ctx.Err() == nil {
		return time.Now().Add(lease.Backoff{Max: time.Minute}.Wait(l.revoked-1, l.provider.rand))
	}
	for _, name := range l.files {
		_ = os.Remove(name) // the folder goes with the program
	}
	p := l.provider
	p.mu.Lock()
	p.disconnect(l.shared)
	p.mu.Unlock()
	p.logLeft(l, err)
	l.task.Stop()
	return time.Time{}
}

// part takes a login out that nobody has used for long enough, so that the next
// pod gets another. It tells when to look again where it is not so.
func (l *login) part() (time.Time, bool) {
	p := l.provider
	p.mu.Lock()
	defer p.mu.Unlock()
	switch end := l.idle.Add(l.stay); {
	case l.left:
		return time.Time{}, true
	case len(l.volumes) > 0:
		return time.Time{}, false
	case time.Now().Before(end):
		return end, false
	}
	l.left = true
	delete(p.logins, l.id)
	p.store.Detach(l.id)
	return time.Time{}, true
}

// jwtHolder holds the newest service-account token of an identity, and makes one
// where the driver passes none.
type jwtHolder struct {
	audience string
	kube     *Kube

	mu   sync.Mutex
	pod  pod // the newest that asked
	held podToken
}

// errNoToken says what to do where there is no token and no way to make one.
var errNoToken = errors.New("the driver passed no service-account token for this audience: set tokenRequests of its CSIDriver object, or let the provider create tokens")

// offer takes a token that came with a call. It tells whether that is a newer one.
func (h *jwtHolder) offer(p pod, t podToken) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pod = p
	before := h.held.value
	h.held = newer(h.held, t)
	return h.held.value != before
}

// token implements auth.JWTSource.
func (h *jwtHolder) token(ctx context.Context) (sensitive.String, error) {
	h.mu.Lock()
	held, p := h.held, h.pod
	h.mu.Unlock()
	if held.fresh(time.Now()) || !held.value.Empty() && h.kube == nil {
		return held.value, nil
	}
	if h.kube == nil {
		return sensitive.String{}, errNoToken
	}
	made, err := h.kube.createToken(ctx, p, h.audience)
	if err != nil {
		return sensitive.String{}, fmt.Errorf("failed to create a service account token for requesting pod %s: %w", p, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = newer(h.held, made)
	return made.value, nil
}

// gate lets only so many logins through at a time.
type gate chan struct{}

func (g gate) around(m auth.Method) auth.Method { return gated{g, m} }

type gated struct {
	gate   gate
	method auth.Method
}

// Login implements auth.Method.
func (g gated) Login(ctx context.Context, exchanger auth.Exchanger) (*auth.Token, error) {
	select {
	case g.gate <- struct{}{}:
		defer func() { <-g.gate }()
		return g.method.Login(ctx, exchanger)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
