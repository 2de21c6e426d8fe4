package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is a stand-in for an OpenTelemetry collector.
type collector struct {
	mu     sync.Mutex
	status int // of its answers
	spans  []string
	text   strings.Builder // all that it got, in readable form
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data otlp.TracesData
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Api-Key") != "of the collector" {
		fmt.Fprintf(&c.text, "wrong request: %v %s %v\n", err, r.URL.Path, r.Header)
		http.Error(w, "wrong", http.StatusBadRequest)
		return
	}
	w.WriteHeader(c.status)
	if c.status != http.StatusOK {
		return
	}
	c.text.WriteString(data.String())
	for _, of := range data.GetResourceSpans() {
		for _, scoped := range of.GetScopeSpans() {
			for _, s := range scoped.GetSpans() {
				c.spans = append(c.spans, describe(of.GetResource().GetAttributes(), s))
			}
		}
	}
}

// describe names a span with its service and what it tells.
func describe(resource []*common.KeyValue, s *otlp.Span) string {
	words := []string{attribute(resource, "service.name"), s.GetName()}
	for _, key := range []string{"destination", "command", "http.request.method", "url.path"} {
		if value := attribute(s.GetAttributes(), key); value != "" {
			words = append(words, value)
		}
	}
	return strings.Join(words, " ")
}

