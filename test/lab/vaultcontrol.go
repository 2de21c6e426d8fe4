package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// Stop ends the server in order and removes its directory; Data that the options
// named stays. A second Stop does nothing.
func (v *Vault) Stop() error {
	if v.process != nil {
		v.process.stop(stopGrace)
	}
	if v.api != nil {
		v.api.close()
	}
	return os.RemoveAll(v.dir)
}

// Kill ends the server as a crash would. Restart starts it again, and Stop is
// still due.
func (v *Vault) Kill() {
	v.process.kill()
	v.api.close()
}

// Restart ends the server if it runs, and starts it on the same address with the
// same storage, unsealed.
func (v *Vault) Restart(ctx context.Context) error {
	if v.options.InMemory {
		return errors.New("restart vault: its storage is in memory")
	}
	v.process.stop(stopGrace)
	return v.launch(ctx)
}

// Seal makes the server answer 503 to everything until Unseal.
func (v *Vault) Seal(ctx context.Context) error {
	_, err := v.Do(ctx, http.MethodPut, "sys/seal", nil)
	return err
}

// Unseal ends Seal.
func (v *Vault) Unseal(ctx context.Context) error {
	key, err := os.ReadFile(v.keyFile())
	if err != nil {
		return fmt.Errorf("unseal vault: %w", err)
	}
	out, err := v.Do(ctx, http.MethodPut, "sys/unseal", map[string]any{"key": strings.TrimSpace(string(key))})
	if err == nil && out["sealed"] != false {
		err = errors.New("unseal vault: it is still sealed")
	}
	return err
}

// Do sends one request as root; path comes without "/v1/". The answer is nil
// when the server sent none, and a failure is a [*StatusError].
func (v *Vault) Do(ctx context.Context, method, path string, body any) (map[string]any, error) {
	return v.DoAs(ctx, v.options.Token, method, path, body)
}

// DoAs is Do with the given token, or with none when it is empty.
func (v *Vault) DoAs(ctx context.Context, token, method, path string, body any) (map[string]any, error) {
	header := http.Header{}
	if token != "" {
		header.Set("X-Vault-Token", token)
	}
	return v.api.do(ctx, method, "/v1/"+path, header, body)
}

// Write posts data to path as root.
func (v *Vault) Write(ctx context.Context, path string, data map[string]any) (map[string]any, error) {
	return v.Do(ctx, http.MethodPost, path, data)
}

// Read gets path as root; nothing there is a [*StatusError] with Code 404.
func (v *Vault) Read(ctx context.Context, path string) (map[string]any, error) {
	return v.Do(ctx, http.MethodGet, path, nil)
}

// Delete deletes path as root.
func (v *Vault) Delete(ctx context.Context, path string) error {
	_, err := v.Do(ctx, http.MethodDelete, path, nil)
	return err
}

// Login posts to a login path without a token and returns the client token.
func (v *Vault) Login(ctx context.Context, path string, data map[string]any) (string, error) {
	out, err := v.DoAs(ctx, "", http.MethodPost, path, data)
	if err != nil {
		return "", err
	}
	return text(out, "auth", "client_token")
}

// text walks down nested objects of an answer to a string.
func text(in map[string]any, keys ...string) (string, error) {
	var at any = in
	for _, k := range keys {
		object, ok := at.(map[string]any)
		if !ok {
			return "", fmt.Errorf("the answer has no %q", strings.Join(keys, "."))
		}
		at = object[k]
	}
	s, ok := at.(string)
	if !ok {
		return "", fmt.Errorf("the answer has no %q", strings.Join(keys, "."))
	}
	return s, nil
}
