package proxy_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/proxy"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// FuzzCacheClear sends bodies of any form: what is understood is done, everything
// else is refused with one text.
func FuzzCacheClear(f *testing.F) {
	for _, seed := range []string{
		`{"type":"all"}`, `{"type":"token","value":"hvs.x"}`, `{"type":"request_path","value":"/v1/","namespace":"root/"}`,
		`{"type":"lease"}`, `{"Type":"all"}`, `[]`, `{}`, ``, `{"type":"all"}{`, `{"type":null}`,
	} {
		f.Add(seed)
	}
	client, err := vault.NewClient(config.Vault{Address: "http://vault.test:8200"})
	if err != nil {
		f.Fatal(err)
	}
	p := proxy.New(proxy.Options{Schedule: lease.NewSchedule(1), Upstream: func() proxy.Upstream { return proxy.Upstream{Client: client} }})
	handler := p.Handler(proxy.ListenerOptions{})
	f.Fuzz(func(t *testing.T, body string) {
		a := do(handler, httptest.NewRequestWithContext(t.Context(), "PUT", "/agent/v1/cache-clear", strings.NewReader(body)))
		if a.status == 200 {
			var sent struct{ Type, Value, Namespace string }
			if err := json.NewDecoder(strings.NewReader(body)).Decode(&sent); err != nil {
				t.Fatalf("%q was taken, and is no JSON: %v", body, err)
			}
			if !slices.Contains([]string{"all", "request_path", "lease", "token", "token_accessor"}, sent.Type) || sent.Type != "all" && sent.Value == "" {
				t.Errorf("%q was taken", body)
			}
			return
		}
		var said struct{ Errors []string }
		if err := json.Unmarshal([]byte(a.body), &said); a.status != 400 || err != nil || len(said.Errors) != 1 {
			t.Errorf("%q: %d %s", body, a.status, a.body)
		}
	})
}
