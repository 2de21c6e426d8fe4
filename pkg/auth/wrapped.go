package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// WrapInfo describes a wrapped answer, which whoever holds its token may open once.
type WrapInfo struct {
	Token           sensitive.String
	Accessor        string
	TTL             time.Duration // of the wrapping token
	CreationTime    time.Time
	CreationPath    string
	WrappedAccessor string // of the token inside
}

// LoginWrapped logs in without learning the token: Vault keeps the answer for ttl
// and gives out a wrapping token for it. It fails where the answer comes plain,
// and for the method token_file, which takes a token that is there already.
func LoginWrapped(ctx context.Context, m Method, vault Exchanger, ttl time.Duration) (*WrapInfo, error) {
	w := &wrapper{vault: vault, ttl: ttl}
	_, err := m.Login(ctx, w)
	switch {
	case w.info != nil:
		// The method found no token in the answer, as it should be.
		return w.info, nil
	case err != nil:
		return nil, err
	case w.asked:
		return nil, errors.New("vault answered the login without wrapping the answer")
	}
	return nil, errors.New("this auth method makes no token, so that there is nothing to wrap")
}

// wrapper is an Exchanger that has the answer of the login proper wrapped, and
// keeps what is told of it.
type wrapper struct {
	vault Exchanger
	ttl   time.Duration
	asked bool
	info  *WrapInfo
}

// Exchange implements Exchanger. What else a login asks for comes with a token,
// or is about wrapping tokens itself.
func (w *wrapper) Exchange(ctx context.Context, r Request) (*api.Secret, error) {
	if !r.Token.Empty() || strings.HasPrefix(r.Path, "sys/") {
		return w.vault.Exchange(ctx, r)
	}
	r.WrapTTL, w.asked = w.ttl, true
	answer, err := w.vault.Exchange(ctx, r)
	if err == nil && answer != nil {
		w.info = FromWrapping(answer.WrapInfo)
	}
	return answer, err
}

// Address is that of the server below, "" where it is not told: a method may
// name it in what it signs.
func (w *wrapper) Address() string {
	if a, ok := w.vault.(addressed); ok {
		return a.Address()
	}
	return ""
}

// FromWrapping returns what an answer tells of its wrapping; nil where it tells nothing.
func FromWrapping(info *api.SecretWrapInfo) *WrapInfo {
	if info == nil {
		return nil
	}
	return &WrapInfo{
		Token:           sensitive.New(info.Token),
		Accessor:        info.Accessor,
		TTL:             time.Duration(info.TTL) * time.Second,
		CreationTime:    info.CreationTime,
		CreationPath:    info.CreationPath,
		WrappedAccessor: info.WrappedAccessor,
	}
}
