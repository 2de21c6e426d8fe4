package cluster_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// rollout starts 50 pods and kills one of the two replicas of the injector meanwhile,
// without a chance to say goodbye.
func rollout(s *stage) {
	s.secret(world.vault, "rollout/production", map[string]any{"a": "1"})
	s.play("rollout")
	s.eventually("the first pods are there", func() error {
		if n := len(s.pods("many")); n < 5 {
			return fmt.Errorf("there are %d pods", n)
		}
		return nil
	})
	victim, _, _ := strings.Cut(s.kubectl("get", "pods", "--namespace", release, "--selector", injectors, "-o", "name"), "\n")
	s.kubectl("delete", victim, "--namespace", release, "--grace-period=0", "--force", "--wait=false")
	s.rolledOut("many")
	all := s.pods("many")
	if len(all) != 50 {
		s.Errorf("%d pods, want 50", len(all))
	}
	for _, p := range all {
		s.want("init containers of "+p.Metadata.Name, names(p.Spec.InitContainers), "vault-agent-init")
	}
	s.kubectl("delete", "deployment", "many")
	s.kubectl("rollout", "status", "deployment", "--selector", injectors, "--namespace", release, "--timeout="+patience.String())
}

// injectors selects the pods of the webhook.
const injectors = "app.kubernetes.io/component=injector"

// upgrade replaces all pods of the release while pods are made all the time. Those are
// made for show, without storing them: admission is the same.
func upgrade(s *stage) {
	stop := s.makePods()
	err := world.helm(s.Context(), "upgrade", release, chart, "-f", "values.yaml", "--set", "log.level=debug", "--wait", "--timeout=5m")
	stop()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) dryRun(ctx context.Context) error {
	type object = map[string]any
	answer, err := world.cluster.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+s.namespace+"/pods?dryRun=All", object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": object{"name": "one", "annotations": object{
			"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": "orders", "vault.hashicorp.com/agent-inject-secret-a": "secret/data/a",
		}},
		"spec": object{"serviceAccountName": "orders-sa", "containers": []object{{"name": "app", "image": "lab.local/webapp:1"}}},
	})
	if err != nil {
		return err
	}
	spec, _ := answer["spec"].(object)
	if agents, _ := spec["initContainers"].([]any); len(agents) != 1 {
		return fmt.Errorf("the pod has %d init containers", len(agents))
	}
	return nil
}

// uninstall takes everything away as docs/install.md says: the resources while the
// operator is there to free them, the release, and last the definitions. It looks for
// everything that the release or its programs may have made.
func uninstall(s *stage) {
	if err := s.free(); err != nil {
		s.Fatal(err)
	}
	if err := world.helm(s.Context(), "uninstall", release, "--wait", "--timeout=3m"); err != nil {
		s.Fatal(err)
	}
	s.eventually("nothing is left of the release but the key", func() error {
		return expect(s.leftovers(), "secret/vso-cc-storage-hmac-key")
	})
	for _, name := range resources(s.kubectl("get", "crd", "-o", "name")) {
		s.kubectl("delete", "crd", name, "--timeout=2m")
	}
	s.eventually("nothing is left", func() error {
		return expect(s.leftovers(), "")
	})
}

// free deletes all resources of the operator. kubectl refuses objects of other namespaces
// when it is given one.
func (s *stage) free() error {
	all := strings.Join(resources(s.kubectl("get", "crd", "-o", "name")), ",")
	_, err := world.cluster.Command(s.Context(), lab.TargetKubectl, "delete", all, "--all", "--all-namespaces", "--timeout=2m")
	return err
}

// resources picks the operator's own of the definitions that kubectl names.
func resources(names string) []string {
	var all []string
	for line := range strings.Lines(names) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), "/")
		if strings.HasSuffix(name, ".secrets.hashicorp.com") {
			all = append(all, name)
		}
	}
	return all
}

// mayStay are objects that every namespace has from the start.
func mayStay() []string {
	return []string{"configmap/kube-root-ca.crt", "serviceaccount/default"}
}

// leftovers lists objects of the release's namespace, and those of the cluster that
// have the release's name. Kinds stay, or the objects of them would be lost.
func (s *stage) leftovers() string {
	inside := s.kubectl("get", "--namespace", release, "-o", "name",
		"all,configmaps,secrets,serviceaccounts,leases,roles,rolebindings,networkpolicies,poddisruptionbudgets")
	around := s.kubectl("get", "-o", "name", "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings")
	var left []string
	for line := range strings.Lines(inside) {
		if line = strings.TrimSpace(line); !slices.Contains(mayStay(), line) {
			left = append(left, line)
		}
	}
	for line := range strings.Lines(around) {
		if strings.Contains(line, release) {
			left = append(left, strings.TrimSpace(line))
		}
	}
	return strings.Join(left, "\n")
}
