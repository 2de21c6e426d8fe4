package effective

import (
	"maps"
	"reflect"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

// Merge completes a VaultAuth by a VaultAuthGlobal, nil for none. The result is a
// copy, in which the method, the mount and the settings of the method are there,
// and the reference to a connection has its namespace.
//
// A field of the VaultAuth wins over the method's settings in the VaultAuthGlobal,
// and those over what it says for every method.
func Merge(auth *v1beta1.VaultAuth, global *v1beta1.VaultAuthGlobal) (*v1beta1.VaultAuth, error) {
	out := auth.DeepCopy()
	object := nameOf("VaultAuth", auth)
	if global == nil {
		global = &v1beta1.VaultAuthGlobal{}
	} else {
		global = global.DeepCopy()
		object += " with " + nameOf("VaultAuthGlobal", global)
	}
	s, g := &out.Spec, &global.Spec
	s.Method = v1beta1.AuthMethod(orElse(string(s.Method), string(g.DefaultAuthMethod)))
	if s.Method == "" {
		return nil, invalid(object, "no method is set")
	}
	b, ok := blockOf(s, g)
	if !ok {
		return nil, invalid(object, "method %q is not known", s.Method)
	}
	common, ok := b.complete()
	if !ok {
		return nil, invalid(object, "method %q has no settings: %s is not set", s.Method, s.Method)
	}
	s.Mount = orElse(s.Mount, common.Mount, g.DefaultMount)
	if s.Mount == "" {
		return nil, invalid(object, "no mount is set")
	}
	s.Namespace = orElse(s.Namespace, common.Namespace, g.DefaultVaultNamespace)
	if s.VaultConnectionRef == "" && g.VaultConnectionRef != "" {
		name, err := ParseName(g.VaultConnectionRef, global.Namespace)
		if err != nil {
			return nil, invalid(object, "vaultConnectionRef of the VaultAuthGlobal: %v", err)
		}
		s.VaultConnectionRef = name.String()
	}
	headers, params := strategy(s.VaultAuthGlobalRef)
	s.Headers = mergeMaps(headers, s.Headers, common.Headers, g.Headers)
	s.Params = mergeMaps(params, s.Params, common.Params, g.Params)
	return out, nil
}

func strategy(ref *v1beta1.VaultAuthGlobalRef) (headers, params v1beta1.MergePolicy) {
	if ref == nil || ref.MergeStrategy == nil {
		return v1beta1.MergeNone, v1beta1.MergeNone
	}
	return ref.MergeStrategy.Headers, ref.MergeStrategy.Params
}

// mergeMaps merges maps of which the first has precedence.
func mergeMaps(policy v1beta1.MergePolicy, own, method, global map[string]string) map[string]string {
	switch policy {
	case v1beta1.MergeUnion:
		out := map[string]string{}
		for _, m := range []map[string]string{global, method, own} {
			maps.Copy(out, m)
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case v1beta1.MergeReplace:
		for _, m := range []map[string]string{own, method, global} {
			if len(m) > 0 {
				return m
			}
		}
		return nil
	default:
		return own
	}
}

// block is the settings of one method on both sides: pointers to the pointer of
// the VaultAuth, to the embedded settings of the VaultAuthGlobal, nil where it has
// none, and what it says of the mount for that method.
type block struct {
	own    any
	global any
	common *v1beta1.GlobalMethod
}

// blockOf finds the settings of the method that is set. The VaultAuthGlobal of a
// method is a struct of two embedded ones.
func blockOf(s *v1beta1.VaultAuthSpec, g *v1beta1.VaultAuthGlobalSpec) (block, bool) {
	pairs := map[v1beta1.AuthMethod][2]any{
		v1beta1.MethodKubernetes: {&s.Kubernetes, g.Kubernetes},
		v1beta1.MethodJWT:        {&s.JWT, g.JWT},
		v1beta1.MethodAppRole:    {&s.AppRole, g.AppRole},
		v1beta1.MethodAWS:        {&s.AWS, g.AWS},
		v1beta1.MethodGCP:        {&s.GCP, g.GCP},
		v1beta1.MethodCert:       {&s.Cert, g.Cert},
		v1beta1.MethodAzure:      {&s.Azure, g.Azure},
		v1beta1.MethodToken:      {&s.Token, g.Token},
		v1beta1.MethodLDAP:       {&s.LDAP, g.LDAP},
		v1beta1.MethodUserpass:   {&s.Userpass, g.Userpass},
	}
	pair, ok := pairs[s.Method]
	if !ok {
		return block{}, false
	}
	b := block{own: pair[0], common: &v1beta1.GlobalMethod{}}
	if v := reflect.ValueOf(pair[1]); !v.IsNil() {
		b.global = v.Elem().Field(0).Addr().Interface()
		b.common, _ = v.Elem().Field(1).Addr().Interface().(*v1beta1.GlobalMethod)
	}
	return b, true
}

// complete fills the fields that the VaultAuth leaves empty. It is false where
// neither side has settings.
func (b block) complete() (*v1beta1.GlobalMethod, bool) {
	own := reflect.ValueOf(b.own).Elem()
	if b.global == nil {
		return b.common, !own.IsNil()
	}
	global := reflect.ValueOf(b.global)
	if own.IsNil() {
		own.Set(global)
		return b.common, true
	}
	for i := range own.Elem().NumField() {
		if field := own.Elem().Field(i); field.IsZero() {
			field.Set(global.Elem().Field(i))
		}
	}
	return b.common, true
}
