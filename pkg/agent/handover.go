package agent

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/sink/file"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

const (
	// defaultHandoverDir is the memory volume that the injector mounts into the
	// init container and the sidecar alike, and nowhere else.
	defaultHandoverDir = "/vault/agent-cache"
	handoverFile       = "vaultk8s-handover"
	handoverKeyFile    = "vaultk8s-handover.key"
	keySize            = 32 // of AES-256
	// handoverDelay gathers the changes of a moment into one write.
	handoverDelay = 200 * time.Millisecond
)

// handover passes token and leases to the next agent of the same pod and
// identity: from the init container to the sidecar, and from a sidecar to its
// successor after a restart. The file is encrypted with a key that lies beside
// it, bound to the identity, and both lie on a memory volume: what the key adds
// is that neither file alone, nor a file of another identity, is of use.
type handover struct {
	agent *Agent
	dir   string // "": there is no hand-over
	entry *lease.Entry
	mu    sync.Mutex // one write at a time
}

// handoverJSON is the file's content before encryption: each identity with what
// it holds.
type handoverJSON struct {
	Logins []handoverLogin `json:"logins"`
}

type handoverLogin struct {
	Identity secret.Identity `json:"identity"`
	Token    auth.Token      `json:"token"`
	Value    string          `json:"value"`
	Expires  time.Time       `json:"expires"`
	Secrets  []byte          `json:"secrets"` // JSON; as raw JSON it would be parsed again at every write
}

// inheritance is what an agent before left to an identity.
type inheritance struct {
	token   *auth.Token
	secrets []secret.Held
}

func newHandover(a *Agent) *handover {
	h := &handover{agent: a, dir: defaultHandoverDir}
	if p := h.persist(); p != nil && p.Path != "" {
		h.dir = p.Path
	}
	h.entry = a.schedule.AddUrgent(time.Time{}, func(ctx context.Context) time.Time {
		if err := h.save(ctx); err != nil {
			a.log.Warn("hand-over not written", fieldError(err))
		}
		return time.Time{}
	})
	return h
}

