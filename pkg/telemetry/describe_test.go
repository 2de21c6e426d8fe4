package telemetry_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// ours is what the names of described metrics begin with.
const ours = `(?:vault|vso_|controller_resource_)`

func addOperator(m *telemetry.Metrics) {
	settings := telemetry.OperatorConfig{}
	for _, name := range []string{
		"backoffInitialInterval", "backoffMaxInterval", "backoffMaxElapsedTime", "backoffMultiplier", "backoffRandomizationFactor",
		"clientCachePersistenceModel", "clientCacheSize", "globalTransformationOptions", "globalVaultAuthOptions", "maxConcurrentReconciles",
	} {
		settings[name] = "x"
	}
	o := m.AddOperator("v1.2.3", settings, func() telemetry.OperatorState {
		return telemetry.OperatorState{
			Sessions: 1, Encrypted: true, ObjectsReady: map[string]int{"VaultStaticSecret": 3}, ObjectsUnready: map[string]int{"VaultStaticSecret": 1},
			Objects: []telemetry.ObjectStat{{
				Kind: "VaultDynamicSecret", Controller: "vaultdynamicsecret", Namespace: "shop", Name: "db",
				Looked: true, Healthy: true, Synced: time.Unix(1, 0), Expires: time.Unix(2, 0), Syncs: 3,
			}},
		}
	})
	o.StorageOperations.WithLabelValues("store").Inc()
	o.StorageErrors.WithLabelValues("store").Inc()
	o.Requests.WithLabelValues("read", "default/default").Inc()
	o.RequestErrors.WithLabelValues("read", "default/default").Inc()
	o.RequestDuration.WithLabelValues("read", "default/default").Observe(1)
	o.AskedDuration.WithLabelValues("session", "get").Observe(0.01)
	o.StorageRequests.WithLabelValues("store").Inc()
	o.StorageRequestErrors.WithLabelValues("store").Inc()
	o.SecretWrites.WithLabelValues("VaultStaticSecret", telemetry.OutcomeOK).Inc()
	o.StatusWrites.WithLabelValues("VaultStaticSecret").Inc()
	o.Restarts.WithLabelValues(telemetry.OutcomeOK).Inc()
}

// everything makes metrics in which each described one has a series.
func everything(t *testing.T) *telemetry.Metrics {
	t.Helper()
	m := telemetry.NewMetrics()
	m.AddBuildInfo("v1.2.3")
	for _, name := range []string{
		"vaultk8s_templates", "vaultk8s_templates_rendered", "vaultk8s_scheduled", "vaultk8s_token_expiry_timestamp_seconds",
	} {
		m.AddNumber(name, func() float64 { return 1 })
	}
	m.Reads.WithLabelValues("first read", telemetry.Outcome(nil)).Inc()
	m.Renewals.WithLabelValues(telemetry.Outcome(errors.New("x"))).Inc()
	m.Deliveries.WithLabelValues(telemetry.OutcomeOK).Inc()
	m.Commands.WithLabelValues(telemetry.OutcomeOK).Inc()
	csi := m.AddCSI(func() telemetry.CSIState { return telemetry.CSIState{Volumes: 1, Logins: 1, Degraded: 1} })
	csi.Calls.WithLabelValues("OK").Inc()
	csi.Logins.WithLabelValues(telemetry.OutcomeOK).Inc()
	csi.Revoked.WithLabelValues(telemetry.OutcomeOK).Inc()
	addOperator(m)
	now := time.Unix(1795262400, 0)
	m.AddSecrets(func() []telemetry.SecretStat {
		return []telemetry.SecretStat{{Secret: "read secret/data/app", Read: now, Expires: now, Version: 3, Changes: 1}}
	})
	m.AddTemplates(func() []telemetry.TemplateStat {
		return []telemetry.TemplateStat{{Destination: "/vault/secrets/app", Rendered: now, Delivered: now}}
	})
	return m
}

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// scrape returns the text that Prometheus gets.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := get(t, telemetry.Handler(m, func() error { return nil }), "/metrics")
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestEveryMetricIsDescribedAndTheReverse compares what a scrape shows with the
// table, apart from the metrics that client_golang brings.
func TestEveryMetricIsDescribedAndTheReverse(t *testing.T) {
	type shown struct{ Type, Help string }
	got, labels := map[string]shown{}, map[string]string{}
	for line := range strings.Lines(scrape(t, everything(t))) {
		word := strings.SplitN(strings.TrimSpace(line), " ", 4)
		switch {
		case word[0] == "#" && !regexp.MustCompile("^"+ours).MatchString(word[2]):
		case word[0] == "#" && word[1] == "HELP":
			got[word[2]] = shown{Help: word[3]}
		case word[0] == "#":
			got[word[2]] = shown{Type: word[3], Help: got[word[2]].Help}
		default:
			name, rest, _ := strings.Cut(line, "{")
			for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(rest, -1) {
				labels[name] += label[1] + " "
			}
		}
	}
	want := map[string]shown{}
	for _, d := range telemetry.Descriptions() {
		if _, twice := want[d.Name]; twice {
			t.Errorf("%s is described twice", d.Name)
		}
		want[d.Name] = shown{Type: d.Type, Help: d.Meaning}
		if d.Type == telemetry.TypeHistogram {
			labels[d.Name] = labels[d.Name+"_count"]
		}
		for _, label := range d.Labels {
			if !strings.Contains(labels[d.Name], label+" ") {
				t.Errorf("%s is shown with the labels %q, without %s", d.Name, labels[d.Name], label)
			}
		}
		if n := len(strings.Fields(labels[d.Name])); len(d.Labels) == 0 && n > 0 {
			t.Errorf("%s is shown with the labels %q, described with none", d.Name, labels[d.Name])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-described +shown):\n%s", diff)
	}
}

