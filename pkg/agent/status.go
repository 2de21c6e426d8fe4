package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// DefaultSocket returns where an agent answers `vaultk8s agent ready`: in the
// home directory that the injector mounts, else among the temporary files.
func DefaultSocket() string {
	const home = "/home/vault"
	if info, err := os.Stat(home); err == nil && info.IsDir() {
		return home + "/.vaultk8s-agent.sock"
	}
	return fmt.Sprintf("%s/vaultk8s-agent-%d.sock", os.TempDir(), os.Getuid())
}

// serveStatus serves probes and metrics on the unix socket and, where an
// address is configured, on that. A socket that cannot be had costs only the
// probe, so it is a warning; an address was asked for, so it is an error.
func (a *Agent) serveStatus(ctx context.Context, run func(func() error)) error {
	handler := telemetry.Handler(a.o.Metrics, a.ready)
	if a.o.Socket != "" {
		l, err := listenUnix(ctx, a.o.Socket)
		if err != nil {
			a.log.Warn("no status socket", fieldError(err))
		} else {
			run(func() error { return telemetry.Serve(ctx, l, handler) })
		}
	}
	address := a.o.Config.Telemetry.Address
	if address == "" {
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve telemetry: %w", err)
	}
	a.log.Info("serving telemetry", slog.String(telemetry.FieldAddress, l.Addr().String()))
	run(func() error { return telemetry.Serve(ctx, l, handler) })
	return nil
}

// listenUnix takes a socket over when nobody answers on it any more.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // a call that ends at once would look as if nobody answered
	}
	if c, err := (&net.Dialer{}).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("another agent answers on %q", path), c.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("take over status socket: %w", err)
	}
	return (&net.ListenConfig{}).Listen(ctx, "unix", path)
}

// CheckReady asks the agent behind a socket whether it is ready. The error says
// what it waits for.
func CheckReady(ctx context.Context, socket string) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/readyz", http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no agent answers: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New("not ready: " + strings.TrimSpace(string(text)))
	}
	return err
}

// addNumbers names what is asked for when the metrics are read.
func (a *Agent) addNumbers() {
	m := a.o.Metrics
	m.AddBuildInfo(a.o.Version)
	m.AddNumber("vaultk8s_templates", func() float64 { return float64(len(a.now().units)) })
	m.AddNumber("vaultk8s_templates_rendered", func() float64 { return float64(a.now().rendered()) })
	m.AddNumber("vaultk8s_scheduled", func() float64 { return float64(a.schedule.Len()) })
	m.AddNumber("vaultk8s_token_expiry_timestamp_seconds", func() float64 {
		if l := a.now().main(); l != nil {
			return unixSeconds(l.session.State().Expires)
		}
		return 0
	})
	m.AddTemplates(a.templateStats)
	m.AddSecrets(a.secretStats)
}

func (a *Agent) templateStats() []telemetry.TemplateStat {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []telemetry.TemplateStat
	for _, u := range a.now().units {
		all = append(all, telemetry.TemplateStat{Destination: u.name(), Rendered: u.renderedAt, Delivered: u.deliveredAt})
	}
	return all
}

func (a *Agent) secretStats() []telemetry.SecretStat {
	var all []telemetry.SecretStat
	for name, l := range a.now().logins {
		for _, state := range a.store.States(l.identity) {
			version, _ := strconv.ParseInt(kvVersion(state), 10, 64) // 0 where there is none
			all = append(all, telemetry.SecretStat{
				Secret: state.Query.String(), Identity: name, Read: state.Read, Expires: state.Expires, Version: version, Changes: state.Version,
			})
		}
	}
	return all
}

func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}

func (a *Agent) writePIDFile() error {
	if a.o.Config.Agent.PIDFile == "" {
		return nil
	}
	if err := os.WriteFile(a.o.Config.Agent.PIDFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	return nil
}

func (a *Agent) removePIDFile() {
	if path := a.o.Config.Agent.PIDFile; path != "" {
		_ = os.Remove(path) // gone already is as good
	}
}
