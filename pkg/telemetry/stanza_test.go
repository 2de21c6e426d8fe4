package telemetry_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestReadStanza(t *testing.T) {
	cases := map[string]struct {
		block map[string]any
		want  telemetry.Stanza
	}{
		"no block":         {want: telemetry.Stanza{Prometheus: true}},
		"the usual":        {block: map[string]any{"disable_hostname": true, "prometheus_retention_time": "24h0m0s"}, want: telemetry.Stanza{Prometheus: true}},
		"prometheus off":   {block: map[string]any{"prometheus_retention_time": "0s"}, want: telemetry.Stanza{}},
		"other retention":  {block: map[string]any{"prometheus_retention_time": "10s"}, want: telemetry.Stanza{Prometheus: true}},
		"host in names":    {block: map[string]any{"disable_hostname": false}, want: telemetry.Stanza{Prometheus: true, WithoutEffect: []string{"disable_hostname"}}},
		"as it is anyway":  {block: map[string]any{"filter_default": true, "enable_hostname_label": false, "statsd_address": "", "prefix_filter": []string{}}, want: telemetry.Stanza{Prometheus: true}},
		"pushed elsewhere": {block: map[string]any{"statsite_address": "a:1", "dogstatsd_tags": []string{"x"}, "enable_hostname_label": true, "filter_default": false, "maximum_gauge_cardinality": int64(500), "circonus_api_token": "canary"}, want: telemetry.Stanza{Prometheus: true, WithoutEffect: []string{"circonus_api_token", "dogstatsd_tags", "enable_hostname_label", "filter_default", "maximum_gauge_cardinality", "statsite_address"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, telemetry.ReadStanza(tc.block)); diff != "" {
				t.Errorf("stanza (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSetLevel(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			log, _, err := telemetry.NewLogger(config.Log{Level: "warn", Format: format}, &out)
			if err != nil {
				t.Fatal(err)
			}
			derived := log.With("a", 1).WithGroup("g")
			say := func(want int) {
				t.Helper()
				out.Reset()
				log.Debug("m")
				derived.Info("m")
				if got := strings.Count(out.String(), "\n"); got != want {
					t.Errorf("%d lines, want %d: %s", got, want, &out)
				}
			}
			say(0)
			if !telemetry.SetLevel(log, "debug") || telemetry.SetLevel(log, "debug") {
				t.Error("wrong news of a change")
			}
			say(2)
			if !strings.Contains(out.String(), "a=1") && !strings.Contains(out.String(), `"a":1`) {
				t.Errorf("the derived logger lost its fields: %s", &out)
			}
			if !telemetry.SetLevel(derived, "info") {
				t.Error("a derived logger does not change the level of all")
			}
			say(1)
		})
	}
	if telemetry.SetLevel(slog.New(slog.DiscardHandler), "debug") {
		t.Error("the level of a logger of somebody else was changed")
	}
}

func TestSetLevelWhileInUse(t *testing.T) {
	log, _, err := telemetry.NewLogger(config.Log{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for range 100 {
			log.Debug("m")
		}
	})
	for _, name := range []string{"debug", "error", "trace", "info"} {
		telemetry.SetLevel(log, name)
	}
	tasks.Wait()
}
