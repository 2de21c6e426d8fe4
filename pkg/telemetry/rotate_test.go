package telemetry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestLogRotation(t *testing.T) {
	cases := map[string]struct {
		limits config.Log
		want   int // files put aside after ten lines, an hour apart
	}{
		"never":             {config.Log{}, 0},
		"by size":           {config.Log{RotateBytes: 100}, 9}, // a line has about 60 bytes
		"by age":            {config.Log{RotateDuration: 3 * time.Hour}, 3},
		"keeps the newest":  {config.Log{RotateBytes: 100, RotateMaxFiles: 2}, 2},
		"keeps none":        {config.Log{RotateBytes: 100, RotateMaxFiles: -1}, 0},
		"one line too long": {config.Log{RotateBytes: 1}, 9},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				tc.limits.File = filepath.Join(dir, "a.log")
				log, closeLog, err := telemetry.NewLogger(tc.limits, nil)
				if err != nil {
					t.Fatal(err)
				}
				for range 10 {
					log.Info("a line of the log")
					<-time.After(time.Hour)
				}
				if err := closeLog(); err != nil {
					t.Fatal(err)
				}
				old, err := filepath.Glob(filepath.Join(dir, "a-*.log"))
				if err != nil || len(old) != tc.want {
					t.Errorf("%d files put aside, want %d: %v", len(old), tc.want, old)
				}
				lines := 0
				for _, name := range append(old, tc.limits.File) {
					content, err := os.ReadFile(name)
					if err != nil {
						t.Fatal(err)
					}
					lines += strings.Count(string(content), "a line of the log\"\n")
				}
				if tc.limits.RotateMaxFiles == 0 && lines != 10 {
					t.Errorf("%d whole lines in all files, want 10", lines)
				}
			})
		})
	}
}

func TestLogAppendsAcrossARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	for range 2 {
		log, closeLog, err := telemetry.NewLogger(config.Log{File: path}, nil)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("started")
		if err := closeLog(); err != nil {
			t.Fatal(err)
		}
	}
	if content, err := os.ReadFile(path); err != nil || strings.Count(string(content), "msg=started") != 2 {
		t.Errorf("log = %q, %v", content, err)
	}
}
