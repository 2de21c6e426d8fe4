package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/agent"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// scaleTemplates runs an agent in this process, with n templates that each read a
// secret of their own.
func scaleTemplates(ctx context.Context, dir string, n int) (scaled, error) {
	v, role, secret, err := fakeVault(dir)
	if err != nil {
		return scaled{}, err
	}
	v.EnableKV("secret", 2)
	for i := range n {
		v.PutKV("secret", secretPath(i), secretData(i, 0))
	}
	j := job{dir: filepath.Join(dir, "job"), address: connection().Address, role: role, secret: secret, templates: n, paths: n}
	if err := os.MkdirAll(j.file("out"), 0o755); err != nil {
		return scaled{}, fmt.Errorf("prepare job: %w", err)
	}
	found := scaled{N: n}
	with, err := found.runAgent(ctx, j, v)
	if err != nil {
		return found, err
	}
	without := heap()
	runtime.KeepAlive(v)
	found.Heap = difference(with, without)
	return found, j.check()
}

// runAgent runs an agent until it has delivered everything, and returns the heap
// at that time. When it returns nothing refers to the agent any more.
func (s *scaled) runAgent(ctx context.Context, j job, v http.RoundTripper) (uint64, error) {
	o, err := agentOptions(j, v)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before, begin := runtime.NumGoroutine(), time.Now()
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx, o); cancel() }()
	err = await(ctx, "delivery", func() (bool, error) { return agent.CheckReady(ctx, o.Socket) == nil, nil })
	s.Ready = time.Since(begin)
	var live uint64
	if err == nil {
		live, err = s.rest(ctx, before)
	}
	cancel()
	return live, errors.Join(err, <-ended)
}

// rest reads the heap and, once their number has settled, the goroutines.
func (s *scaled) rest(ctx context.Context, before int) (uint64, error) {
	live := heap()
	last := -1
	err := await(ctx, "goroutines to settle", func() (bool, error) {
		now := runtime.NumGoroutine()
		same := now == last
		last = now
		return same, nil
	})
	s.Goroutines = last - before
	return live, err
}

// agentOptions does for a job what the command does for a document.
func agentOptions(j job, v http.RoundTripper) (agent.Options, error) {
	text, err := json.Marshal(j.document())
	if err != nil {
		return agent.Options{}, fmt.Errorf("make document: %w", err)
	}
	document, _, err := agentfile.Decode("agent.json", text)
	if err != nil {
		return agent.Options{}, err
	}
	if err := document.Validate(); err != nil {
		return agent.Options{}, err
	}
	settings, err := config.Load(config.LoadOptions{LookupEnv: noEnv, Document: document.Settings(), DocumentName: "the agent's document"})
	if err != nil {
		return agent.Options{}, err
	}
	agent.Apply(settings, document)
	return agent.Options{
		Config: settings, Document: document, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(),
		Socket: j.file("s"), Transport: v, Version: "bench",
	}, nil
}
