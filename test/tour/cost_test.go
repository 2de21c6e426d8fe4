package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const summary = `{"node": {}, "pods": [
 {"podRef": {"name": "webapp-1", "namespace": "shop"}, "containers": [
  {"name": "app", "memory": {"rssBytes": 1}},
  {"name": "vault-agent", "memory": {"rssBytes": 12582912, "workingSetBytes": 5}}]},
 {"podRef": {"name": "injector", "namespace": "vaultk8s"}, "containers": [{"name": "sidecar-injector"}]},
 {"podRef": {"name": "dns", "namespace": "kube-system"}, "containers": [{"name": "dns", "memory": {"rssBytes": 1}}]}]}`

func TestParseUsage(t *testing.T) {
	tests := map[string]struct {
		text string
		want [][]string
		err  string
	}{
		"ours": {text: summary, want: [][]string{
			{"POD", "CONTAINER", "RESIDENT MEMORY"},
			{"shop/webapp-1", "vault-agent", "12.0 MiB"},
			{"vaultk8s/injector", "sidecar-injector", "0.0 MiB"},
		}},
		"nothing":  {text: "{}", want: [][]string{{"POD", "CONTAINER", "RESIDENT MEMORY"}}},
		"not JSON": {text: "no", err: "read the kubelet's summary: invalid character 'o' in literal null (expecting 'u')"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			all, err := parseUsage([]byte(tt.text))
			if errorText(err) != tt.err {
				t.Fatalf("got error %q, want %q", errorText(err), tt.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.want, rows(all)); diff != "" {
				t.Errorf("rows differ (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseUsage(f *testing.F) {
	f.Add([]byte(summary))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseUsage(text)
		if err != nil && len(all) > 0 {
			t.Errorf("%d containers came with error %v", len(all), err)
		}
	})
}
