package effective

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Consumer is the namespace that wants to use an object.
type Consumer struct {
	Namespace string
	Labels    map[string]string // of the namespace; only looked at where an object has a selector
}

// Guarded is an object that says who may use it.
type Guarded struct {
	Kind       string
	Namespace  string
	Name       string
	Namespaces []string // allowedNamespaces
	Also       v1beta1.NamespaceAllowance
}

// GuardedAuth is a VaultAuth, which the namespace of a resource has to be admitted to.
func GuardedAuth(a *v1beta1.VaultAuth) Guarded {
	return Guarded{"VaultAuth", a.Namespace, a.Name, a.Spec.AllowedNamespaces, a.Spec.NamespaceAllowance}
}

// GuardedGlobal is a VaultAuthGlobal, which the namespace of a VaultAuth has to be
// admitted to.
func GuardedGlobal(g *v1beta1.VaultAuthGlobal) Guarded {
	return Guarded{"VaultAuthGlobal", g.Namespace, g.Name, g.Spec.AllowedNamespaces, g.Spec.NamespaceAllowance}
}

// Admit decides whether a namespace may use an object, in this order: its own
// namespace may, everybody may use what is named default in the operator's
// namespace, then whoever is listed, or matches a pattern or the selector. In the
// list a "*" counts only as its single element.
func Admit(g Guarded, c Consumer, operatorNamespace string) error {
	switch {
	case c.Namespace == g.Namespace:
		return nil
	case g.Name == v1beta1.NameDefault && g.Namespace == operatorNamespace:
		return nil
	case slices.Equal(g.Namespaces, []string{"*"}):
		return nil
	case c.Namespace != "*" && slices.Contains(g.Namespaces, c.Namespace):
		return nil
	}
	object := g.Kind + " " + g.Namespace + "/" + g.Name
	if slices.ContainsFunc(g.Also.AllowedNamespaceGlobs, func(glob string) bool { return matches(glob, c.Namespace) }) {
		return nil
	}
	if g.Also.AllowedNamespaceSelector != nil {
		selector, err := metav1.LabelSelectorAsSelector(g.Also.AllowedNamespaceSelector)
		if err != nil {
			return invalid(object, "allowedNamespaceSelector: %v", err)
		}
		if selector.Matches(labels.Set(c.Labels)) {
			return nil
		}
	}
	return denied(object, "namespace %q is not among those that it allows", c.Namespace)
}

// matches compares a text with a pattern in which "*" stands for any characters
// and "?" for one. It takes time in the product of both lengths at most: after a
// mismatch only the last star takes one character more.
func matches(glob, text string) bool {
	g, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, t
			g++
		case g < len(glob) && (glob[g] == '?' || glob[g] == text[t]):
			g++
			t++
		case star >= 0:
			mark++
			g, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(glob[g:], "*") == ""
}
