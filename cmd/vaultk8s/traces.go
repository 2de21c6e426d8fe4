package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry/trace"
)

// startTraces begins to send traces where the environment asks for them, and
// returns what sends the rest at the end. An error is no reason not to run.
func startTraces(service string, log *slog.Logger) (*trace.Tracer, func(), error) {
	failed := func(err error) { log.Warn("traces not sent", slog.String(telemetry.FieldError, err.Error())) }
	tracer, end, err := trace.Start(trace.Options{Lookup: os.LookupEnv, Service: service, Version: version, Failed: failed})
	return tracer, func() {
		if err := end(context.Background()); err != nil {
			failed(err)
		}
	}, err
}
