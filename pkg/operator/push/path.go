package push

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// path is a secret of a KV engine, reached through a session.
type path struct {
	session   Session
	mount     string
	name      string
	versioned bool
}

func pathOf(s Session, spec *v1beta1.VaultPushSecretSpec) path {
	return path{session: s, mount: strings.Trim(spec.Mount, "/"), name: strings.Trim(spec.Path, "/"), versioned: spec.Type == v1beta1.KVV2}
}

// at is a path of the engine; version 1 has only one.
func (p path) at(kind string) string {
	if !p.versioned {
		return p.mount + "/" + p.name
	}
	return p.mount + "/" + kind + "/" + p.name
}

// read returns what the path holds.
func (p path) read(ctx context.Context) (held, error) {
	answer, err := p.session.Do(ctx, vault.Request{Method: http.MethodGet, Path: p.at("data")})
	switch {
	case err != nil && vault.KindOf(err) == vault.NotFound:
		return p.readMarks(ctx)
	case err != nil:
		return held{}, err
	case !p.versioned:
		return held{exists: !answer.Data.Nil(), data: answer.Data.Reveal()}, nil
	}
	return heldOf(answer.Data)
}

// heldOf reads the answer to a read of version 2.
func heldOf(answer sensitive.Data) (held, error) {
	tree := answer.Reveal()
	metadata, ok := tree["metadata"].(map[string]any)
	if !ok {
		return held{}, fmt.Errorf("the answer of Vault is not that of a KV engine of version 2: it has no metadata")
	}
	h := held{exists: true, version: number(metadata["version"]), marks: texts(metadata["custom_metadata"])}
	h.data, _ = tree["data"].(map[string]any)
	return h, nil
}

// readMarks finds out about a path without a readable version: there may be
// metadata, which somebody has written before the first version.
func (p path) readMarks(ctx context.Context) (held, error) {
	if !p.versioned {
		return held{}, nil
	}
	answer, err := p.session.Do(ctx, vault.Request{Method: http.MethodGet, Path: p.at("metadata")})
	if err != nil {
		if vault.KindOf(err) == vault.NotFound {
			return held{}, nil
		}
		return held{}, err
	}
	tree := answer.Data.Reveal()
	h := held{version: number(tree["current_version"]), marks: texts(tree["custom_metadata"])}
	h.exists = h.version > 0 || h.marks[markKey] != ""
	return h, nil
}

// mark writes the custom metadata.
func (p path) mark(ctx context.Context, marks map[string]string) error {
	_, err := p.session.Do(ctx, vault.Request{Method: http.MethodPost, Path: p.at("metadata"), Body: map[string]any{"custom_metadata": marks}})
	return err
}

// write writes a secret, and returns its version, 0 for version 1. With version 2
// it fails when there is a newer version than the one that was read.
func (p path) write(ctx context.Context, data map[string]any, check int64) (int64, error) {
	body := data
	if p.versioned {
		body = map[string]any{"data": data, "options": map[string]any{"cas": check}}
	}
	answer, err := p.session.Do(ctx, vault.Request{Method: http.MethodPost, Path: p.at("data"), Body: body})
	if err != nil {
		return 0, err
	}
	return number(answer.Data.Reveal()["version"]), nil
}

// remove deletes the newest version.
func (p path) remove(ctx context.Context) error {
	_, err := p.session.Do(ctx, vault.Request{Method: http.MethodDelete, Path: p.at("data")})
	if vault.KindOf(err) == vault.NotFound {
		return nil
	}
	return err
}

func number(value any) int64 {
	n, _ := value.(json.Number)
	i, _ := n.Int64()
	return i
}

func texts(value any) map[string]string {
	tree, _ := value.(map[string]any)
	out := make(map[string]string, len(tree))
	for key, v := range tree {
		out[key], _ = v.(string)
	}
	return out
}
