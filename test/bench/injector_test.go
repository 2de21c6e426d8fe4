package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/injector/webhook"
)

// injectorUnderTest is the webhook inside this process.
func injectorUnderTest(t *testing.T) *webhookUnderLoad {
	t.Helper()
	o := webhook.Options{Injector: injector.DefaultOptions(), Metrics: webhook.NewMetrics()}
	o.Injector.VaultAddress = "https://vault:8200"
	s := httptest.NewTLSServer(webhook.New(o))
	t.Cleanup(s.Close)
	return &webhookUnderLoad{address: strings.TrimPrefix(s.URL, "https://")}
}

func TestLoadOfTheInjector(t *testing.T) {
	w := injectorUnderTest(t)
	for name, pod := range map[string]map[string]any{"typical": typicalPod(), "plain": plainPod()} {
		r, err := w.load(t.Context(), 4, admissionOf(pod), 0, 20)
		if err != nil || len(r.times) != 20 {
			t.Errorf("%s: %d requests, %v", name, len(r.times), err)
		}
		if r.quantile(0.5) > r.quantile(0.99) || r.rate() <= 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r, err := w.load(t.Context(), 1, admissionOf(plainPod()), time.Second, 0); err != nil || len(r.times) == 0 {
		t.Errorf("%d requests, %v", len(r.times), err)
	}
}

func TestLoadWithErrors(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	w := &webhookUnderLoad{address: strings.TrimPrefix(s.URL, "https://")}
	if _, err := w.load(t.Context(), 2, nil, 0, 10); err == nil || !strings.HasPrefix(err.Error(), "admission: 404 ") {
		t.Errorf("error %v", err)
	}
}

func TestQuantile(t *testing.T) {
	r := admissionResult{times: []time.Duration{1e6, 2e6, 3e6, 4e6}, elapsed: time.Second}
	if r.quantile(0.5) != 3 || r.quantile(0.99) != 4 || r.rate() != 4 || (admissionResult{}).quantile(0.5) != 0 {
		t.Errorf("%v %v %v", r.quantile(0.5), r.quantile(0.99), r.rate())
	}
}
