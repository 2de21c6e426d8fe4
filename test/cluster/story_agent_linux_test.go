package cluster_test

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// agentAlone has agents that belong to no application, each a release of its own: one
// keeps a Kubernetes Secret, and one on each node caches for callers.
func agentAlone(s *stage) {
	if err := world.vault.DynamicRole(s.Context(), "database", "orders-agent-alone", time.Hour, time.Hour); err != nil {
		s.Fatal(err)
	}
	if err := world.vault.WriteKubernetesRole(s.Context(), "kubernetes", s.namespace, lab.KubernetesRole{
		Namespaces: []string{s.namespace}, ServiceAccounts: []string{"keeper-vault-agent"}, Policies: []string{"orders"}, TTL: time.Hour,
	}); err != nil {
		s.Fatal(err)
	}
	s.secret(world.vault, "agent-alone/production", map[string]any{"password": "first"})
	for _, name := range []string{"keeper", "node"} {
		s.install(name, filepath.Join("stories", "agent-alone", "values", name+".yaml"))
	}
	s.play("agent-alone")
	s.kept("Zmlyc3Q=") // Base64 of first.
	s.secret(world.vault, "agent-alone/production", map[string]any{"password": "second"})
	s.kept("c2Vjb25k")
	s.cached()
}

// install makes a release in the story's namespace, and waits until its pods are ready.
func (s *stage) install(name, values string) {
	s.Helper()
	_, err := world.cluster.Command(s.Context(), lab.TargetHelm, "install", name, chart, "--namespace", s.namespace, "-f", values, "--wait", "--timeout", patience.String())
	if err != nil {
		s.Fatal(err)
	}
}

// kept waits until the Secret holds the password.
func (s *stage) kept(password string) {
	s.Helper()
	s.eventually("the Secret is kept", func() error {
		got, err := s.try("get", "secret", "orders-db", "-o", "jsonpath={.data.password}")
		if err != nil {
			return err
		}
		return expect(got, password)
	})
}

// cached logs in through the agent of the node, and reads credentials, before and after
// its process is killed.
func (s *stage) cached() {
	const secret = "database/creds/orders-agent-alone"
	s.kubectl("wait", "--for=condition=Ready", "pod/caller", "--timeout="+patience.String())
	caller := s.pod("caller")
	login := s.askAt(caller, `--post-data "{\"role\": \"orders\", \"jwt\": \"$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)\"}" `, node, "auth/kubernetes/login")
	token := "--header 'X-Vault-Token: " + login.Auth.Token + "' "
	first, second := s.askAt(caller, token, node, secret), s.askAt(caller, token, node, secret)
	s.want("the second answer with a lease", second.state+" "+second.LeaseID, "HIT "+first.LeaseID)

	s.kill(s.nodeAgent().Status.ContainerStatuses[0])
	s.eventually("the kubelet starts the agent again", func() error {
		if agent := s.nodeAgent().Status.ContainerStatuses[0]; agent.RestartCount != 1 || !agent.Ready {
			return fmt.Errorf("%d restarts, ready: %t", agent.RestartCount, agent.Ready)
		}
		return nil
	})
	third := s.askAt(caller, token, node, secret)
	s.want("what is not kept over a restart", third.state, "MISS")
	if third.LeaseID == first.LeaseID {
		s.Error("the lease is the one before the restart")
	}
}

// node is the agent of the caller's node, by its service.
const node = "http://node-vault-agent:8200"

func (s *stage) nodeAgent() pod {
	s.Helper()
	all := s.selected("app.kubernetes.io/instance=node")
	if len(all) != 1 || len(all[0].Status.ContainerStatuses) != 1 {
		s.Fatalf("%d agents, want 1", len(all))
	}
	return all[0]
}
