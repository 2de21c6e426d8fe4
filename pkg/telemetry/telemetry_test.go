package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestLoggerLevelsAndFormats(t *testing.T) {
	cases := map[string]struct {
		config config.Log
		want   []string // levels that are shown
	}{
		"trace":   {config.Log{Level: "trace"}, []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}},
		"debug":   {config.Log{Level: "debug"}, []string{"DEBUG", "INFO", "WARN", "ERROR"}},
		"default": {config.Log{}, []string{"INFO", "WARN", "ERROR"}},
		"warn":    {config.Log{Level: "warn"}, []string{"WARN", "ERROR"}},
		"error":   {config.Log{Level: "error", Format: "json"}, []string{"ERROR"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log, closeLog, err := telemetry.NewLogger(tc.config, &out)
			if err != nil {
				t.Fatal(err)
			}
			for _, level := range []slog.Level{telemetry.LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				log.Log(t.Context(), level, "m")
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != len(tc.want) {
				t.Fatalf("%d lines, want %d: %s", len(lines), len(tc.want), out.String())
			}
			for i, level := range tc.want {
				if !strings.Contains(lines[i], level) {
					t.Errorf("line %d = %s, want level %s", i, lines[i], level)
				}
			}
			if tc.config.Format == "json" && !json.Valid([]byte(lines[0])) {
				t.Errorf("not JSON: %s", lines[0])
			}
			if err := closeLog(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLogFile(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"file": filepath.Join(dir, "x.log"), "directory": dir} {
		t.Run(name, func(t *testing.T) {
			log, closeLog, err := telemetry.NewLogger(config.Log{File: path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			log.Info("hello")
			if err := closeLog(); err != nil {
				t.Fatal(err)
			}
			if path == dir {
				path = filepath.Join(dir, "agent.log")
			}
			if content, err := os.ReadFile(path); err != nil || !strings.Contains(string(content), "msg=hello") {
				t.Errorf("%s = %q, %v", path, content, err)
			}
		})
	}
	_, _, err := telemetry.NewLogger(config.Log{File: dir + "/missing/x.log"}, nil)
	if want := `open log file "` + dir + `/missing/x.log": open ` + dir + `/missing/x.log: no such file or directory`; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}

func TestHandler(t *testing.T) {
	var notReady error
	m := telemetry.NewMetrics()
	m.Deliveries.WithLabelValues(telemetry.Outcome(nil)).Inc()
	m.Deliveries.WithLabelValues(telemetry.Outcome(errors.New("x"))).Inc()
	m.AddNumber("vaultk8s_scheduled", func() float64 { return 42 })
	h := telemetry.Handler(m, func() error { return notReady })
	cases := []struct {
		method, path string
		notReady     error
		status       int
		want         string
	}{
		{http.MethodGet, "/livez", errors.New("x"), http.StatusOK, "ok\n"},
		{http.MethodGet, "/readyz", nil, http.StatusOK, "ok\n"},
		{http.MethodGet, "/readyz", errors.New("waits for a thing"), http.StatusServiceUnavailable, "waits for a thing\n"},
		{http.MethodGet, "/metrics", nil, http.StatusOK, `vaultk8s_deliveries_total{outcome="failed"} 1`},
		{http.MethodGet, "/metrics", nil, http.StatusOK, "vaultk8s_scheduled 42"},
		{http.MethodPost, "/livez", nil, http.StatusMethodNotAllowed, ""},
		{http.MethodGet, "/other", nil, http.StatusNotFound, ""},
	}
	for _, tc := range cases {
		notReady = tc.notReady
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, nil))
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s %s = %d %q, want %d %q", tc.method, tc.path, w.Code, w.Body.String(), tc.status, tc.want)
		}
	}
}
