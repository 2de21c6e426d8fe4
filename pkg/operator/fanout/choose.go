package fanout

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// choose returns the names of the namespaces that are selected, sorted. One that is
// being deleted gets nothing any more.
func choose(spec v1beta1.ClusterVaultSecretSpec, namespaces []corev1.Namespace) ([]string, error) {
	selector := labels.Nothing()
	if spec.NamespaceSelector != nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(spec.NamespaceSelector); err != nil {
			return nil, fmt.Errorf("spec.namespaceSelector: %w", err)
		}
	}
	var chosen []string
	for i := range namespaces {
		n := &namespaces[i]
		switch {
		case !n.DeletionTimestamp.IsZero(), matchesAny(spec.ExcludedNamespaceGlobs, n.Name):
		case slices.Contains(spec.Namespaces, n.Name), matchesAny(spec.NamespaceGlobs, n.Name), selector.Matches(labels.Set(n.Labels)):
			chosen = append(chosen, n.Name)
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}

func matchesAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool { return matches(glob, name) })
}

// matches tells whether a name fits a pattern as a whole: "*" stands for any
// characters, "?" for one. After a mismatch the last star takes one character more,
// so the time is the product of both lengths at most.
func matches(glob, name string) bool {
	g, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, n
			g++
		case g < len(glob) && (glob[g] == '?' || glob[g] == name[n]):
			g, n = g+1, n+1
		case star >= 0:
			mark++
			g, n = star+1, mark
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}
