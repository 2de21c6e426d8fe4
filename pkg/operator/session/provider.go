package session

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
)

// uidKnown is how long the UID of a ServiceAccount or Secret is believed. It only
// changes when the object is deleted and made again; then its tokens are refused,
// and all that is late is the name of the session.
const uidKnown = time.Minute

// providers remembers the UIDs of what logins prove their identity with, so that a
// thousand resources of one ServiceAccount ask for it once.
type providers struct {
	live client.Reader

	mu    sync.Mutex
	known map[providerKey]providerUID
}

type providerKey struct {
	kind string
	name types.NamespacedName
}

type providerUID struct {
	uid   types.UID
	until time.Time
}

// uid returns the UID of what a credential is, by a look at the metadata only.
func (p *providers) uid(ctx context.Context, c effective.Credential, a config.Auth) (types.UID, error) {
	name := types.NamespacedName{Namespace: c.Namespace, Name: c.Name}
	kind := ""
	switch c.Source {
	case effective.AccountToken, effective.AccountCloud:
		kind = "ServiceAccount"
	case effective.SecretKeys:
		kind = "Secret"
	case effective.OperatorSelf:
		kind = "ConfigMap"
	case effective.OperatorFile:
		return fileUID(a.Options["secret_id_file_path"]), nil
	}
	if uid, ok := p.remembered(providerKey{kind, name}); ok {
		return uid, nil
	}
	object := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kind}}
	if err := p.live.Get(ctx, name, object); err != nil {
		err = missingOr(err, kind, name)
		if uid, ok := p.last(providerKey{kind, name}); ok && effective.KindOf(err) != effective.NotFound {
			return uid, nil // the API server is away: sessions that are there go on
		}
		return "", err
	}
	p.remember(providerKey{kind, name}, object.UID)
	return object.UID, nil
}

// last returns what was known last.
func (p *providers) last(key providerKey) (types.UID, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.known[key]
	return known.uid, ok
}

func (p *providers) remembered(key providerKey) (types.UID, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.known[key]
	return known.uid, ok && time.Now().Before(known.until)
}

func (p *providers) remember(key providerKey, uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[providerKey]providerUID{}
	}
	p.known[key] = providerUID{uid, time.Now().Add(uidKnown)}
}

// forget drops what nobody asked for in a long time.
func (p *providers) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, known := range p.known {
		if !time.Now().Before(known.until.Add(unused)) {
			delete(p.known, key)
		}
	}
}

// fileUID stands for a file, which has no UID: one that is the same in the next
// process, and has the form of one.
func fileUID(path string) types.UID {
	sum := sha256.Sum256([]byte("file " + path))
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]))
}
