package session_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// TestCounts: the numbers that the old operator had, of searches for sessions.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		settings := telemetry.OperatorConfig{}
		for _, name := range []string{
			"backoffInitialInterval", "backoffMaxInterval", "backoffMaxElapsedTime", "backoffMultiplier", "backoffRandomizationFactor",
			"clientCachePersistenceModel", "clientCacheSize", "globalTransformationOptions", "globalVaultAuthOptions", "maxConcurrentReconciles",
		} {
			settings[name] = ""
		}
		m := telemetry.NewMetrics()
		numbers := m.AddOperator("v1.2.3", settings, func() telemetry.OperatorState { return telemetry.OperatorState{} })
		s, stop := w.start(func(o *session.Options) { o.Metrics = numbers })
		eu := orders
		eu.VaultNamespace = "eu"
		for _, ask := range []session.Ask{orders, orders, eu, eu, eu} {
			in(t, s, ask)
		}
		missing := orders
		missing.AuthRef = "none"
		if _, err := s.For(t.Context(), missing); err == nil {
			t.Error("there is a session without a VaultAuth")
		}
		stop()
		families, err := m.Registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			name, ok := strings.CutPrefix(f.GetName(), "vso_client_")
			if ok && (strings.HasPrefix(name, "clone") || strings.HasPrefix(name, "factory")) {
				got[name] = f.GetMetric()[0].GetCounter().GetValue() + float64(f.GetMetric()[0].GetHistogram().GetSampleCount())
			}
		}
		want := map[string]float64{
			"clone_cache_hits": 2, "clone_cache_misses": 1, "clone_cache_evictions": 0,
			"factory_requests_total": 6, "factory_requests_errors_total": 1, "factory_operations_time_seconds": 6,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	})
}
