package csi

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// keySize is the size of the key in bytes, the old provider's.
const keySize = 32

// versionKey is the key of the object versions. It is read once, when the program
// starts; until then versions are empty.
type versionKey struct {
	mu         sync.Mutex
	value      sensitive.String
	generation uint64
}

// get returns the key, and a number that changes with it.
func (k *versionKey) get() (sensitive.String, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.value, k.generation
}

func (k *versionKey) set(value []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.value = sensitive.New(string(value))
	k.generation++
}

// loadKey reads the key until it has it, or ctx ends.
func (p *Provider) loadKey(ctx context.Context) error {
	if p.o.Kube == nil {
		p.log.Warn("object versions are empty: there is no cluster to keep their key in")
		return nil
	}
	for failures := 0; ctx.Err() == nil; failures++ {
		key, err := p.o.Kube.versionKey(ctx, p.o.CSI.HMACSecret)
		if err == nil {
			p.key.set(key)
			return nil
		}
		if failures&(failures-1) == 0 && ctx.Err() == nil {
			p.log.Warn("object versions are empty: their key cannot be read", slog.String(telemetry.FieldError, err.Error()))
		}
		pause.For(ctx, lease.Backoff{Max: time.Minute}.Wait(failures, p.rand))
	}
	return nil
}

// versionKey returns the key in a Secret of our namespace, which is made where
// there is none. All providers of a cluster share it.
func (k *Kube) versionKey(ctx context.Context, name string) ([]byte, error) {
	key, err := k.readKey(ctx, name)
	if statusOf(err) != http.StatusNotFound {
		return key, err
	}
	made := make([]byte, keySize)
	_, _ = rand.Read(made) // it never fails
	err = k.createKey(ctx, name, made)
	if statusOf(err) == http.StatusConflict {
		return k.readKey(ctx, name) // another node was first
	}
	return made, err
}

func (k *Kube) readKey(ctx context.Context, name string) ([]byte, error) {
	data, err := k.data(ctx, "secrets", k.Namespace, name)
	if err != nil {
		return nil, err
	}
	key := []byte(data["key"].Reveal())
	if len(key) != keySize {
		return nil, fmt.Errorf("secret %s/%s must hold %d bytes under \"key\": delete it, and a new one is made", k.Namespace, name, keySize)
	}
	return key, nil
}
