package telemetry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// TestMountDurations shows the buckets of mount times, with a mount on a bound and
// one that took longer than all bounds.
func TestMountDurations(t *testing.T) {
	m := telemetry.NewMetrics()
	csi := m.AddCSI(func() telemetry.CSIState { return telemetry.CSIState{} })
	for _, seconds := range []float64{0, .005, .2, 30, 61} {
		csi.Duration.Observe(seconds)
	}
	var got []string
	for line := range strings.Lines(scrape(t, m)) {
		if rest, ok := strings.CutPrefix(line, "vaultk8s_csi_mount_duration_seconds_"); ok {
			got = append(got, strings.TrimSpace(rest))
		}
	}
	var want []string
	for _, b := range []struct {
		bound string
		count int
	}{
		{"0.005", 2},
		{"0.01", 2},
		{"0.025", 2},
		{"0.05", 2},
		{"0.1", 2},
		{"0.25", 3},
		{"0.5", 3},
		{"1", 3},
		{"2.5", 3},
		{"5", 3},
		{"10", 3},
		{"30", 4},
		{"60", 4},
		{"+Inf", 5},
	} {
		want = append(want, fmt.Sprintf("bucket{le=%q} %d", b.bound, b.count))
	}
	want = append(want, "sum 91.205", "count 5")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSummaryLeavesHistogramsOut: the agent's form in JSON knows none.
func TestSummaryLeavesHistogramsOut(t *testing.T) {
	m := telemetry.NewMetrics()
	m.AddCSI(func() telemetry.CSIState { return telemetry.CSIState{} }).Duration.Observe(1)
	if text := get(t, telemetry.MetricsHandler(m, true), "/agent/v1/metrics").Body.String(); strings.Contains(text, "mount_duration") {
		t.Errorf("%s", text)
	}
}
