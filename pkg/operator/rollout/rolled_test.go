package rollout_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/rollout"
)

func TestRolled(t *testing.T) {
	const (
		stamp = "spec: {replicas: 2, template: {metadata: {annotations: {vso.secrets.hashicorp.com/restartedAt: \"2000-01-01T00:00:01Z\"}}}}\n"
		old   = "spec: {replicas: 1, template: {metadata: {annotations: {vso.secrets.hashicorp.com/restartedAt: \"2000-01-01T00:00:00Z\"}}}}\n"
		one   = "spec: {template: {metadata: {annotations: {vso.secrets.hashicorp.com/restartedAt: \"2000-01-01T00:00:01Z\"}}}}\n"
		argo  = "spec: {restartAt: \"2000-01-01T00:00:01Z\"}\n"
		full  = "status: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2}"
	)
	other := v1beta1.RolloutRestartTarget{Kind: "Connect", APIVersion: "kafka.example.com/v1", FieldPath: "spec.restartAt"}
	cases := map[string]struct {
		version, kind, more string
		target              v1beta1.RolloutRestartTarget
		want                string
	}{
		"Complete":     {"apps/v1", "Deployment", stamp + full, v1beta1.RolloutRestartTarget{}, "true"},
		"OneByDefault": {"apps/v1", "Deployment", one + "status: {observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1}", v1beta1.RolloutRestartTarget{}, "true"},
		"NotYet":       {"apps/v1", "Deployment", old + full, v1beta1.RolloutRestartTarget{}, "false"},
		"Unobserved":   {"apps/v1", "Deployment", stamp + "status: {observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2}", v1beta1.RolloutRestartTarget{}, "false"},
		"Old":          {"apps/v1", "Deployment", stamp + "status: {observedGeneration: 2, replicas: 3, updatedReplicas: 2, availableReplicas: 2}", v1beta1.RolloutRestartTarget{}, "false"},
		"Unavailable":  {"apps/v1", "Deployment", stamp + "status: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 1}", v1beta1.RolloutRestartTarget{}, "false"},
		"Half":         {"apps/v1", "StatefulSet", stamp + "status: {observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 2}", v1beta1.RolloutRestartTarget{}, "false"},
		"Terminating":  {"apps/v1", "Deployment", stamp + "status: {observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2, terminatingReplicas: 1}", v1beta1.RolloutRestartTarget{}, "false"},
		"Daemons":      {"apps/v1", "DaemonSet", stamp + "status: {observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3}", v1beta1.RolloutRestartTarget{}, "true"},
		"DaemonsLess":  {"apps/v1", "DaemonSet", stamp + "status: {observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3}", v1beta1.RolloutRestartTarget{}, "false"},
		"Argo":         {"argoproj.io/v1alpha1", "Rollout", argo + "status: {observedGeneration: \"2\", restartedAt: \"2000-01-01T00:00:01Z\", replicas: 1, updatedReplicas: 1, availableReplicas: 1}", v1beta1.RolloutRestartTarget{Kind: "argo.Rollout"}, "true"},
		"ArgoGoes":     {"argoproj.io/v1alpha1", "Rollout", argo + "status: {observedGeneration: \"2\", replicas: 1, updatedReplicas: 1, availableReplicas: 1}", v1beta1.RolloutRestartTarget{Kind: "argo.Rollout"}, "false"},
		"ArgoUnseen":   {"argoproj.io/v1alpha1", "Rollout", argo + "status: {observedGeneration: \"1\"}", v1beta1.RolloutRestartTarget{Kind: "argo.Rollout"}, "false"},
		"Other":        {"kafka.example.com/v1", "Connect", argo, other, "true"},
		"OtherReady":   {"kafka.example.com/v1", "Connect", argo + "status: {observedGeneration: 2, conditions: [{type: Ready, status: \"True\"}]}", other, "true"},
		"OtherNot":     {"kafka.example.com/v1", "Connect", argo + "status: {observedGeneration: 2, conditions: [{type: Ready, status: \"False\"}]}", other, "false"},
		"OtherUnseen":  {"kafka.example.com/v1", "Connect", argo + "status: {observedGeneration: 1}", other, "false"},
		"JobsEnded":    {"batch/v1", "CronJob", "status: {active: [{name: ended}]}", v1beta1.RolloutRestartTarget{}, "true"},
		"JobOld":       {"batch/v1", "CronJob", "status: {active: [{name: old}]}", v1beta1.RolloutRestartTarget{}, "false"},
		"JobNew":       {"batch/v1", "CronJob", "status: {active: [{name: new}]}", v1beta1.RolloutRestartTarget{}, "true"},
		"Missing":      {"apps/v1", "Deployment", "", v1beta1.RolloutRestartTarget{Name: "b"}, `error: restart Deployment "b": it does not exist`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := change()
				w := newWorld(t, manifest(tc.version, tc.kind, "a", tc.more), job("old", at), job("new", at.Add(time.Second)))
				if tc.target.Kind == "" {
					tc.target.Kind = tc.kind
				}
				if tc.target.Name == "" {
					tc.target.Name = "a"
				}
				if got := w.rolled(rollout.Request{Targets: []v1beta1.RolloutRestartTarget{tc.target}, At: at}); got != tc.want {
					t.Errorf("%s, want %s", got, tc.want)
				}
			})
		})
	}
}

func TestRolledWithoutTargets(t *testing.T) {
	if got := newWorld(t).rolled(rollout.Request{}); got != "true" {
		t.Error(got)
	}
}

func job(name string, at time.Time) string {
	return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: " + name + ", namespace: shop, creationTimestamp: \"" + at.UTC().Format(time.RFC3339) + "\"}"
}
