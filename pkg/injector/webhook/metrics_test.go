package webhook_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/injector/webhook"
)

func TestMetrics(t *testing.T) {
	o := options()
	h := webhook.New(o)
	review(t, h, ask("v1", "shop", asking))
	review(t, h, ask("v1", "shop", plain))
	review(t, h, ask("v1", "kube-system", asking))
	send(t, h, http.MethodPost, "/mutate", "", "")
	added := 0.0
	for _, name := range []string{"certificate_expiry_timestamp_seconds", "ca_bundle_matches", "ca_bundle_patches_total", "ca_bundle_undone_total", "leader", "pods_without_agent"} {
		added++
		o.Metrics.Add("vaultk8s_injector_"+name, func() float64 { return added })
	}
	page := send(t, h, http.MethodGet, "/metrics", "", "").Body.String()
	for _, line := range []string{
		`vault_agent_injector_request_queue_length 0`,
		`vault_agent_injector_request_processing_duration_ms_count 4`,
		`vault_agent_injector_request_processing_duration_ms_bucket{le="10000"} 4`,
		`vault_agent_injector_injections_by_namespace_total{injection_type="init_and_sidecar",namespace="shop"} 1`,
		`vault_agent_injector_failed_injections_by_namespace_total{namespace="kube-system"} 1`,
		`vaultk8s_injector_admissions_total{reason="NotRequested"} 1`,
		`vaultk8s_injector_malformed_requests_total 1`,
		`vaultk8s_injector_leader 6`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	shown, described := map[string]string{}, map[string]string{}
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, "# TYPE vault"); ok {
			name, kind, _ := strings.Cut(strings.TrimSpace(rest), " ")
			shown["vault"+name] = kind
		}
	}
	for _, m := range webhook.Described() {
		described[m.Name] = m.Type
	}
	if diff := cmp.Diff(described, shown); diff != "" {
		t.Errorf("metrics (-described +shown):\n%s", diff)
	}
	if n := len(slices.Sorted(maps.Keys(described))); n != len(webhook.Described()) {
		t.Errorf("a metric is described twice: %d names", n)
	}
}

func TestUnknownMetric(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); got != "metric x has no description" {
			t.Errorf("panic %s", got)
		}
	}()
	webhook.NewMetrics().Add("x", nil)
}

func TestNoMetrics(t *testing.T) {
	o := options()
	o.MetricsPath = ""
	if w := send(t, webhook.New(o), http.MethodGet, "/metrics", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}

func TestBadAddresses(t *testing.T) {
	err := webhook.Addresses{"https://vault:8200", "vault:8200", "https://vault/path", "unix:///sock", "http://*.vault"}.Validate()
	want := `allowed address "vault:8200": write https://HOST:PORT, with * for a part of the host
allowed address "https://vault/path": write https://HOST:PORT, with * for a part of the host
allowed address "unix:///sock": write https://HOST:PORT, with * for a part of the host`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestAddresses(t *testing.T) {
	cases := map[string]struct {
		allowed, asked string
		want           bool
	}{
		"same":           {"https://vault:8200", "https://vault:8200", true},
		"slash":          {"https://vault:8200/", "https://vault:8200/", true},
		"case":           {"https://Vault", "https://vault", true},
		"scheme":         {"https://vault", "http://vault", false},
		"port":           {"https://vault:8200", "https://vault", false},
		"usual port":     {"https://vault", "https://vault:443", true},
		"star":           {"https://*.vault.svc", "https://a.vault.svc", true},
		"star, two dots": {"https://*.vault.svc", "https://a.b.vault.svc", false},
		"star, suffix":   {"https://*.vault.svc", "https://a.vault.svc.evil", false},
		"user":           {"https://vault", "https://vault:443@evil", false},
		"user before":    {"https://vault", "https://user@vault", false},
		"IPv6":           {"https://[::1]:8200", "https://[::1]:8200", true},
		"IPv6, no port":  {"https://[::1]", "https://[::1]:443", true},
		"no URL":         {"https://vault", "://", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Addresses = webhook.Addresses{tc.allowed}
			body := ask("v1", "shop", strings.Replace(asking, `"vault.hashicorp.com/role"`, fmt.Sprintf(`"vault.hashicorp.com/service":%q,"vault.hashicorp.com/role"`, tc.asked), 1))
			r := review(t, webhook.New(o), body)
			if r.Response.Allowed != tc.want {
				t.Errorf("allowed %v: %s", r.Response.Allowed, r.Response.Status.Message)
			}
		})
	}
}