// load reads what the agent before left to each identity; nothing is not an
// error. What cannot be used is an error only where the document says exit_on_err.
func (h *handover) load() (map[secret.Identity]inheritance, error) {
	if err := h.usable(); err != nil {
		h.dir = ""
		return nil, h.tolerate(err)
	}
	if h.dir == "" {
		return nil, nil
	}
	if _, err := os.Stat(h.path()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	left, err := h.inherit()
	if err != nil {
		return nil, h.tolerate(fmt.Errorf("read hand-over in %q: %w", h.dir, err))
	}
	for id, i := range left {
		h.agent.log.Info("took over token and secrets", slog.String(telemetry.FieldFile, h.path()),
			slog.String(telemetry.FieldRole, id.Role), slog.Int(telemetry.FieldSecrets, len(i.secrets)))
	}
	return left, nil
}

// inherit reads the file and leaves out what has ended meanwhile.
func (h *handover) inherit() (map[secret.Identity]inheritance, error) {
	content, err := h.read()
	if err != nil {
		return nil, err
	}
	left := map[secret.Identity]inheritance{}
	for _, l := range content.Logins {
		if !l.Expires.IsZero() && !l.Expires.After(time.Now()) {
			continue
		}
		held, err := secret.DecodeHeld(l.Secrets)
		if err != nil {
			return nil, err
		}
		token := l.Token
		token.Value = sensitive.New(l.Value)
		left[l.Identity] = inheritance{token: &token, secrets: held}
	}
	return left, nil
}

// usable decides whether there is a hand-over at all. The default directory may
// be missing; one that was asked for may not. Neither may be on a disk.
func (h *handover) usable() error {
	asked := h.persist() != nil
	memory, err := file.MemoryBacked(h.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		h.dir = ""
		return nil
	case err != nil:
		return fmt.Errorf("no hand-over: %w", err)
	case !memory:
		return fmt.Errorf("no hand-over: %q is not on a memory volume (emptyDir with medium: Memory)", h.dir)
	}
	return nil
}

func (h *handover) tolerate(err error) error {
	if p := h.persist(); p != nil && p.ExitOnErr {
		return err
	}
	h.agent.log.Warn("starting without what an agent before held", fieldError(err))
	return nil
}

// changed asks for the file to be written soon.
func (h *handover) changed() {
	if h.dir != "" {
		h.entry.Wake(time.Now().Add(handoverDelay))
	}
}

// save writes the file as things are now, even when ctx has ended: what is
// held at the end is what the next agent takes over.
func (h *handover) save(ctx context.Context) error {
	if h.dir == "" {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	content, err := h.content()
	if err != nil || len(content.Logins) == 0 {
		return err
	}
	plain, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode hand-over: %w", err)
	}
	box, err := h.box(ctx)
	if err != nil {
		return err
	}
	sealed := box.Seal(nil, nil, plain, h.binding()) //nolint:gosec // G407: this cipher makes its nonces itself, at random
	clear(plain)
	return h.write(ctx, h.path(), sealed)
}

// content gathers what every identity holds.
func (h *handover) content() (handoverJSON, error) {
	var all handoverJSON
	for _, l := range h.agent.now().logins {
		state := l.session.State()
		if state.Token == nil {
			continue
		}
		secrets, err := secret.EncodeHeld(h.agent.store.Held(l.identity))
		if err != nil {
			return all, fmt.Errorf("encode hand-over: %w", err)
		}
		all.Logins = append(all.Logins, handoverLogin{
			Identity: l.identity, Token: *state.Token, Value: state.Token.Value.Reveal(), Expires: state.Expires, Secrets: secrets,
		})
	}
	return all, nil
}

// remove takes the file away, because the token in it is about to be revoked.
func (h *handover) remove() {
	if h.dir != "" {
		_ = os.Remove(h.path()) // not there is as good; a revoked token in it is harmless
	}
}

func (h *handover) read() (*handoverJSON, error) {
	sealed, err := os.ReadFile(h.path())
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(h.keyPath())
	if err != nil {
		return nil, fmt.Errorf("hand-over key: %w", err)
	}
	box, err := newBox(key)
	if err != nil {
		return nil, err
	}
	plain, err := box.Open(nil, nil, sealed, h.binding())
	if err != nil {
		return nil, errors.New("the file is damaged, or was written for another identity")
	}
	defer clear(plain)
	var content handoverJSON
	if err := json.Unmarshal(plain, &content); err != nil {
		return nil, errors.New("the file has an unknown form")
	}
	return &content, nil
}

// box returns the cipher for writing; the first time it makes the key.
func (h *handover) box(ctx context.Context) (cipher.AEAD, error) {
	key, err := os.ReadFile(h.keyPath())
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(key) != keySize) {
		key = make([]byte, keySize)
		_, _ = rand.Read(key) // never fails: see crypto/rand
		err = h.write(ctx, h.keyPath(), key)
	}
	if err != nil {
		return nil, fmt.Errorf("hand-over key: %w", err)
	}
	return newBox(key)
}

// newBox returns AES-256-GCM with random nonces, which may seal 2^32 files with
// one key; at five a second that is 27 years.
func newBox(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("hand-over key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// binding ties the file to the identity that it was written for, that of auto_auth.
func (h *handover) binding() []byte {
	var id secret.Identity
	if l := h.agent.now().main(); l != nil {
		id = l.identity
	}
	text, _ := json.Marshal(id) // a struct of strings always encodes
	return text
}

func (h *handover) write(ctx context.Context, path string, content []byte) error {
	private := fs.FileMode(0o600)
	_, err := file.Write(context.WithoutCancel(ctx), file.Spec{Path: path, Perm: &private}, content)
	return err
}

func (h *handover) path() string { return filepath.Join(h.dir, handoverFile) }

func (h *handover) keyPath() string { return filepath.Join(h.dir, handoverKeyFile) }

// persist is the document's block about the hand-over, nil where it has none.
func (h *handover) persist() *agentfile.Persist {
	if cache := h.agent.now().document.Cache; cache != nil {
		return cache.Persist
	}
	return nil
}
