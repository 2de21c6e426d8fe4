package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator"
)

// TestOperatorRights compares the roles of the operator with what it says itself
// that it needs.
func TestOperatorRights(t *testing.T) {
	want := operator.RightsOfOperator()
	all := render(t, "--set", "operator.enabled=true,operator.metricsSecure=true")
	compareRules(t, "in all namespaces", slices.Concat(want.Cluster, want.Objects), rules(t, all, "ClusterRole", "vault-manager-role", ""))
	compareRules(t, "in its own", want.Own, rules(t, all, "Role", "vault-leader-election-role", "vault"))
	compareRules(t, "for metrics", want.Metrics, rules(t, all, "ClusterRole", "vault-proxy-role", ""))

	few := render(t, "-f", chartFolder+"/ci/namespaced.yaml")
	for _, namespace := range []string{"vault", "shop", "bank"} {
		compareRules(t, namespace, want.Objects, rules(t, few, "Role", "vault-manager-role", namespace))
	}
	if few.has("ClusterRole") || few.has("ClusterRoleBinding") {
		t.Error("an operator of few namespaces has a right in all of them")
	}
}

func compareRules(t *testing.T, where string, want, got []rbacv1.PolicyRule) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights of the operator %s: %s", where, diff)
	}
}

func rules(t *testing.T, all objects, kind, name, namespace string) []rbacv1.PolicyRule {
	t.Helper()
	for _, o := range all {
		if o.GetKind() != kind || o.GetName() != name || o.GetNamespace() != namespace {
			continue
		}
		switch role := decoded(t, o).(type) {
		case *rbacv1.ClusterRole:
			return role.Rules
		case *rbacv1.Role:
			return role.Rules
		}
	}
	t.Fatalf("there is no %s %s in %q", kind, name, namespace)
	return nil
}

// TestRights says what the pods of the injector, the provider and the agent may do, by the
// values that decide it: no right without the feature that needs it.
func TestRights(t *testing.T) {
	const (
		configuration = "cluster: get,list,watch,patch mutatingwebhookconfigurations vault-agent-injector-cfg"
		makeSecrets   = "own: create secrets"
		authorities   = "own: get,update secrets vault-agent-injector-certs"
		makeLeases    = "own: create leases"
		lease         = "own: get,update leases vault-agent-injector"
		pods          = "cluster: list,watch pods"
		events        = "cluster: create events"
		tokens        = "cluster: create serviceaccounts/token"
		key           = "own: get secrets vault-csi-provider-hmac-key"
	)
	cases := map[string]struct {
		account string
		set     string
		want    []string
	}{
		"injector":              {account: "vault-agent-injector", want: []string{configuration, makeSecrets, authorities}},
		"injectors":             {account: "vault-agent-injector", set: "injector.replicas=2", want: []string{configuration, makeSecrets, authorities, makeLeases, lease}},
		"injectors, no leader":  {account: "vault-agent-injector", set: "injector.replicas=2,injector.leaderElector.enabled=false", want: []string{configuration, makeSecrets, authorities}},
		"census":                {account: "vault-agent-injector", set: "injector.reportMissing=true", want: []string{configuration, pods, events, makeSecrets, authorities}},
		"certificate of others": {account: "vault-agent-injector", set: "injector.replicas=2,injector.certs.secretName=a,injector.certs.caBundle=YQ=="},
		"census of several":     {account: "vault-agent-injector", set: "injector.replicas=2,injector.certs.certManager.enabled=true,injector.reportMissing=true", want: []string{pods, events, makeLeases, lease}},
		"provider":              {account: "vault-csi-provider", set: "csi.enabled=true", want: []string{tokens, pods, events, makeSecrets, key}},
		"provider of least":     {account: "vault-csi-provider", set: "csi.enabled=true,csi.rights.tokens=false,csi.watchPods=false,csi.events=false", want: []string{makeSecrets, key}},
		"provider of most": {
			account: "vault-csi-provider", set: "csi.enabled=true,csi.rights.secrets=true,csi.rights.configMaps=true",
			want: []string{tokens, pods, events, "cluster: get secrets", "cluster: get configmaps", makeSecrets, key},
		},
		"agent": {account: "vault-agent", set: "agent.enabled=true,agent.tlsDisable=true"},
		"agent that keeps Secrets": {
			account: "vault-agent", set: "agent.enabled=true,agent.tlsDisable=true,agent.rights.secrets={a,b}",
			want: []string{makeSecrets, "own: patch secrets a b"},
		},
		"no roles": {account: "vault-csi-provider", set: "csi.enabled=true,rbac.create=false"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := rightsOf(t, render(t, "--set", tc.set), tc.account)
			slices.Sort(got)
			slices.Sort(tc.want)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// rightsOf follows the bindings of an account.
func rightsOf(t *testing.T, all objects, account string) []string {
	t.Helper()
	var out []string
	for _, o := range all {
		switch binding := decoded(t, o).(type) {
		case *rbacv1.ClusterRoleBinding:
			if binding.Subjects[0].Name == account && binding.Subjects[0].Namespace == "vault" {
				out = append(out, told("cluster", rules(t, all, "ClusterRole", binding.RoleRef.Name, ""))...)
			}
		case *rbacv1.RoleBinding:
			if binding.Subjects[0].Name == account && binding.Subjects[0].Namespace == "vault" {
				out = append(out, told("own", rules(t, all, "Role", binding.RoleRef.Name, binding.Namespace))...)
			}
		}
	}
	return out
}

func told(where string, all []rbacv1.PolicyRule) []string {
	out := make([]string, len(all))
	for i, r := range all {
		words := append([]string{strings.Join(r.Verbs, ","), strings.Join(r.Resources, ",")}, r.ResourceNames...)
		out[i] = fmt.Sprintf("%s: %s", where, strings.Join(words, " "))
	}
	return out
}
