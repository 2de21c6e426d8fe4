package chart

import (
	"strings"
	"testing"
)

// TestRefused compares the sentences that users get for values that cannot be had.
func TestRefused(t *testing.T) {
	const server = "server and ui ask for a Vault server, which this chart does not install: set server.enabled=false, install Vault with its own chart, and name it with vault.address"
	cases := map[string]struct {
		set  []string
		want string
	}{
		"a server":          {set: []string{"server.enabled=true"}, want: server},
		"servers":           {set: []string{"server.ha.enabled=true"}, want: server},
		"servers, unsaid":   {set: []string{"server.ha.replicas=3"}, want: server},
		"a server of raft":  {set: []string{"server.ha.raft.enabled=true"}, want: server},
		"a server for play": {set: []string{"server.dev.enabled=true"}, want: server},
		"a user interface":  {set: []string{"ui.enabled=true"}, want: server},
		"another CSI driver": {
			set:  []string{"csi.enabled=true", "csi.driver.image.tag=1"},
			want: "csi.driver belongs to the CSI driver of the Vault Secrets Operator, which is not in this chart: remove it, as csi.enabled is the provider of the Secrets Store CSI Driver here",
		},
		"two addresses": {
			set:  []string{"vault.address=https://a:8200", "global.externalVaultAddr=https://b:8200"},
			want: "vault.address and global.externalVaultAddr name different servers: remove global.externalVaultAddr, which is the old spelling",
		},
		"two spellings": {
			set:  []string{"operator.replicas=2", "controller.replicas=3"},
			want: "controller.replicas and operator.replicas contradict each other: remove controller.replicas, which is the old spelling",
		},
		"two certificates": {
			set:  []string{"injector.certs.secretName=a", "injector.certs.certManager.enabled=true"},
			want: "injector.certs.secretName and injector.certs.certManager.enabled contradict each other: cert-manager makes the Secret itself",
		},
		"a bundle of nothing": {
			set:  []string{"injector.certs.caBundle=YQ=="},
			want: "injector.certs.caBundle needs injector.certs.secretName: without a Secret the injector makes its certificates and writes the bundle itself",
		},
		"two monitors": {
			set:  []string{"monitoring.podMonitor.enabled=true", "monitoring.serviceMonitor.enabled=true"},
			want: "monitoring.podMonitor.enabled and monitoring.serviceMonitor.enabled would count everything twice: keep one of them",
		},
		"a listener without a certificate": {
			set:  []string{"agent.enabled=true"},
			want: "agent.certs.secretName is missing: callers send their tokens to the agent, so name a Secret with a certificate, or let tokens cross the network as they are with agent.tlsDisable=true",
		},
		"a certificate for nothing": {
			set:  []string{"agent.enabled=true", "agent.certs.secretName=a", "agent.tlsDisable=true"},
			want: "agent.certs.secretName and agent.tlsDisable contradict each other: keep one of them",
		},
		"two budgets": {
			set: []string{
				"operator.enabled=true", "operator.replicas=2", "operator.podDisruptionBudget.enabled=true",
				"operator.podDisruptionBudget.maxUnavailable=1", "operator.podDisruptionBudget.minAvailable=1",
			},
			want: "operator.podDisruptionBudget.maxUnavailable and minAvailable contradict each other: set one of them",
		},
		"no key": {
			set: []string{
				"operator.enabled=true", "operator.clientCache.persistenceModel=direct-encrypted", "operator.clientCache.storageEncryption.enabled=true",
			},
			want: "operator.clientCache.storageEncryption.keyName is missing: name a key of the transit engine",
		},
		"a switch":         {set: []string{"injector.enabled=maybe"}, want: `a switch is "maybe": expected true, false or "-"`},
		"a typing error":   {set: []string{"injector.replica=2"}, want: "additional properties 'replica' not allowed"},
		"at the root":      {set: []string{"vautl.address=x"}, want: "additional properties 'vautl' not allowed"},
		"in an old key":    {set: []string{"controller.replica=2"}, want: "additional properties 'replica' not allowed"},
		"deep":             {set: []string{"operator.clientCache.persistence=x"}, want: "additional properties 'persistence' not allowed"},
		"not a number":     {set: []string{"injector.replicas=two"}, want: "at '/injector/replicas': got string, want integer"},
		"not of the words": {set: []string{"injector.webhook.failurePolicy=Fial"}, want: "at '/injector/webhook/failurePolicy': value must be one of 'Ignore', 'Fail'"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, s := range tc.set {
				args = append(args, "--set", s)
			}
			_, err := template(t, args...)
			if err == nil || !strings.HasSuffix(strings.TrimSpace(err.Error()), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}
