package telemetry

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// Names of log fields.
const (
	FieldAddress     = "address"
	FieldAttempt     = "attempt"
	FieldChanges     = "changes"
	FieldCommand     = "command"
	FieldDestination = "destination"
	FieldDuration    = "duration"
	FieldError       = "error"
	FieldExpires     = "expires"
	FieldFile        = "file"
	FieldIdentity    = "identity"
	FieldKeys        = "keys"
	FieldMethod      = "method"
	FieldPath        = "path"
	FieldReason      = "reason"
	FieldRetryAt     = "retry_at"
	FieldRole        = "role"
	FieldSecret      = "secret"
	FieldSecrets     = "secrets"
	FieldTTL         = "ttl"
	FieldVersion     = "version"
)

// LevelTrace is below slog.LevelDebug, for what the old tools call trace.
const LevelTrace = slog.LevelDebug - 4

// NewLogger makes the program's logger, and returns what closes its file. The
// level and format were checked with the configuration; [SetLevel] changes the
// level later.
func NewLogger(c config.Log, stderr io.Writer) (*slog.Logger, func() error, error) {
	out, closeLog := stderr, func() error { return nil }
	if c.File != "" {
		f, err := openLog(c)
		if err != nil {
			return nil, nil, fmt.Errorf("open log file %q: %w", c.File, err)
		}
		out, closeLog = f, f.Close
	}
	least := new(slog.LevelVar)
	least.Set(level(c.Level))
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: readable}
	if c.Format == "json" {
		return slog.New(leveled{slog.NewJSONHandler(out, options), least}), closeLog, nil
	}
	return slog.New(leveled{slog.NewTextHandler(out, options), least}), closeLog, nil
}

func level(name string) slog.Level {
	switch name {
	case "trace":
		return LevelTrace
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// readable shows the trace level by its name, which slog does not know, and
// durations with their unit, which JSON would show in nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().String())
	}
	if a.Key == slog.LevelKey && a.Value.Any() == LevelTrace {
		return slog.String(slog.LevelKey, "TRACE")
	}
	return a
}
