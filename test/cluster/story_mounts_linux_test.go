package cluster_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// mounts has a Vault that serves two clusters, each by an auth mount of its own. The
// role is at both, and nowhere else.
func mounts(s *stage) {
	other := lab.UseKubernetes(s.T, lab.KubernetesOptions{})
	role := lab.KubernetesRole{Namespaces: []string{s.namespace}, ServiceAccounts: []string{"orders-sa"}, Policies: []string{"orders"}, TTL: time.Hour}
	for mount, k := range map[string]*lab.Kubernetes{"cluster-a": world.cluster.Kubernetes, "cluster-b": other} {
		if err := errors.Join(
			world.vault.ConnectKubernetes(s.Context(), mount, k),
			world.vault.WriteKubernetesRole(s.Context(), mount, "shop", role),
		); err != nil {
			s.Fatal(err)
		}
	}
	s.loginAtOther(other)
	s.secret(world.vault, "mounts/production", map[string]any{"db_pass": "s3cret"})
	s.play("mounts")
	s.play("mounts-wrong")

	s.rolledOut("injected-a")
	s.want("file of the agent", s.file(s.pod("injected-a"), "/vault/secrets/config"), "db_pass='s3cret'")
	s.kubectl("wait", "--for=condition=Ready", "pod/mounted-a", "--timeout="+patience.String())
	s.want("file of the volume", s.file(s.pod("mounted-a"), "/mnt/secrets/db-password"), "s3cret")
	s.kubectl("wait", "--for=condition=Ready", "vaultstaticsecret/synced-a", "--timeout="+patience.String())
	// Base64 of the value.
	s.want("Secret", s.kubectl("get", "secret", "synced-a", "-o", "jsonpath={.data.db_pass}"), "czNjcmV0")

	for what, args := range map[string][]string{
		"log of the agent":        {"logs", s.pod("injected-b").Metadata.Name, "-c", "vault-agent-init"},
		"events of the volume":    {"get", "events", "--field-selector=involvedObject.name=mounted-b,reason=FailedMount", "-o", "jsonpath={..message}"},
		"conditions of the login": {"get", "vaultstaticsecret", "synced-b", "-o", "jsonpath={.status.conditions..message}"},
	} {
		s.eventually(what+" names the wrong mount", func() error {
			text, err := s.try(args...)
			if err != nil || !strings.Contains(text, "auth/cluster-b/login") || !strings.Contains(text, "permission denied") {
				return fmt.Errorf("%q, %w", text, err)
			}
			s.Logf("%s: %s", what, text)
			return nil
		})
	}
}

// loginAtOther shows that the mount of the other cluster takes its own tokens.
func (s *stage) loginAtOther(k *lab.Kubernetes) {
	s.Helper()
	err := k.CreateServiceAccount(s.Context(), s.namespace, "orders-sa")
	if err != nil {
		s.Fatal(err)
	}
	token, err := k.Token(s.Context(), s.namespace, "orders-sa", "", time.Hour)
	if err != nil {
		s.Fatal(err)
	}
	if _, err = world.vault.Login(s.Context(), "auth/cluster-b/login", map[string]any{"role": "shop", "jwt": token}); err != nil {
		s.Fatal(err)
	}
}
