package session

import (
	"context"
	"net/url"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
	"github.com/vaultk8s/vaultk8s/pkg/operator/store"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// materialEvery is how often the Secrets of a connection are looked at: a renewed
// certificate is taken up within a minute, and the old one is valid for much longer.
const materialEvery = time.Minute

// connectionKey is a VaultConnection at one generation.
type connectionKey struct {
	uid        types.UID
	generation int64
}

// connection is a client that every session of a VaultConnection shares.
type connection struct {
	sessions *Sessions
	name     types.NamespacedName
	config   config.Vault
	files    []effective.SecretField
	building chan struct{} // holds a value while somebody makes the client
	client   atomic.Pointer[vault.Client]
	versions map[string]string // of the Secrets that the client was made with; guarded by building
	task     *lease.Entry
	used     atomic.Int64
}

// connection returns the connection of an object, which may not have been made yet.
func (s *Sessions) connection(o store.Object, name types.NamespacedName, c config.Vault, files []effective.SecretField) *connection {
	if c.RateLimit == 0 {
		c.RateLimit, c.RateBurst = s.o.RateLimit, s.o.RateBurst
	}
	key := connectionKey{o.UID, o.Generation}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.connections[key]
	if found == nil {
		found = &connection{sessions: s, name: name, config: c, files: files, building: make(chan struct{}, 1)}
		found.task = s.schedule.AddUrgent(time.Time{}, found.refresh)
		s.connections[key] = found
	}
	found.used.Store(time.Now().UnixNano())
	return found
}

// dial returns the client. What stands in the way of making it is an error of each
// caller; none is kept.
func (c *connection) dial(ctx context.Context) (*vault.Client, error) {
	if made := c.client.Load(); made != nil {
		return made, nil
	}
	if err := enter(ctx, c.building); err != nil {
		return nil, err
	}
	defer leave(c.building)
	if made := c.client.Load(); made != nil {
		return made, nil
	}
	material, versions, err := c.material(ctx)
	if err != nil {
		return nil, err
	}
	made, err := vault.NewClient(c.config, c.options(material)...)
	if err != nil {
		return nil, unusable(kindConnection, c.name.Namespace, c.name.Name, "%v", err)
	}
	c.versions = versions
	c.client.Store(made)
	if len(c.files) > 0 {
		c.task.Wake(time.Now().Add(materialEvery))
	}
	return made, nil
}

func (c *connection) options(m vault.Material) []vault.Option {
	o := c.sessions.o
	options := []vault.Option{vault.WithVersion(o.Version), vault.WithLimits(c.sessions.limits), vault.WithMaterial(m)}
	if o.Transport != nil {
		options = append(options, vault.WithTransport(o.Transport))
	}
	return options
}

// refresh is the task that looks at the Secrets of a connection again.
func (c *connection) refresh(ctx context.Context) time.Time {
	next := time.Now().Add(materialEvery)
	if enter(ctx, c.building) != nil {
		return next
	}
	defer leave(c.building)
	material, versions, err := c.material(ctx)
	if err == nil && !sameVersions(versions, c.versions) {
		if err = c.client.Load().Renew(material); err == nil {
			c.versions = versions
		}
	}
	if err != nil && ctx.Err() == nil {
		c.sessions.o.Log.WarnContext(ctx, "the certificates of a connection could not be looked at; the old ones stay in use",
			telemetry.FieldName, c.name.String(), "error", err)
	}
	return next
}

func sameVersions(a, b map[string]string) bool {
	for name, version := range a {
		if b[name] != version {
			return false
		}
	}
	return len(a) == len(b)
}

// material reads the Secrets of a connection.
func (c *connection) material(ctx context.Context) (vault.Material, map[string]string, error) {
	var m vault.Material
	var user, password sensitive.String
	versions := map[string]string{}
	secrets := c.sessions.secrets()
	for _, field := range c.files {
		value, version, err := secrets.field(ctx, field)
		if err != nil {
			return m, nil, err
		}
		versions[field.Name] = version
		switch field.Option {
		case effective.OptionCACertBytes:
			m.CACert = value.Reveal()
		case effective.OptionClientCert:
			m.Cert = value.Reveal()
		case effective.OptionClientKey:
			m.Key = value
		case effective.OptionProxyUser:
			user = value
		case effective.OptionProxyPassword:
			password = value
		}
	}
	m.Proxy = withUser(c.config.ProxyAddress, user, password)
	return m, versions, nil
}

// withUser puts credentials into the address of a proxy; empty where there are none.
func withUser(address string, user, password sensitive.String) sensitive.String {
	u, err := url.Parse(address)
	if err != nil || user.Empty() {
		return sensitive.String{}
	}
	u.User = url.UserPassword(user.Reveal(), password.Reveal())
	return sensitive.New(u.String())
}

// secretReader reads Secrets for one purpose, each once.
type secretReader struct {
	sessions *Sessions
	read     map[types.NamespacedName]*corev1.Secret
}

func (s *Sessions) secrets() *secretReader {
	return &secretReader{sessions: s, read: map[types.NamespacedName]*corev1.Secret{}}
}

// field returns one entry of a Secret, and the version of the Secret. What is
// optional and not there is empty.
func (r *secretReader) field(ctx context.Context, f effective.SecretField) (sensitive.String, string, error) {
	name := types.NamespacedName{Namespace: f.Namespace, Name: f.Name}
	found := r.read[name]
	if found == nil {
		found = &corev1.Secret{}
		if err := r.sessions.o.Live.Get(ctx, name, found); err != nil {
			return sensitive.String{}, "", missingOr(err, "Secret", name)
		}
		r.read[name] = found
	}
	value, ok := found.Data[f.Field]
	if !ok && !f.Optional {
		return sensitive.String{}, "", unusable("Secret", f.Namespace, f.Name, "its data has no key %q", f.Field)
	}
	return sensitive.New(string(value)), found.ResourceVersion, nil
}

// enter takes a place that only one may have, leave gives it back.
func enter(ctx context.Context, place chan struct{}) error {
	select {
	case place <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func leave(place chan struct{}) { <-place }
