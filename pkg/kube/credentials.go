package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// credentials are what a request is signed with.
type credentials struct {
	tokenFile string
	token     sensitive.String
	plugin    *plugin // nil for none
}

func (c credentials) sign(ctx context.Context, r *http.Request) error {
	token, err := c.bearer(ctx)
	if err != nil {
		return err
	}
	if !token.Empty() {
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	return nil
}

func (c credentials) bearer(ctx context.Context) (sensitive.String, error) {
	switch {
	case c.plugin != nil:
		given, err := c.plugin.ask(ctx)
		return given.token, err
	case c.tokenFile == "":
		return c.token, nil
	}
	text, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return sensitive.String{}, fmt.Errorf("read the service account's token: %w", err)
	}
	return sensitive.New(strings.TrimSpace(string(text))), nil
}

// pluginTime bounds a run of a plugin; some open a browser and wait for a person.
const pluginTime = 2 * time.Minute

// plugin runs a program for credentials, and keeps them until they end.
type plugin struct {
	exec   Exec
	server string

	mu    sync.Mutex
	given given
	until time.Time
}

// given is what a plugin printed.
type given struct {
	token sensitive.String
	pair  *tls.Certificate // nil for none
}

func (p *plugin) ask(ctx context.Context) (given, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		return p.given, nil
	}
	out, err := p.run(ctx)
	if err != nil {
		return given{}, fmt.Errorf("run the plugin %q: %w", p.exec.Command, err)
	}
	if p.given, p.until, err = readCredential(out); err != nil {
		return given{}, fmt.Errorf("read what the plugin %q printed: %w", p.exec.Command, err)
	}
	return p.given, nil
}

// certificate is asked in each handshake; no certificate is an empty one.
func (p *plugin) certificate(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	given, err := p.ask(r.Context())
	if err != nil || given.pair == nil {
		return &tls.Certificate{}, err
	}
	return given.pair, nil
}

func (p *plugin) run(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pluginTime)
	defer cancel()
	info, err := json.Marshal(map[string]any{
		"apiVersion": p.exec.APIVersion, "kind": "ExecCredential",
		"spec": map[string]any{"interactive": false, "cluster": map[string]any{"server": p.server}},
	})
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, p.exec.Command, p.exec.Args...)
	command.Env = append(append(os.Environ(), p.exec.Env...), "KUBERNETES_EXEC_INFO="+string(info))
	command.Stderr = os.Stderr // it may ask the user for something
	var out bytes.Buffer
	command.Stdout = &out
	err = command.Run()
	if errors.Is(err, exec.ErrNotFound) && p.exec.InstallHint != "" {
		return nil, fmt.Errorf("%w\n%s", err, strings.TrimSpace(p.exec.InstallHint))
	}
	return out.Bytes(), err
}

// forever is the end of credentials that have none, long after that of any run.
const forever = 24 * time.Hour

// readCredential reads an ExecCredential, and until when it may be used.
func readCredential(text []byte) (given, time.Time, error) {
	var credential struct {
		Kind   string
		Status *struct {
			Token                 string
			ClientCertificateData string
			ClientKeyData         string
			ExpirationTimestamp   time.Time
		}
	}
	if err := json.Unmarshal(text, &credential); err != nil {
		return given{}, time.Time{}, errors.New("it is no JSON object")
	}
	s := credential.Status
	if credential.Kind != "ExecCredential" || s == nil || s.Token == "" && s.ClientCertificateData == "" {
		return given{}, time.Time{}, errors.New("it is no ExecCredential with a token or a certificate")
	}
	until := time.Now().Add(forever)
	if !s.ExpirationTimestamp.IsZero() {
		until = s.ExpirationTimestamp.Add(-time.Minute)
	}
	out := given{token: sensitive.New(s.Token)}
	if s.ClientCertificateData != "" {
		pair, err := tls.X509KeyPair([]byte(s.ClientCertificateData), []byte(s.ClientKeyData))
		if err != nil {
			return given{}, time.Time{}, fmt.Errorf("its certificate: %w", err)
		}
		out.pair = &pair
	}
	return out, until, nil
}
