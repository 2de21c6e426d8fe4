package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sink/file"
	"github.com/vaultk8s/vaultk8s/pkg/sink/kubesecret"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry/trace"
)

// deliverOne writes what a pass made, as one span of the trace.
func (a *Agent) deliverOne(ctx context.Context, u *unit, result *render.Result) error {
	ctx, end := a.o.Tracer.Span(ctx, "deliver", trace.String("destination", u.name()))
	err := a.write(ctx, u, result)
	end(err)
	return err
}

// write delivers one rendered template: first what writeToFile asked for, then
// the destination. Only a destination that really changed counts as a
// delivery, is audited and has its command run.
func (a *Agent) write(ctx context.Context, u *unit, result *render.Result) error {
	if u.spec.variable != "" {
		if u.keepVariable(result.Output) {
			a.delivered(u, result.Used)
		}
		return nil
	}
	for _, w := range result.Writes {
		side := file.Side{Path: w.Path, User: w.User, Group: w.Group, Perm: w.Perm, Append: w.Append, Newline: w.Newline, Content: w.Content}
		if err := file.WriteSide(ctx, side); err != nil {
			return err
		}
	}
	outcome, err := writeDestination(ctx, u.spec.Template, result)
	if err != nil {
		a.o.Metrics.Deliveries.WithLabelValues(telemetry.OutcomeFailed).Inc()
		return err
	}
	err = a.keepInCluster(ctx, u, result.Output)
	if err != nil {
		a.o.Metrics.Deliveries.WithLabelValues(telemetry.OutcomeFailed).Inc()
	}
	// The file is another one whatever becomes of the Kubernetes Secret, and it
	// would not be the next time.
	if outcome.Written {
		a.delivered(u, result.Used)
		a.queue.add(u.spec.Template)
	}
	return err
}

// writeDestination writes the file, or the directory of a format that makes one.
func writeDestination(ctx context.Context, t agentfile.Template, result *render.Result) (file.Result, error) {
	if result.Set == nil {
		return file.Write(ctx, file.Spec{
			Path: t.Destination, Perm: t.Perms, User: t.User, Group: t.Group, CreateDirs: t.CreateDestDirs, Backup: t.Backup,
		}, result.Output)
	}
	entries := make([]file.Entry, 0, len(result.Set))
	for _, f := range result.Set {
		entries = append(entries, file.Entry{Name: f.Name, Content: f.Content})
	}
	return file.WriteSet(ctx, file.SetSpec{
		Dir: t.Destination, Perm: t.Perms, User: t.User, Group: t.Group, CreateDirs: t.CreateDestDirs,
	}, entries)
}

// delivered counts and audits a delivery that changed something.
func (a *Agent) delivered(u *unit, used []secret.Query) {
	a.o.Metrics.Deliveries.WithLabelValues(telemetry.OutcomeOK).Inc()
	a.o.Metrics.LastDelivery.SetToCurrentTime()
	a.mu.Lock()
	u.deliveredAt = time.Now()
	a.mu.Unlock()
	a.audit(u, used)
}

// keepInCluster writes the output to a Kubernetes Secret too, where the document
// asks for it and the Secret was not given just that before.
func (a *Agent) keepInCluster(ctx context.Context, u *unit, content []byte) error {
	k := u.spec.KubernetesSecret
	if k == nil {
		return nil
	}
	sum := sha256.Sum256(content)
	if u.kept == sum {
		return nil
	}
	cluster, err := a.cluster()
	if err != nil {
		return err
	}
	target := kubesecret.Target{Namespace: k.Namespace, Name: k.Name, Key: k.Key}
	if err := cluster.Apply(ctx, target, content); err != nil {
		return err
	}
	u.kept = sum
	a.log.Info("kept in a Kubernetes Secret", fieldDestination(u), slog.String(telemetry.FieldSecret, target.String()))
	return nil
}

// cleanDirectories removes what a killed agent left half written. What cannot
// be removed is no obstacle to a delivery.
func (a *Agent) cleanDirectories() {
	cleaned := map[string]bool{}
	for _, u := range a.now().units {
		dir := filepath.Dir(u.spec.Destination)
		if u.spec.variable != "" || cleaned[dir] {
			continue
		}
		cleaned[dir] = true
		if _, err := file.Clean(dir); err != nil {
			a.log.Debug("leftovers not removed", fieldError(err))
		}
	}
}

// audit writes the one line that tells who got what, which version or lease of
// it, and until when; never a value.
func (a *Agent) audit(u *unit, used []secret.Query) {
	list := make(provenances, 0, len(used))
	for _, q := range used {
		if w := u.watches[q]; w != nil {
			list = append(list, provenanceOf(w.State()))
		}
	}
	a.log.Info("delivered", fieldDestination(u), slog.String(telemetry.FieldIdentity, u.login.who()), slog.Any(telemetry.FieldSecrets, list))
}

// provenance tells which state of a secret was delivered.
type provenance struct {
	Secret  string     `json:"secret"`
	Version string     `json:"version,omitempty"` // of KV version 2
	Lease   string     `json:"lease,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

func provenanceOf(state secret.State) provenance {
	p := provenance{Secret: state.Query.String(), Version: kvVersion(state)}
	if state.Response != nil {
		p.Lease = state.Response.LeaseID
	}
	if !state.Expires.IsZero() {
		expires := state.Expires.UTC().Truncate(time.Second)
		p.Expires = &expires
	}
	return p
}

// provenances are a list in JSON logs, and one readable value in text logs.
type provenances []provenance

// MarshalJSON implements json.Marshaler; without it MarshalText would win.
func (list provenances) MarshalJSON() ([]byte, error) { return json.Marshal([]provenance(list)) }

// MarshalText implements encoding.TextMarshaler.
func (list provenances) MarshalText() ([]byte, error) {
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(p.Secret)
		if p.Version != "" {
			b.WriteString(" version " + p.Version)
		}
		if p.Lease != "" {
			b.WriteString(" lease " + p.Lease)
		}
		if p.Expires != nil {
			b.WriteString(" until " + p.Expires.Format(time.RFC3339))
		}
	}
	return []byte(b.String()), nil
}

// kvVersion returns the version of a KV version 2 secret, "" for anything else.
func kvVersion(state secret.State) string {
	if state.Response == nil {
		return ""
	}
	metadata, _ := state.Response.Data.Reveal()["metadata"].(map[string]any)
	version, _ := metadata["version"].(json.Number)
	return version.String()
}

func fieldDestination(u *unit) slog.Attr { return slog.String(telemetry.FieldDestination, u.name()) }

func fieldError(err error) slog.Attr { return slog.String(telemetry.FieldError, err.Error()) }
