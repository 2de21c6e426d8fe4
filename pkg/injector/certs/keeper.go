package certs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

const (
	// renewAt is the part of a certificate's life after which the next one is
	// made: the old injector waits until a tenth is left.
	renewAt = 0.9
	// settle is how long a bundle is known before its newest authority signs: API
	// servers, of which there may be several, hear of it within seconds.
	settle = 30 * time.Second
)

// ErrNone is the error of a replica that waits for the first authority.
var ErrNone = errors.New("no authority has been made yet")

// Store keeps the entries of one Secret.
type Store interface {
	// Load returns the entries and their version; none, and "" for the version,
	// if there is no such Secret.
	Load(ctx context.Context) (entries map[string]sensitive.String, version string, err error)
	// Save writes the entries if the Secret still has the version, "" making it.
	Save(ctx context.Context, entries map[string]sensitive.String, version string) error
}

// Keeper keeps the certificate of one replica. [Keeper.Sync] is called from one
// goroutine, the rest from any.
type Keeper struct {
	store  Store
	hosts  []string
	holder *Holder

	mu        sync.Mutex
	state     *State
	published []byte    // the bundle that the API server is known to have
	since     time.Time // when it was first seen there
}

// NewKeeper makes a keeper that puts certificates for the hosts into the holder,
// the first with the first [Keeper.Sync].
func NewKeeper(store Store, hosts []string, h *Holder) *Keeper {
	return &Keeper{store: store, hosts: hosts, holder: h}
}

// Bundle returns in PEM what the API server is to trust, nil before there is any.
func (k *Keeper) Bundle() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == nil {
		return nil
	}
	return k.state.Bundle()
}

// Published tells the keeper which bundle the API server has. A successor signs
// only after that.
func (k *Keeper) Published(bundle []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !bytes.Equal(bundle, k.published) {
		k.published, k.since = bytes.Clone(bundle), time.Now()
	}
}

// settled reports whether the API server has had the bundle long enough.
func (k *Keeper) settled(s *State) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return s != nil && bytes.Equal(k.published, s.Bundle()) && time.Since(k.since) >= settle
}

// Sync takes up what the Secret holds, and renews the certificate when it is due.
// With lead it first does in the Secret what is due there; the reasons tell what.
// Without, a Secret that is still empty is [ErrNone]. After an error the
// certificate in use stays, unless a new one is overdue: an authority that is held
// can go on for years while the Secret cannot be read.
func (k *Keeper) Sync(ctx context.Context, lead bool) ([]Reason, error) {
	state, reasons, err := k.read(ctx, lead)
	k.mu.Lock()
	if err == nil {
		k.state = state
	}
	held := k.state
	k.mu.Unlock()
	if held == nil {
		return nil, err
	}
	return reasons, errors.Join(err, k.issue(held.signer))
}

func (k *Keeper) read(ctx context.Context, lead bool) (*State, []Reason, error) {
	entries, version, err := k.store.Load(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read authorities: %w", err)
	}
	state, err := Decode(entries)
	switch {
	case lead:
		// Whoever leads makes anew what cannot be read: nobody else would.
		return k.advance(ctx, state, entries, version)
	case err != nil:
		return nil, nil, fmt.Errorf("read authorities: %w", err)
	case state == nil:
		return nil, nil, ErrNone
	}
	return state, nil, nil
}

func (k *Keeper) advance(ctx context.Context, s *State, entries map[string]sensitive.String, version string) (*State, []Reason, error) {
	next, reasons, err := Advance(s, time.Now(), k.settled(s))
	if err != nil || len(reasons) == 0 {
		return next, nil, err
	}
	encoded, err := next.Encode()
	if err != nil {
		return nil, nil, err
	}
	merged := maps.Clone(entries)
	maps.DeleteFunc(merged, func(name string, _ sensitive.String) bool { return slices.Contains(entryNames(), name) })
	if merged == nil {
		merged = map[string]sensitive.String{}
	}
	maps.Copy(merged, encoded)
	if err := k.store.Save(ctx, merged, version); err != nil {
		return nil, nil, fmt.Errorf("write authorities: %w", err)
	}
	return next, reasons, nil
}

// issue makes a certificate of the signer, unless the one that is held is.
func (k *Keeper) issue(signer *Authority) error {
	now := time.Now()
	if c := k.holder.Current(); c != nil && c.Leaf.CheckSignatureFrom(signer.certificate) == nil {
		life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
		if now.Before(c.Leaf.NotBefore.Add(time.Duration(renewAt * float64(life)))) {
			return nil
		}
	}
	c, err := signer.Issue(k.hosts, now)
	if err == nil {
		k.holder.current.Store(c)
	}
	return err
}
