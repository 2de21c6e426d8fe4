package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and Version name the API; objects say apiVersion Group/Version.
const (
	Group   = "secrets.hashicorp.com"
	Version = "v1beta1"
)

// GroupVersion returns the group and version of every kind of this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// Kind returns the full name of a kind of this package, like "VaultAuth".
func Kind(name string) schema.GroupVersionKind { return GroupVersion().WithKind(name) }

// Resource returns the full name of a resource of this package, like "vaultauths".
func Resource(plural string) schema.GroupResource {
	return GroupVersion().WithResource(plural).GroupResource()
}

// AddToScheme teaches a scheme all kinds of this package and their lists. It never
// fails; the error is there because scheme builders ask for it.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(), objects()...)
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}

func objects() []runtime.Object {
	return []runtime.Object{
		&VaultConnection{}, &VaultConnectionList{},
		&VaultAuth{}, &VaultAuthList{},
		&VaultAuthGlobal{}, &VaultAuthGlobalList{},
		&VaultStaticSecret{}, &VaultStaticSecretList{},
		&VaultDynamicSecret{}, &VaultDynamicSecretList{},
		&VaultPKISecret{}, &VaultPKISecretList{},
		&SecretTransformation{}, &SecretTransformationList{},
		&CSISecrets{}, &CSISecretsList{},
		&ClusterVaultSecret{}, &ClusterVaultSecretList{},
		&VaultPushSecret{}, &VaultPushSecretList{},
	}
}