func attribute(all []*common.KeyValue, key string) string {
	for _, a := range all {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

func (c *collector) got() (spans []string, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans), c.text.String()
}

func (c *collector) answer(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

// collected has the pod's agents send their traces, to a collector that answers
// with a status.
func (p *pod) collected(status int) *collector {
	p.t.Helper()
	c := &collector{status: status}
	s := httptest.NewServer(c)
	p.t.Cleanup(func() {
		s.Close()
		_, text := c.got()
		p.note(text)
	})
	p.env = append(p.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+s.URL, "OTEL_EXPORTER_OTLP_HEADERS=api-key=of%20the%20collector")
	return c
}

// TestTracesOfADelivery finds the story of an agent in its spans, and no secret.
func TestTracesOfADelivery(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	c := p.collected(http.StatusOK)
	p.dynamic(time.Hour, time.Hour)
	p.delivers(db + strings.Replace(kv, `out/kv"`, `out/kv"`+"\n  command = \"touch DIR/ran\"", 1))
	p.secretly(p.login("out/db").password)
	spans, text := c.got()
	for _, want := range []string{
		"vaultk8s-agent deliver DIR/out/kv", "vaultk8s-agent deliver DIR/out/db", "vaultk8s-agent command touch DIR/ran",
	} {
		if want = p.text(want); !slices.Contains(spans, want) {
			t.Errorf("there is no span %q among\n%s", want, strings.Join(spans, "\n"))
		}
	}
	for _, want := range []string{"/v1/auth/kubernetes/login", "/v1/database/creds/" + p.name, "/v1/secret/data/" + p.name + "/app"} {
		if !strings.Contains(text, want) {
			t.Errorf("no span tells of %q", want)
		}
	}
}

// TestCollectorThatIsAway holds nothing up, and gets what it missed.
func TestCollectorThatIsAway(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	c := p.collected(http.StatusServiceUnavailable)
	a := p.sidecar(quick + kv)
	a.awaitReady()
	a.awaitLog(1, "traces not sent", "error", "503")
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	c.answer(http.StatusOK)
	await(t, func() error {
		spans, _ := c.got()
		if n := len(spans) - len(slices.DeleteFunc(spans, func(s string) bool { return strings.HasPrefix(s, "vaultk8s-agent deliver ") })); n < 2 {
			return fmt.Errorf("%d deliveries told", n)
		}
		return nil
	})
}

func TestTracesThatCannotBe(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.env = append(p.env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=carrier-pigeon")
	a := p.start("exit_after_auth = true\n" + login + kv)
	if code := a.wait(); code != 0 || p.read("out/kv") != canary+"-1" {
		t.Errorf("exit code %d", code)
	}
	if line := a.awaitLog(1, "no traces"); !strings.Contains(fmt.Sprint(line["error"]), "OTEL_EXPORTER_OTLP_PROTOCOL") {
		t.Errorf("the warning says %v", line["error"])
	}
}

// TestMetricsOfAListener reads both forms, and the series of single secrets.
func TestMetricsOfAListener(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.dynamic(time.Hour, time.Hour)
	p.partnered()
	a := p.sidecar(quick + kv + db + partner + "cache {}\n" + strings.Replace(tcp, "SETTINGS", "", 1) + "telemetry { prometheus_retention_time = \"30s\" }\n")
	a.awaitReady()
	p.secretly(p.login("out/db").password)
	p.put("app", canary+"-2")
	p.awaitFile("out/kv", canary+"-2")
	at := a.listensAt(1)
	page := p.asked(at, "GET", "agent/v1/metrics?format=prometheus", "")
	p.note(page.body)
	secret := func(name, path, identity string) string {
		return fmt.Sprintf("%s{identity=%q,secret=%q} ", name, identity, "read "+path)
	}
	app, creds, other := "secret/data/"+p.name+"/app", "database/creds/"+p.name, "secret/data/partner-"+p.name+"/app"
	for _, want := range []string{
		"vault_agent_authenticated 1", "vault_agent_auth_success 2", "vaultk8s_templates 3", "vaultk8s_templates_rendered 3",
		secret("vaultk8s_secret_version", app, "") + "2", secret("vaultk8s_secret_changes_total", app, "") + "2",
		secret("vaultk8s_secret_version", other, "partner") + "1", secret("vaultk8s_secret_expiry_timestamp_seconds", creds, ""),
		secret("vaultk8s_secret_read_timestamp_seconds", app, ""), secret("vaultk8s_secret_errors_total", creds, "") + "0",
		p.text(`vaultk8s_template_delivered_timestamp_seconds{destination="DIR/out/kv"} `),
		p.text(`vaultk8s_template_errors_total{destination="DIR/out/db"} 0`), "vault_runtime_num_goroutines ",
	} {
		if !strings.Contains("\n"+page.body, "\n"+want) {
			t.Errorf("the metrics have no line %q", want)
		}
	}
	p.expectSummary(p.asked(at, "GET", "agent/v1/metrics", ""))
	p.asked(at, "GET", "agent/v1/metrics?format=xml", "").expectAnswer(t, "an unknown form", 400, `metric response format "xml" unknown`)
}

// expectSummary reads the metrics in the form of the Vault Agent.
func (p *pod) expectSummary(r reply) {
	p.t.Helper()
	var s struct {
		Gauges   []struct{ Name string }
		Counters []struct {
			Name  string
			Count int
		}
	}
	p.note(r.body)
	must(p.t, json.Unmarshal([]byte(r.body), &s))
	names := map[string]int{}
	for _, g := range s.Gauges {
		names[g.Name] = 1
	}
	for _, c := range s.Counters {
		names[c.Name] = c.Count
	}
	if names["vault.agent.authenticated"] != 1 || names["vault.agent.auth.success"] != 2 || names["vault.runtime.num_goroutines"] != 1 {
		p.t.Errorf("the summary tells of %v", names)
	}
}

// TestMetricsOfFailures counts what a secret and a template lack.
func TestMetricsOfFailures(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	late := strings.NewReplacer("NAME/app", "NAME/late", "out/kv", "out/late").Replace(kv)
	broken := strings.NewReplacer("data.password", "data.none", "out/kv", "out/broken", "destination", "error_on_missing_key = true\n  destination").Replace(kv)
	a := p.sidecar(kv+late+broken, "-telemetry-address=127.0.0.1:0")
	p.awaitFile("out/kv", canary+"-1")
	a.awaitLog(1, "template failed")
	await(t, func() error {
		page := a.get("/metrics")
		for _, want := range []string{
			p.text(`vaultk8s_secret_errors_total{identity="",secret="read secret/data/NAME/late"} `), p.text(`vaultk8s_template_errors_total{destination="DIR/out/broken"} `),
		} {
			_, rest, found := strings.Cut(page, "\n"+want)
			if !found || strings.HasPrefix(rest, "0") {
				return errors.New("nothing is counted at " + want)
			}
		}
		return nil
	})
	p.put("late", canary+"-late")
	p.awaitFile("out/late", canary+"-late")
}
