package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The times of HTTP. There is none for writing: an answer may be a stream.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second // a whole request: 32 MiB, the most that Vault takes, at 9 Mbit/s
	idleTime   = 5 * time.Minute
	// DrainTime bounds how long requests under way may take when a server ends.
	DrainTime = 10 * time.Second
)

// Serve answers HTTP requests on a listener until ctx ends, and closes it. Then
// it accepts nothing more, lets what is under way finish for up to DrainTime, and
// cuts off the rest. It returns nil for such an end, else why it could not go on.
func Serve(ctx context.Context, l *Listener, h http.Handler) error {
	// Requests outlive ctx by the time of draining.
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(complaints{l.spec}, slog.LevelError),
	}
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		drain(requests, server)
	})
	err := server.Serve(l)
	if !stop() {
		<-drained
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return errors.Join(l.spec.problem("", err), server.Close())
}

func drain(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, DrainTime)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // connections that broke cannot be closed better
	}
}

// complaints hands what the HTTP server would log to the listener's OnError.
type complaints struct{ spec Spec }

// Enabled implements slog.Handler.
func (c complaints) Enabled(context.Context, slog.Level) bool { return c.spec.OnError != nil }

// Handle implements slog.Handler.
func (c complaints) Handle(_ context.Context, r slog.Record) error {
	c.spec.report(c.spec.problem("", errors.New(r.Message)))
	return nil
}

// WithAttrs implements slog.Handler; a log.Logger has no attributes.
func (c complaints) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup implements slog.Handler; a log.Logger has no groups.
func (c complaints) WithGroup(string) slog.Handler { return c }
