package telemetry_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// lines returns the samples of a scrape whose names begin so.
func lines(t *testing.T, m *telemetry.Metrics, prefix string) []string {
	t.Helper()
	var found []string
	for line := range strings.Lines(scrape(t, m)) {
		if strings.HasPrefix(line, prefix) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func at(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }

func TestSecretsHaveSeries(t *testing.T) {
	cases := map[string]struct {
		list []telemetry.SecretStat
		want []string
	}{
		"none": {want: []string{}},
		"all is known": {
			list: []telemetry.SecretStat{{Secret: "read database/creds/app", Identity: "db", Read: at(100.5), Expires: at(4000), Version: 7, Changes: 2}},
			want: []string{
				`vaultk8s_secret_changes_total{identity="db",secret="read database/creds/app"} 2`,
				`vaultk8s_secret_errors_total{identity="db",secret="read database/creds/app"} 0`,
				`vaultk8s_secret_expiry_timestamp_seconds{identity="db",secret="read database/creds/app"} 4000`,
				`vaultk8s_secret_read_timestamp_seconds{identity="db",secret="read database/creds/app"} 100.5`,
				`vaultk8s_secret_version{identity="db",secret="read database/creds/app"} 7`,
			},
		},
		"not held yet": {
			list: []telemetry.SecretStat{{Secret: "read a"}},
			want: []string{`vaultk8s_secret_changes_total{identity="",secret="read a"} 0`, `vaultk8s_secret_errors_total{identity="",secret="read a"} 0`},
		},
		"same names, the worst counts": {
			list: []telemetry.SecretStat{
				{Secret: "write pki/issue/x (ttl)", Read: at(20), Expires: at(70), Version: 3, Changes: 1},
				{Secret: "write pki/issue/x (ttl)", Read: at(10), Expires: at(80), Version: 2, Changes: 4},
				{Secret: "write pki/issue/x (ttl)", Version: 9},
			},
			want: []string{
				`vaultk8s_secret_changes_total{identity="",secret="write pki/issue/x (ttl)"} 5`,
				`vaultk8s_secret_errors_total{identity="",secret="write pki/issue/x (ttl)"} 0`,
				`vaultk8s_secret_expiry_timestamp_seconds{identity="",secret="write pki/issue/x (ttl)"} 70`,
				`vaultk8s_secret_read_timestamp_seconds{identity="",secret="write pki/issue/x (ttl)"} 10`,
				`vaultk8s_secret_version{identity="",secret="write pki/issue/x (ttl)"} 2`,
			},
		},
		"names that are not UTF-8": {
			list: []telemetry.SecretStat{{Secret: "read \xff"}, {Secret: "read \xfe"}},
			want: []string{`vaultk8s_secret_changes_total{identity="",secret="read �"} 0`, `vaultk8s_secret_errors_total{identity="",secret="read �"} 0`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := telemetry.NewMetrics()
			before := slices.Clone(tc.list)
			m.AddSecrets(func() []telemetry.SecretStat { return tc.list })
			got := slices.DeleteFunc(lines(t, m, "vaultk8s_secret_"), func(line string) bool { return strings.HasPrefix(line, "vaultk8s_secret_reads") })
			if diff := cmp.Diff(append([]string{}, tc.want...), append([]string{}, got...)); diff != "" {
				t.Errorf("series (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tc.list); diff != "" {
				t.Errorf("the list was changed:\n%s", diff)
			}
		})
	}
}

func TestTemplatesHaveSeries(t *testing.T) {
	m := telemetry.NewMetrics()
	list := []telemetry.TemplateStat{{Destination: "/b", Rendered: at(5)}, {Destination: "/a", Rendered: at(3), Delivered: at(2)}, {Destination: "/b"}}
	m.AddTemplates(func() []telemetry.TemplateStat { return list })
	m.TemplateFailed("/a")
	m.TemplateFailed("/a")
	m.TemplateFailed("/gone")
	want := []string{
		`vaultk8s_template_delivered_timestamp_seconds{destination="/a"} 2`,
		`vaultk8s_template_errors_total{destination="/a"} 2`,
		`vaultk8s_template_errors_total{destination="/b"} 0`,
		`vaultk8s_template_rendered_timestamp_seconds{destination="/a"} 3`,
		`vaultk8s_template_rendered_timestamp_seconds{destination="/b"} 5`,
	}
	if diff := cmp.Diff(want, lines(t, m, "vaultk8s_template_")); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestSeriesEndWithWhatTheyAreAbout(t *testing.T) {
	m := telemetry.NewMetrics()
	list := []telemetry.SecretStat{{Secret: "a"}, {Secret: "b"}}
	m.AddSecrets(func() []telemetry.SecretStat { return list })
	for _, name := range []string{"a", "b", "b"} {
		m.SecretFailed(name, "")
	}
	want := func(reason string, all ...string) {
		t.Helper()
		if diff := cmp.Diff(all, lines(t, m, "vaultk8s_secret_errors")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
	want("both", `vaultk8s_secret_errors_total{identity="",secret="a"} 1`, `vaultk8s_secret_errors_total{identity="",secret="b"} 2`)
	list = list[:1]
	want("one is gone", `vaultk8s_secret_errors_total{identity="",secret="a"} 1`)
	list = []telemetry.SecretStat{{Secret: "a"}, {Secret: "b"}}
	want("one that came back counts from nothing", `vaultk8s_secret_errors_total{identity="",secret="a"} 1`, `vaultk8s_secret_errors_total{identity="",secret="b"} 0`)
}

func TestSeriesAreBounded(t *testing.T) {
	m := telemetry.NewMetrics()
	var secrets []telemetry.SecretStat
	var templates []telemetry.TemplateStat
	for i := range 1003 {
		secrets = append(secrets, telemetry.SecretStat{Secret: fmt.Sprintf("read %04d", 1002-i), Read: at(1)})
		templates = append(templates, telemetry.TemplateStat{Destination: fmt.Sprintf("/%04d", i)})
		m.SecretFailed(fmt.Sprintf("never listed %d", i), "")
		m.TemplateFailed(fmt.Sprintf("never listed %d", i))
	}
	m.AddSecrets(func() []telemetry.SecretStat { return secrets })
	m.AddTemplates(func() []telemetry.TemplateStat { return templates[:1002] })
	read := lines(t, m, "vaultk8s_secret_read_")
	if len(read) != 1000 || !strings.Contains(read[0], "read 0000") || !strings.Contains(read[999], "read 0999") {
		t.Errorf("%d series from %s to %s", len(read), read[0], read[len(read)-1])
	}
	want := []string{`vaultk8s_series_omitted{list="secrets"} 3`, `vaultk8s_series_omitted{list="templates"} 2`}
	if diff := cmp.Diff(want, lines(t, m, "vaultk8s_series_omitted")); diff != "" {
		t.Errorf("omitted (-want +got):\n%s", diff)
	}
}

// TestErrorsAreCountedWhileTheOwnerListsThem would hang if a scrape asked for
// the lists with the lock that counting takes.
func TestErrorsAreCountedWhileTheOwnerListsThem(t *testing.T) {
	m := telemetry.NewMetrics()
	var owner sync.Mutex
	m.AddSecrets(func() []telemetry.SecretStat {
		m.SecretFailed("a", "")
		owner.Lock()
		defer owner.Unlock()
		return []telemetry.SecretStat{{Secret: "a"}}
	})
	var tasks sync.WaitGroup
	for range 4 {
		tasks.Go(func() {
			for range 20 {
				owner.Lock()
				m.SecretFailed("a", "")
				m.TemplateFailed("/a")
				owner.Unlock()
			}
		})
		tasks.Go(func() {
			for range 5 {
				get(t, telemetry.MetricsHandler(m, true), "/agent/v1/metrics")
			}
		})
	}
	tasks.Wait()
	want := fmt.Sprintf(`vaultk8s_secret_errors_total{identity="",secret="a"} %d`, 4*20+4*5+1)
	if got := lines(t, m, "vaultk8s_secret_errors"); !slices.Equal(got, []string{want}) {
		t.Errorf("series %v, want %s", got, want)
	}
}

func TestBuildInfo(t *testing.T) {
	m := telemetry.NewMetrics()
	m.AddBuildInfo("v1.2.3")
	got := lines(t, m, "vaultk8s_build_info")
	if len(got) != 1 || !strings.Contains(got[0], `version="v1.2.3"`) || !strings.Contains(got[0], `goversion="go1.`) || !strings.HasSuffix(got[0], " 1") {
		t.Errorf("build info %v", got)
	}
}

func TestRuntimeNumbersAreThoseOfTheRuntime(t *testing.T) {
	m := telemetry.NewMetrics()
	for _, line := range lines(t, m, "vault_runtime_") {
		var value float64
		name, text, _ := strings.Cut(line, " ")
		if _, err := fmt.Sscan(text, &value); err != nil {
			t.Fatal(err)
		}
		positive := name != "vault_runtime_total_gc_runs" && name != "vault_runtime_total_gc_pause_ns" && name != "vault_runtime_free_count"
		if value < 0 || math.IsInf(value, 0) || (positive && value == 0) {
			t.Errorf("%s", line)
		}
	}
	if n := len(lines(t, m, "vault_runtime_")); n != 8 {
		t.Errorf("%d numbers of the runtime, want 8", n)
	}
}
