package operator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/serve"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// serve opens the ports, and answers there as one of the tasks.
func (p *program) serve(ctx context.Context, tasks *errgroup.Group, listening func(string, string)) error {
	var metrics, health, profile string
	secure, err := p.secure()
	if err != nil {
		return err
	}
	for _, port := range []struct {
		address string
		tls     *serve.TLS
		handler http.Handler
		at      *string
	}{
		{p.config.MetricsAddress, secure, p.metricsHandler(), &metrics},
		{p.config.HealthAddress, nil, p.healthHandler(), &health},
		{p.config.PprofAddress, nil, profiles(), &profile},
	} {
		if port.address == "" || port.address == "0" {
			continue
		}
		l, err := serve.Listen(ctx, serve.Spec{
			Network: "tcp", Address: port.address, TLS: port.tls,
			OnError: func(err error) { p.log.Warn("connection failed", telemetry.FieldError, err.Error()) },
		})
		if err != nil {
			return err
		}
		*port.at = l.Addr().String()
		tasks.Go(func() error { return serve.Serve(ctx, l, port.handler) })
	}
	p.log.Info("operator listens", "metrics", metrics, "health", health, "pprof", profile)
	if listening != nil {
		listening(metrics, health)
	}
	return nil
}

// metricsHandler serves our metrics and those of the libraries, whose registry is
// another one.
func (p *program) metricsHandler() http.Handler {
	all := prometheus.Gatherers{p.metrics.Registry, ctrlmetrics.Registry}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	if p.config.MetricsSecure {
		return &admission{next: mux, cluster: p.cluster}
	}
	return mux
}

// healthHandler answers probes. None of them depends on Vault but /vaultz, which no
// probe should ask: a restart of the operator mends no Vault.
func (p *program) healthHandler() http.Handler {
	mux := http.NewServeMux()
	alive := func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") }
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /livez", alive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !p.filled.Load() {
			answer(w, http.StatusServiceUnavailable, "the cache is not filled yet")
			return
		}
		answer(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /vaultz", func(w http.ResponseWriter, _ *http.Request) {
		if names, count := p.board.away(); count > 0 {
			answer(w, http.StatusServiceUnavailable, fmt.Sprintf("%d VaultConnections are not ready: %s", count, strings.Join(names, ", ")))
			return
		}
		answer(w, http.StatusOK, "ok")
	})
	return mux
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // the caller has gone if this fails
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// state is what the metrics tell of this moment.
func (p *program) state() telemetry.OperatorState {
	p.mu.Lock()
	held := map[int]bool{}
	for index := range p.terms {
		held[index] = true
	}
	sessions := p.sessions
	p.mu.Unlock()
	_, away := p.board.away()
	s := telemetry.OperatorState{
		Shards: len(held), Unhealthy: away, OtherOperators: int(p.others.Load()), SessionLimit: p.config.ClientCacheSize,
		Encrypted: p.config.PersistenceModel == config.PersistEncrypted, Objects: p.tally.Objects(),
	}
	if sessions != nil {
		now := sessions.State()
		s.Sessions, s.KeptSessions = now.Sessions, now.Kept
	}
	s.ObjectsReady, s.ObjectsUnready = p.board.count(held)
	return s
}

// shown is what vso_runtime_config tells.
func shown(o config.Operator) telemetry.OperatorConfig {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	return telemetry.OperatorConfig{
		"backoffInitialInterval": o.BackoffInitial.String(), "backoffMaxInterval": o.BackoffMax.String(),
		"backoffMaxElapsedTime": o.BackoffMaxElapsed.String(), "backoffMultiplier": number(o.BackoffMultiplier),
		"backoffRandomizationFactor":  number(o.BackoffRandomization),
		"clientCachePersistenceModel": o.PersistenceModel, "clientCacheSize": strconv.Itoa(o.ClientCacheSize),
		"globalTransformationOptions": strings.Join(o.TransformationOptions, ","),
		"globalVaultAuthOptions":      strings.Join(o.VaultAuthOptions, ","), "maxConcurrentReconciles": strconv.Itoa(o.MaxConcurrent),
	}
}
