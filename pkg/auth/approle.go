package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// appRole logs in with a role id and, unless the role goes without one, a
// secret id, which may come wrapped.
type appRole struct {
	login    string
	roleID   *credential
	secretID *credential // nil: the role binds none
	wrapping string      // where the secret id was wrapped; "": the file holds it plain

	mu        sync.Mutex
	unwrapped unwrapped
}

// unwrapped is the secret id of a wrapping token, which can be opened only once.
type unwrapped struct{ token, secretID sensitive.String }

func newAppRole(o *options) Method {
	a := &appRole{
		login:    o.loginPath(),
		roleID:   o.credential(&credential{noun: "role id", path: o.required("role_id_file_path"), keep: true}),
		wrapping: strings.Trim(o.text("secret_id_response_wrapping_path", ""), "/"),
	}
	remove := o.truth("remove_secret_id_file_after_reading", true)
	if path := o.text("secret_id_file_path", ""); path != "" {
		a.secretID = o.credential(&credential{noun: "secret id", path: path, remove: remove})
	}
	return a
}

// Login implements Method.
func (a *appRole) Login(ctx context.Context, vault Exchanger) (*Token, error) {
	roleID, err := a.roleID.read()
	if err != nil {
		return nil, err
	}
	body := map[string]any{"role_id": roleID.Reveal()}
	if a.secretID != nil {
		secretID, err := a.readSecretID(ctx, vault)
		if err != nil {
			return nil, err
		}
		body["secret_id"] = secretID.Reveal()
	}
	return login(ctx, vault, a.login, body)
}

func (a *appRole) readSecretID(ctx context.Context, vault Exchanger) (sensitive.String, error) {
	value, err := a.secretID.read()
	if err != nil || a.wrapping == "" {
		return value, err
	}
	a.mu.Lock()
	held := a.unwrapped
	a.mu.Unlock()
	if held.token == value {
		return held.secretID, nil
	}
	secretID, err := a.unwrap(ctx, vault, value)
	if err != nil {
		return sensitive.String{}, fmt.Errorf("unwrap the secret id in %q: %w", a.secretID.path, err)
	}
	a.mu.Lock()
	a.unwrapped = unwrapped{token: value, secretID: secretID}
	a.mu.Unlock()
	return secretID, nil
}

// unwrap asks first where the wrapping token was made: someone who opened the
// real one could have put one of his own in its place.
func (a *appRole) unwrap(ctx context.Context, vault Exchanger, token sensitive.String) (sensitive.String, error) {
	looked, err := vault.Exchange(ctx, Request{
		Method: http.MethodPut, Path: "sys/wrapping/lookup", Body: map[string]any{"token": token.Reveal()},
	})
	if err != nil {
		return sensitive.String{}, err
	}
	if looked == nil || looked.Data == nil {
		return sensitive.String{}, errors.New("vault knows nothing of the wrapping token")
	}
	created, _ := looked.Data["creation_path"].(string)
	if strings.Trim(created, "/") != a.wrapping {
		return sensitive.String{}, fmt.Errorf("the wrapping token was created at %q, not at %q; someone may have replaced it", created, a.wrapping)
	}
	opened, err := vault.Exchange(ctx, Request{Method: http.MethodPut, Path: "sys/wrapping/unwrap", Token: token})
	if err != nil {
		return sensitive.String{}, err
	}
	if opened == nil {
		return sensitive.String{}, errors.New("vault answered without data")
	}
	secretID, _ := opened.Data["secret_id"].(string)
	if secretID == "" {
		return sensitive.String{}, errors.New("the wrapped answer holds no secret_id")
	}
	return sensitive.New(secretID), nil
}
