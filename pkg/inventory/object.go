package inventory

import (
	"context"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// The API group of the operator's kinds, and the version that is in use.
const (
	Group   = "secrets.hashicorp.com"
	Current = "v1beta1"
)

// Definition is a CustomResourceDefinition of the operator's group.
type Definition struct {
	Kind, Plural string
	Namespaced   bool
	Established  bool
	Served       []string // versions
	Stored       []string // versions that objects in the store may have
	Release      string   // of Helm; "" for none
}

// Definitions lists those of the operator's group, by whomever they were made.
func Definitions(ctx context.Context, c *kube.Client) ([]Definition, error) {
	type definition struct {
		Metadata struct{ Annotations map[string]string }
		Spec     struct {
			Group, Scope string
			Names        struct{ Kind, Plural string }
			Versions     []struct {
				Name   string
				Served bool
			}
		}
		Status struct {
			StoredVersions []string
			Conditions     []Condition
		}
	}
	all, err := kube.All[definition](ctx, c, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
	if err != nil {
		return nil, err
	}
	var found []Definition
	for _, o := range all {
		if o.Spec.Group != Group {
			continue
		}
		d := Definition{
			Kind: o.Spec.Names.Kind, Plural: o.Spec.Names.Plural, Namespaced: o.Spec.Scope == "Namespaced",
			Stored: o.Status.StoredVersions, Release: o.Metadata.Annotations["meta.helm.sh/release-name"],
		}
		for _, v := range o.Spec.Versions {
			if v.Served {
				d.Served = append(d.Served, v.Name)
			}
		}
		for _, c := range o.Status.Conditions {
			d.Established = d.Established || c.Type == "Established" && c.Status == "True"
		}
		found = append(found, d)
	}
	return found, nil
}

// Condition is one of an object's status.
type Condition struct{ Type, Status, Reason, Message string }

// Object is what all objects have in common, as far as it is of interest here.
type Object struct {
	Kind     string
	Metadata struct {
		Namespace, Name string
		Annotations     map[string]string
		Finalizers      []string
	}
	Spec   map[string]any
	Status struct {
		Conditions  []Condition
		SecretLease struct{ ID string } // of a VaultDynamicSecret
		Valid       *bool
		Error       string
	}
}

// String names the object.
func (o Object) String() string {
	return strings.TrimSpace(o.Kind+" ") + " " + strings.TrimPrefix(o.Metadata.Namespace+"/", "/") + o.Metadata.Name
}

// Objects lists a collection; none if the API server does not know it.
func Objects(ctx context.Context, c *kube.Client, kind, path string) ([]Object, error) {
	all, err := kube.All[Object](ctx, c, path)
	if kube.NotFound(err) {
		return nil, nil
	}
	for i := range all {
		all[i].Kind = kind
	}
	return all, err
}

// OfOperator lists the objects of all kinds that are defined.
func OfOperator(ctx context.Context, c *kube.Client, definitions []Definition) ([]Object, error) {
	var found []Object
	for _, d := range definitions {
		all, err := Objects(ctx, c, d.Kind, "/apis/"+Group+"/"+Current+"/"+d.Plural)
		if err != nil {
			return nil, err
		}
		found = append(found, all...)
	}
	return found, nil
}

// Classes lists the SecretProviderClasses of the providers of Vault.
func Classes(ctx context.Context, c *kube.Client) ([]Object, error) {
	all, err := Objects(ctx, c, "SecretProviderClass", "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses")
	var found []Object
	for _, o := range all {
		if p, _ := o.Spec["provider"].(string); p == "vault" || p == "openbao" {
			found = append(found, o)
		}
	}
	return found, err
}

// CSIDriver is the object of the Secrets Store CSI Driver.
type CSIDriver struct {
	Spec struct {
		RequiresRepublish bool
		TokenRequests     []struct{ Audience string }
	}
}

// Driver reads it; nil if there is none.
func Driver(ctx context.Context, c *kube.Client) (*CSIDriver, error) {
	var d CSIDriver
	err := c.Get(ctx, "/apis/storage.k8s.io/v1/csidrivers/secrets-store.csi.k8s.io", &d)
	if kube.NotFound(err) {
		return nil, nil
	}
	return &d, err
}
