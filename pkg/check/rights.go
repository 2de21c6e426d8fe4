package check

import (
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
)

// resource splits "leases.coordination.k8s.io" into the resource and its group.
func (r Right) resource() (resource, group string) { return cut(r.Resource, ".") }

func cut(text, separator string) (before, after string) {
	before, after, _ = strings.Cut(text, separator)
	return before, after
}

// rightsOf lists what the service account of a workload must be allowed to do.
func rightsOf(w inventory.Workload, c *Cluster) []Right {
	rights := map[inventory.Part]func(inventory.Workload, *Cluster) []Right{
		inventory.Injector: injectorRights, inventory.CSI: csiRights, inventory.Operator: operatorRights,
	}[w.Part](w, c)
	for i := range rights {
		rights[i].Who, rights[i].Part = w.Namespace+"/"+w.ServiceAccount, w.Part
	}
	return rights
}

func isTrue(w inventory.Workload, flag string, variables ...string) bool {
	value, _ := w.Setting(flag, variables...)
	return value == "true" || value == "1"
}

func injectorRights(w inventory.Workload, _ *Cluster) []Right {
	var rights []Right
	if name, ok := w.Setting("tls-auto", "AGENT_INJECT_TLS_AUTO", "VAULTK8S_INJECTOR_TLS_AUTO"); ok {
		const what, without = "mutatingwebhookconfigurations.admissionregistration.k8s.io", "the caBundle of the webhook is not written"
		for _, verb := range []string{"watch", "patch"} {
			rights = append(rights, Right{Verb: verb, Resource: what, Name: name, Without: without, Needed: true})
		}
		rights = append(rights, Right{Verb: "create", Resource: "secrets", Space: w.Namespace, Without: "each start makes a new authority"})
	}
	if isTrue(w, "use-leader-elector", "AGENT_INJECT_USE_LEADER_ELECTOR", "VAULTK8S_INJECTOR_USE_LEADER_ELECTOR") {
		rights = append(rights, Right{Verb: "create", Resource: "leases.coordination.k8s.io", Space: w.Namespace, Without: "no replica leads, and nothing is renewed", Needed: true})
	}
	if isTrue(w, "report-missing", "AGENT_INJECT_REPORT_MISSING", "VAULTK8S_INJECTOR_REPORT_MISSING") {
		const without = "pods that were missed are not told"
		rights = append(rights, Right{Verb: "watch", Resource: "pods", Without: without}, Right{Verb: "create", Resource: "events", Without: without})
	}
	return rights
}

func csiRights(w inventory.Workload, c *Cluster) []Right {
	key, ok := w.Setting("hmac-secret-name", "VAULTK8S_CSI_HMAC_SECRET")
	if !ok {
		key = "vault-csi-provider-hmac-key"
	}
	passed := c.Driver != nil && len(c.Driver.Spec.TokenRequests) > 0
	rights := []Right{
		{Verb: "get", Resource: "secrets", Space: w.Namespace, Name: key, Without: "the versions of objects are empty"},
		{Verb: "create", Resource: "secrets", Space: w.Namespace, Without: "the versions of objects are empty"},
		{Verb: "create", Resource: "events", Without: "pods get no events"},
	}
	if !passed {
		rights = append(rights, Right{
			Verb: "create", Resource: "serviceaccounts/token", Without: "the driver passes no tokens, so that no volume can be mounted", Needed: true,
		})
	}
	if _, watches := w.Setting("node-name", "NODE_NAME", "VAULTK8S_CSI_NODE_NAME"); watches {
		rights = append(rights, Right{Verb: "watch", Resource: "pods", Without: "what a pod leaves is revoked hours later"})
	}
	return rights
}

func operatorRights(w inventory.Workload, _ *Cluster) []Right {
	space, _ := w.Setting("watch-namespaces", "VSO_WATCH_NAMESPACES", "VAULTK8S_OPERATOR_WATCH_NAMESPACES")
	space, _ = cut(space, ",")
	needed := func(verb, resource, space, without string) Right {
		return Right{Verb: verb, Resource: resource, Space: space, Without: without, Needed: true}
	}
	return []Right{
		needed("watch", "vaultstaticsecrets."+inventory.Group, space, "no object is seen"),
		needed("patch", "vaultstaticsecrets/status."+inventory.Group, space, "no object has a status"),
		needed("patch", "secrets", space, "no Secret is written"),
		needed("create", "serviceaccounts/token", space, "no login is possible"),
		needed("update", "leases.coordination.k8s.io", w.Namespace, "no replica leads"),
		{Verb: "patch", Resource: "deployments.apps", Space: space, Without: "workloads are not restarted after a change"},
		{Verb: "create", Resource: "events", Space: space, Without: "objects get no events"},
	}
}

// rightsToInstall lists what Helm must be able to make in the name of the user.
func rightsToInstall(space string) []Right {
	var rights []Right
	for _, resource := range []string{
		"namespaces", "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
		"mutatingwebhookconfigurations.admissionregistration.k8s.io", "customresourcedefinitions.apiextensions.k8s.io",
	} {
		rights = append(rights, Right{Verb: "create", Resource: resource, Without: "the chart cannot be installed", Needed: true})
	}
	for _, resource := range []string{"deployments.apps", "daemonsets.apps", "services", "serviceaccounts", "secrets", "configmaps", "roles.rbac.authorization.k8s.io"} {
		rights = append(rights, Right{Verb: "create", Resource: resource, Space: space, Without: "the chart cannot be installed", Needed: true})
	}
	return rights
}
