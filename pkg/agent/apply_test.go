package agent_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/agent"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

func TestApply(t *testing.T) {
	cases := map[string]struct {
		document  string
		disabled  []string
		wantAuth  config.Auth
		wantVault config.Vault
	}{
		"defaults": {
			document:  `auto_auth { method "kubernetes" { config = { role = "app" } } }`,
			wantAuth:  config.Auth{Method: "kubernetes", Mount: "auth/kubernetes", Role: "app", Options: map[string]string{"role": "app"}},
			wantVault: config.Vault{MaxConns: 4},
		},
		"everything": {
			document: `
auto_auth {
  enable_reauth_on_new_credentials = true
  method "jwt" {
    mount_path  = "auth/other/"
    namespace   = "team"
    min_backoff = "2s"
    max_backoff = "1m"
    exit_on_err = true
    config      = { role = "app", path = "token" }
  }
}
template_config { max_connections_per_host = 2 }`,
			disabled: []string{"templating"},
			wantAuth: config.Auth{
				Method: "jwt", Mount: "auth/other", Namespace: "team", Role: "app", Options: map[string]string{"role": "app", "path": "token"},
				MinBackoff: 2 * time.Second, MaxBackoff: time.Minute, ExitOnErr: true, Reauth: true,
			},
			wantVault: config.Vault{MaxConns: 2, NoIdle: true, NoKeepAlive: true},
		},
		"other subsystems": {
			document:  `listener "tcp" { address = "127.0.0.1:8100" }`,
			disabled:  []string{"caching", "proxying"},
			wantVault: config.Vault{MaxConns: 4},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			doc, _, err := agentfile.Decode("test.hcl", []byte(tc.document))
			if err != nil {
				t.Fatal(err)
			}
			c := &config.Config{Agent: config.Agent{DisableIdleConnections: tc.disabled, DisableKeepAlives: tc.disabled}}
			agent.Apply(c, doc)
			if diff := cmp.Diff(tc.wantAuth, c.Auth); diff != "" {
				t.Errorf("auth (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantVault, c.Vault); diff != "" {
				t.Errorf("vault (-want +got):\n%s", diff)
			}
		})
	}
}
