package agent

import (
	"context"
	"crypto/ecdh"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/sink/file"
	"github.com/vaultk8s/vaultk8s/pkg/sink/token"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// tokenSink keeps a copy of the agent's token in a file: as it is, wrapped by
// Vault, or encrypted for one reader.
type tokenSink struct {
	agent    *Agent
	spec     agentfile.Sink
	entry    *lease.Entry
	failures int
	done     sensitive.String // token that was written; wrapping and encrypting differ each time
	written  atomic.Bool
}

func (s *tokenSink) path() string { return s.spec.Path }

// newSinks makes the sinks of a document; those of the plan before that did not
// change stay.
func (a *Agent) newSinks(doc *agentfile.Document, before *plan) []*tokenSink {
	if doc.AutoAuth == nil {
		return nil
	}
	var sinks []*tokenSink
	for _, spec := range doc.AutoAuth.Sinks {
		sinks = append(sinks, a.newSink(spec, before))
	}
	return sinks
}

func (a *Agent) newSink(spec agentfile.Sink, before *plan) *tokenSink {
	for _, s := range before.sinks {
		if reflect.DeepEqual(s.spec, spec) {
			return s
		}
	}
	s := &tokenSink{agent: a, spec: spec}
	s.entry = a.schedule.AddUrgent(time.Time{}, s.write)
	return s
}

// wakeSinks has every sink look at the token.
func (p *plan) wakeSinks() {
	for _, s := range p.sinks {
		s.entry.Wake(time.Now())
	}
}

// write is the task that brings the newest token into the file.
func (s *tokenSink) write(ctx context.Context) time.Time {
	changed, err := s.bring(ctx)
	if err != nil && ctx.Err() != nil {
		return time.Time{}
	}
	if err != nil {
		if worthLogging(s.failures + 1) {
			s.agent.log.Error("token not written", slog.String(telemetry.FieldFile, s.spec.Path), fieldError(err))
		}
		s.failures++
		return time.Now().Add(max(lease.Backoff{Max: time.Minute}.Wait(s.failures-1, zeroJitter), vault.RetryAfter(err)))
	}
	s.failures = 0
	if changed {
		s.agent.log.Info("token written", slog.String(telemetry.FieldFile, s.spec.Path))
	}
	return time.Time{}
}

// bring writes the token, where there is a newer one than the file has.
func (s *tokenSink) bring(ctx context.Context) (changed bool, err error) {
	content, of, err := s.content(ctx)
	if err != nil || of.Empty() {
		return false, err
	}
	bytes, err := s.encode(content)
	if err != nil {
		return false, err
	}
	mode := s.spec.Mode
	outcome, err := file.Write(ctx, file.Spec{Path: s.spec.Path, Perm: &mode, User: id(s.spec.UID), Group: id(s.spec.GID)}, bytes)
	if err != nil {
		return false, err
	}
	s.done = of
	s.written.Store(true)
	s.agent.progressed()
	return outcome.Written, nil
}

// content returns what is to be written and the token that it is made of, which
// is empty where there is nothing new.
func (s *tokenSink) content(ctx context.Context) (c token.Content, of sensitive.String, err error) {
	p := s.agent.now()
	if h := p.handout; h != nil {
		info := h.newest.Load()
		if info == nil || s.done == info.Token {
			return c, of, nil
		}
		return token.Content{Wrap: wrapInfo(info)}, info.Token, nil
	}
	l := p.main()
	if l == nil {
		return c, of, nil
	}
	t := l.session.State().Token
	if t == nil || (s.once() && s.done == t.Value) {
		return c, of, nil
	}
	if s.spec.WrapTTL == 0 {
		return token.Content{Token: t.Value}, t.Value, nil
	}
	wrapped, err := s.wrap(ctx, l.session, t)
	return token.Content{Wrap: wrapped}, t.Value, err
}

// once tells whether the content differs each time that it is made.
func (s *tokenSink) once() bool { return s.spec.WrapTTL > 0 || s.spec.DHType != "" }

// wrap has Vault wrap the token.
func (s *tokenSink) wrap(ctx context.Context, session *vault.Session, t *auth.Token) (*token.WrapInfo, error) {
	response, err := session.Do(ctx, vault.Request{
		Method: http.MethodPut, Path: "sys/wrapping/wrap", Body: map[string]any{"token": t.Value.Reveal()}, WrapTTL: s.spec.WrapTTL,
	})
	if err != nil {
		return nil, fmt.Errorf("wrap the token: %w", err)
	}
	if response.WrapInfo == nil {
		return nil, fmt.Errorf("wrap the token: vault answered %q without a wrapping token", "sys/wrapping/wrap")
	}
	return wrapInfo(response.WrapInfo), nil
}

func wrapInfo(w *auth.WrapInfo) *token.WrapInfo {
	return &token.WrapInfo{
		Token: w.Token, Accessor: w.Accessor, TTL: w.TTL, CreationTime: w.CreationTime,
		CreationPath: w.CreationPath, WrappedAccessor: w.WrappedAccessor,
	}
}

// encode encrypts the content, where the document names a reader's key.
func (s *tokenSink) encode(c token.Content) ([]byte, error) {
	var reader *ecdh.PublicKey
	if s.spec.DHType != "" {
		key, err := token.ReadKey(s.spec.DHPath)
		if err != nil {
			return nil, err
		}
		reader = key
	}
	return token.Encode(token.Spec{
		Reader: reader, DeriveKey: s.spec.DeriveKey, AAD: token.AAD(s.spec.AAD, s.spec.AADEnvVar, os.Getenv),
	}, c)
}

func id(number *int) string {
	if number == nil {
		return ""
	}
	return strconv.Itoa(*number)
}
