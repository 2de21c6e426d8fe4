package agentfile_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
)

func TestSettings(t *testing.T) {
	src, err := os.ReadFile("testdata/full.hcl")
	if err != nil {
		t.Fatal(err)
	}
	doc, _, err := agentfile.Decode("full.hcl", src)
	if err != nil {
		t.Fatal(err)
	}
	got := doc.Settings()
	want := map[string]string{
		"vault.address": "https://vault:8200", "vault.namespace": "team", "vault.ca_cert": "ca.pem", "vault.ca_path": "/ca",
		"vault.client_cert": "tls.crt", "vault.client_key": "tls.key", "vault.tls_server_name": "vault", "vault.tls_skip_verify": "true",
		"vault.max_retries": "-1", "log.level": "debug", "log.format": "json", "log.file": "/var/log/agent", "log.rotate_bytes": "1024",
		"log.rotate_duration": "1h0m0s", "log.rotate_max_files": "-1", "agent.exit_after_auth": "true", "agent.pid_file": "/run/agent.pid",
		"agent.revoke_on_shutdown": "true", "agent.disable_idle_connections": "auto-auth,templating", "agent.disable_keep_alives": "caching",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	known := map[string]bool{}
	for _, k := range config.Keys() {
		known[k.Key] = true
	}
	for key := range got {
		if !known[key] {
			t.Errorf("%s is no key of the shared file", key)
		}
	}
}

// The whole way: what a document says arrives typed, and the environment beats it.
func TestSettingsReachTheConfiguration(t *testing.T) {
	src := []byte("vault { address = \"https://doc:8200\" }\nlog_level = \"debug\"\nauto_auth { method \"jwt\" { namespace = \"login\" } }")
	doc, _, err := agentfile.Decode("agent.hcl", src)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.LoadOptions{
		Document: doc.Settings(), DocumentName: "agent.hcl",
		LookupEnv: func(name string) (string, bool) { return "error", name == "VAULT_LOG_LEVEL" },
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Vault.Address != "https://doc:8200" || c.Vault.Namespace != "login" || c.Log.Level != "error" {
		t.Errorf("got %+v %+v", c.Vault, c.Log)
	}
}

func TestSettingsOfNothing(t *testing.T) {
	if got := agentfile.New().Settings(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}