func TestPanelsNameOnlyDescribedMetrics(t *testing.T) {
	types := map[string]string{}
	titles := map[string]bool{}
	for _, d := range telemetry.Descriptions() {
		types[d.Name] = d.Type
	}
	for _, d := range telemetry.Descriptions() {
		if titles[d.Panel.Title] || d.Panel.Title == "" || d.Panel.Unit == "" {
			t.Errorf("%s: the panel needs a unit and a title of its own: %+v", d.Name, d.Panel)
		}
		titles[d.Panel.Title] = true
		found := regexp.MustCompile(`\b`+ours+`\w+`).FindAllString(d.Panel.Query, -1)
		for i, name := range found {
			if whole := strings.TrimSuffix(name, "_bucket"); types[whole] == telemetry.TypeHistogram {
				found[i] = whole
			}
		}
		if !slices.Contains(found, d.Name) {
			t.Errorf("the query of %s does not ask for it: %s", d.Name, d.Panel.Query)
		}
		for _, name := range found {
			if types[name] == "" {
				t.Errorf("the query of %s asks for %s, which is not described", d.Name, name)
			}
		}
		if strings.Count(d.Panel.Query, "(") != strings.Count(d.Panel.Query, ")") {
			t.Errorf("the query of %s has unequal parentheses: %s", d.Name, d.Panel.Query)
		}
	}
}

func TestUnknownNumber(t *testing.T) {
	defer func() {
		if got := recover(); got != "metric vaultk8s_unknown is not one of those that are asked for" {
			t.Errorf("panic %v", got)
		}
	}()
	telemetry.NewMetrics().AddNumber("vaultk8s_unknown", func() float64 { return 0 })
}

// metricsPage is docs/metrics.md around its tables.
const metricsPage = `# Metrics

This page is made from the descriptions in ` + "`pkg/telemetry`" + `; change them there, then run
` + "`go test ./pkg/telemetry -update`" + `.

` + "`telemetry.address`" + ` (or ` + "`--telemetry-address`" + `) serves ` + "`/metrics`, `/livez` and `/readyz`" + `; the status socket of an
agent does, too. A listener of an agent document serves ` + "`/agent/v1/metrics`" + ` as the Vault Agent does: with
` + "`?format=prometheus`" + ` or an ` + "`Accept`" + ` header of Prometheus in its form, else as a summary in JSON.

Names that begin with ` + "`vault_`" + ` are those of the Vault Agent with ` + "`disable_hostname = true`" + `, so that dashboards go on
working. The usual ` + "`go_*` and `process_*`" + ` metrics are there besides. Label values are names and never secret values:
of a secret's parameters only the names are shown.

Series of a template or a secret end with it. At most 1000 templates and 1000 secrets of one process, the first in
the order of their names, have series of their own; ` + "`vaultk8s_series_omitted`" + ` counts the rest. Secrets that differ only
in the values of parameters share one series, which shows the oldest read, the first end and the lowest version.
`

// TestPage writes or compares docs/metrics.md.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(metricsPage)
	b.WriteString("\n## What there is\n\n| metric | type | labels | modes | meaning |\n|---|---|---|---|---|\n")
	for _, d := range telemetry.Descriptions() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Name, d.Type, quoted(d.Labels), d.Modes, d.Meaning)
	}
	b.WriteString("\n## Panels\n\nOne row for each panel of a dashboard, with the names that Grafana has for units.\n\n" +
		"| title | query | unit | look when |\n|---|---|---|---|\n")
	for _, d := range telemetry.Descriptions() {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", d.Panel.Title, strings.ReplaceAll(d.Panel.Query, "|", `\|`), d.Panel.Unit, d.Panel.Threshold)
	}
	b.WriteString("\n## The Vault Agent's summary in JSON\n\nIts counters and rates are those of the newest ten seconds there; here they are those since the start.\n\n| in JSON | for Prometheus |\n|---|---|\n")
	dotted := map[string]string{}
	for _, d := range telemetry.Descriptions() {
		if d.Dotted != "" {
			dotted[d.Dotted] = d.Name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dotted)) {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", name, dotted[name])
	}
	golden.Compare(t, []byte(b.String()), "../../docs/metrics.md")
}

func quoted(labels []string) string {
	if len(labels) == 0 {
		return "–"
	}
	return "`" + strings.Join(labels, "`, `") + "`"
}
