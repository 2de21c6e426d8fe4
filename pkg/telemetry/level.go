package telemetry

import "log/slog"

// leveled is a handler whose level can be changed while loggers use it.
type leveled struct {
	slog.Handler
	level *slog.LevelVar
}

// WithAttrs implements slog.Handler, and keeps the level changeable.
func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{h.Handler.WithAttrs(attrs), h.level}
}

// WithGroup implements slog.Handler, and keeps the level changeable.
func (h leveled) WithGroup(name string) slog.Handler {
	return leveled{h.Handler.WithGroup(name), h.level}
}

// SetLevel changes the level of a logger that [NewLogger] made, and of all that
// were derived from the same one, while they are in use. It tells whether the
// level is another one now.
func SetLevel(log *slog.Logger, name string) bool {
	h, ok := log.Handler().(leveled)
	if !ok || h.level.Level() == level(name) {
		return false
	}
	h.level.Set(level(name))
	return true
}
