package operator

import (
	"context"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// What the operator makes for itself has an owner, so that the garbage collector
// removes what no release knows of. Without an owner it stays, until --uninstall.

// account is the owner of Leases: the service account that the operator runs as, which
// goes with the release.
func (p *program) account() []metav1.OwnerReference {
	token := p.cluster.rest.BearerToken
	if file := p.cluster.rest.BearerTokenFile; file != "" {
		if content, err := os.ReadFile(file); err == nil {
			token = strings.TrimSpace(string(content))
		}
	}
	var all []metav1.OwnerReference
	for _, o := range kube.OwnersOf(token, p.config.Namespace) {
		all = append(all, metav1.OwnerReference{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, UID: types.UID(o.UID)})
	}
	return all
}

// definition is the owner of the key: a definition that the operator serves, which
// outlives releases as its objects do. With another key, whoever works on those next
// would take each Secret for somebody else's work, and restart who uses it.
func (p *program) definition(ctx context.Context) []metav1.OwnerReference {
	d := &metav1.PartialObjectMetadata{}
	d.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	if p.cluster.live.Get(ctx, client.ObjectKey{Name: "vaultstaticsecrets." + v1beta1.Group}, d) != nil {
		return nil // Roles do not let anybody ask for it
	}
	return []metav1.OwnerReference{{APIVersion: d.APIVersion, Kind: d.Kind, Name: d.Name, UID: d.UID}}
}
