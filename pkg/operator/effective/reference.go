package effective

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// ParseName reads a reference: NAME, which is in the given namespace, or
// NAMESPACE/NAME.
func ParseName(text, namespace string) (types.NamespacedName, error) {
	first, second, qualified := strings.Cut(text, "/")
	name := types.NamespacedName{Namespace: namespace, Name: first}
	if qualified {
		name = types.NamespacedName{Namespace: first, Name: second}
	}
	badName := validation.NameIsDNSSubdomain(name.Name, false)
	badNamespace := validation.ValidateNamespaceName(name.Namespace, false)
	if len(badName) > 0 || len(badNamespace) > 0 {
		return types.NamespacedName{}, fmt.Errorf("%q is not a reference: write NAME or NAMESPACE/NAME", text)
	}
	return name, nil
}

// AuthName says which VaultAuth a resource refers to: without a reference the one
// named default in the operator's namespace.
func AuthName(ref, namespace, operatorNamespace string) (types.NamespacedName, error) {
	if ref == "" {
		return types.NamespacedName{Namespace: operatorNamespace, Name: v1beta1.NameDefault}, nil
	}
	name, err := ParseName(ref, namespace)
	if err != nil {
		return name, invalid("vaultAuthRef", "%v", err)
	}
	return name, nil
}

// ConnectionName says which VaultConnection a VaultAuth refers to, after it was
// merged. Without a reference that is the one named default in the operator's
// namespace, but a VaultAuth in that namespace has to say so, unless it is named
// default itself.
func ConnectionName(auth *v1beta1.VaultAuth, operatorNamespace string) (types.NamespacedName, error) {
	if ref := auth.Spec.VaultConnectionRef; ref != "" {
		name, err := ParseName(ref, auth.Namespace)
		if err != nil {
			return name, invalid(nameOf("VaultAuth", auth), "vaultConnectionRef: %v", err)
		}
		return name, nil
	}
	if auth.Namespace == operatorNamespace && auth.Name != v1beta1.NameDefault {
		return types.NamespacedName{}, invalid(nameOf("VaultAuth", auth), "vaultConnectionRef is needed in the operator's namespace, unless the object is named %q", v1beta1.NameDefault)
	}
	return types.NamespacedName{Namespace: operatorNamespace, Name: v1beta1.NameDefault}, nil
}

// GlobalNames says which VaultAuthGlobals to look for, of which the first that is
// there completes a VaultAuth; none when it refers to none. Defaults tells whether
// the operator lets VaultAuths take a VaultAuthGlobal that they do not name.
func GlobalNames(auth *v1beta1.VaultAuth, operatorNamespace string, defaults bool) ([]types.NamespacedName, error) {
	ref := auth.Spec.VaultAuthGlobalRef
	switch {
	case ref == nil:
		return nil, nil
	case ref.Name != "":
		return []types.NamespacedName{{Namespace: orElse(ref.Namespace, auth.Namespace), Name: ref.Name}}, nil
	case !defaults:
		return nil, denied(nameOf("VaultAuth", auth), "vaultAuthGlobalRef has no name, and the operator does not allow default VaultAuthGlobals")
	case ref.AllowDefault != nil && !*ref.AllowDefault:
		return nil, denied(nameOf("VaultAuth", auth), "vaultAuthGlobalRef has no name, and its allowDefault is false")
	case ref.Namespace != "":
		return []types.NamespacedName{{Namespace: ref.Namespace, Name: v1beta1.NameDefault}}, nil
	}
	names := []types.NamespacedName{{Namespace: auth.Namespace, Name: v1beta1.NameDefault}}
	if auth.Namespace != operatorNamespace {
		names = append(names, types.NamespacedName{Namespace: operatorNamespace, Name: v1beta1.NameDefault})
	}
	return names, nil
}

// orElse returns the first text that is not empty.
func orElse(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// named is an object as errors name it.
type named interface {
	GetNamespace() string
	GetName() string
}

func nameOf(kind string, object named) string {
	return kind + " " + object.GetNamespace() + "/" + object.GetName()
}
