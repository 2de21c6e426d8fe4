package operator

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Rights are what the operator has to be allowed.
type Rights struct {
	// Objects is for each namespace that it works in and for its own: a ClusterRole
	// where that are all, otherwise a Role in each.
	Objects []rbacv1.PolicyRule
	// Cluster is besides that for a ClusterRole, where it works in all namespaces.
	Cluster []rbacv1.PolicyRule
	// Own is for a Role in the operator's namespace.
	Own []rbacv1.PolicyRule
	// Metrics is for a ClusterRole, where metrics are served to whom the API server
	// admits.
	Metrics []rbacv1.PolicyRule
}

// RightsOfOperator returns the least that serves every feature. Who wants none of
// them may leave out the rules of workloads (nothing is restarted then) and of
// service-account tokens (logins with Secrets only).
func RightsOfOperator() Rights {
	return Rights{
		Objects: []rbacv1.PolicyRule{
			rule("", []string{"secrets"}, "get", "list", "watch", "create", "update", "patch", "delete"),
			rule("", []string{"serviceaccounts", "configmaps"}, "get"),
			rule("", []string{"serviceaccounts/token"}, "create"),
			rule("", []string{"events"}, "create", "patch"),
			rule("apps", []string{"deployments", "daemonsets", "statefulsets"}, "get", "list", "patch"),
			rule("argoproj.io", []string{"rollouts"}, "get", "list", "patch"),
			rule("batch", []string{"cronjobs"}, "get", "list", "patch"),
			rule("batch", []string{"jobs"}, "get", "create"),
			rule(v1beta1.Group, []string{"*"}, "get", "list", "watch", "create", "update", "patch", "delete"),
		},
		Cluster: []rbacv1.PolicyRule{rule("", []string{"namespaces"}, "get", "list", "watch"), ownerOfKey()},
		Own:     []rbacv1.PolicyRule{rule("coordination.k8s.io", []string{"leases"}, "get", "list", "watch", "create", "update", "delete")},
		Metrics: []rbacv1.PolicyRule{
			rule("authentication.k8s.io", []string{"tokenreviews"}, "create"),
			rule("authorization.k8s.io", []string{"subjectaccessreviews"}, "create"),
		},
	}
}

// ownerOfKey lets the operator name the owner of its key.
func ownerOfKey() rbacv1.PolicyRule {
	r := rule("apiextensions.k8s.io", []string{"customresourcedefinitions"}, "get")
	r.ResourceNames = []string{"vaultstaticsecrets." + v1beta1.Group}
	return r
}

func rule(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}
