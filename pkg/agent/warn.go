package agent

import (
	"log/slog"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// warn tells at start of what a document says and what will not happen.
func (a *Agent) warn() {
	doc := a.now().document
	if left := len(doc.Templates) + len(doc.EnvTemplates) - len(a.now().units); left > 0 {
		a.log.Warn("templates are never rendered: the agent has no token to read secrets with")
	}
	if keys := telemetry.ReadStanza(doc.Telemetry).WithoutEffect; len(keys) > 0 {
		a.log.Warn("keys of the telemetry block are without effect: metrics are pulled", slog.Any(telemetry.FieldKeys, keys))
	}
}
