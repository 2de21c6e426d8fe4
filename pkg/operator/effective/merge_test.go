package effective_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
)

func global(spec v1beta1.VaultAuthGlobalSpec) *v1beta1.VaultAuthGlobal {
	return &v1beta1.VaultAuthGlobal{ObjectMeta: meta("shared", "g"), Spec: spec}
}

func auth(spec v1beta1.VaultAuthSpec) *v1beta1.VaultAuth {
	return &v1beta1.VaultAuth{ObjectMeta: meta("apps", "a"), Spec: spec}
}

func TestMerge(t *testing.T) {
	kube := func(role, account string) v1beta1.AuthMethods {
		return v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: role, ServiceAccount: account}}
	}
	cases := map[string]struct {
		auth   v1beta1.VaultAuthSpec
		global *v1beta1.VaultAuthGlobal
		want   v1beta1.VaultAuthSpec
		err    string
	}{
		"NoGlobal": {
			auth: v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "m", Namespace: "ns", AuthMethods: kube("r", "sa")},
			want: v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "m", Namespace: "ns", AuthMethods: kube("r", "sa")},
		},
		"AllOfGlobal": {
			global: global(v1beta1.VaultAuthGlobalSpec{
				DefaultAuthMethod: "kubernetes", DefaultMount: "dm", DefaultVaultNamespace: "dn", VaultConnectionRef: "c",
				Kubernetes: &v1beta1.GlobalKubernetesAuth{KubernetesAuth: v1beta1.KubernetesAuth{Role: "r", ServiceAccount: "sa"}},
			}),
			want: v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "dm", Namespace: "dn", VaultConnectionRef: "shared/c", AuthMethods: kube("r", "sa")},
		},
		"MethodOverDefault": {
			auth: v1beta1.VaultAuthSpec{AuthMethods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{ServiceAccount: "own", Audiences: []string{"x"}}}},
			global: global(v1beta1.VaultAuthGlobalSpec{
				DefaultAuthMethod: "kubernetes", DefaultMount: "dm", DefaultVaultNamespace: "dn", VaultConnectionRef: "team/c",
				Kubernetes: &v1beta1.GlobalKubernetesAuth{
					KubernetesAuth: v1beta1.KubernetesAuth{Role: "r", ServiceAccount: "sa", Audiences: []string{"y", "z"}, TokenExpirationSeconds: 900},
					GlobalMethod:   v1beta1.GlobalMethod{Mount: "mm", Namespace: "mn"},
				},
			}),
			want: v1beta1.VaultAuthSpec{
				Method: "kubernetes", Mount: "mm", Namespace: "mn", VaultConnectionRef: "team/c",
				AuthMethods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: "r", ServiceAccount: "own", Audiences: []string{"x"}, TokenExpirationSeconds: 900}},
			},
		},
		"OwnOverAll": {
			auth: v1beta1.VaultAuthSpec{Method: "jwt", Mount: "m", Namespace: "n", VaultConnectionRef: "mine", AuthMethods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{Role: "own"}}},
			global: global(v1beta1.VaultAuthGlobalSpec{
				DefaultAuthMethod: "kubernetes", DefaultMount: "dm", DefaultVaultNamespace: "dn", VaultConnectionRef: "c",
				JWT: &v1beta1.GlobalJWTAuth{JWTAuth: v1beta1.JWTAuth{Role: "r", SecretRef: "s"}, GlobalMethod: v1beta1.GlobalMethod{Mount: "mm", Namespace: "mn"}},
			}),
			want: v1beta1.VaultAuthSpec{Method: "jwt", Mount: "m", Namespace: "n", VaultConnectionRef: "mine", AuthMethods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{Role: "own", SecretRef: "s"}}},
		},
		"NoMethod":      {global: global(v1beta1.VaultAuthGlobalSpec{}), err: "VaultAuth apps/a with VaultAuthGlobal shared/g: no method is set"},
		"NoBlock":       {auth: v1beta1.VaultAuthSpec{Method: "aws", Mount: "m"}, err: `VaultAuth apps/a: method "aws" has no settings: aws is not set`},
		"NoMount":       {auth: v1beta1.VaultAuthSpec{Method: "kubernetes", AuthMethods: kube("r", "s")}, err: "VaultAuth apps/a: no mount is set"},
		"UnknownMethod": {auth: v1beta1.VaultAuthSpec{Method: "kerberos", Mount: "m"}, err: `VaultAuth apps/a: method "kerberos" is not known`},
		"BadConnection": {
			auth:   v1beta1.VaultAuthSpec{Method: "kubernetes", Mount: "m", AuthMethods: kube("r", "s")},
			global: global(v1beta1.VaultAuthGlobalSpec{VaultConnectionRef: "a/b/c"}),
			err:    `VaultAuth apps/a with VaultAuthGlobal shared/g: vaultConnectionRef of the VaultAuthGlobal: "a/b/c" is not a reference: write NAME or NAMESPACE/NAME`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := auth(tc.auth)
			before, beforeGlobal := in.DeepCopy(), tc.global.DeepCopy()
			got, err := effective.Merge(in, tc.global)
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			if err == nil {
				if diff := cmp.Diff(tc.want, got.Spec); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if cmp.Diff(before, in) != "" || cmp.Diff(beforeGlobal, tc.global) != "" {
				t.Error("an object was changed")
			}
		})
	}
}

// TestMergeEveryMethod finds a method that Merge does not know, or whose settings
// it does not take.
func TestMergeEveryMethod(t *testing.T) {
	g := v1beta1.GlobalMethod{Mount: "mm"}
	spec := v1beta1.VaultAuthGlobalSpec{
		Kubernetes: &v1beta1.GlobalKubernetesAuth{KubernetesAuth: v1beta1.KubernetesAuth{Role: "r"}, GlobalMethod: g},
		JWT:        &v1beta1.GlobalJWTAuth{JWTAuth: v1beta1.JWTAuth{Role: "r"}, GlobalMethod: g},
		AppRole:    &v1beta1.GlobalAppRoleAuth{AppRoleAuth: v1beta1.AppRoleAuth{RoleID: "r"}, GlobalMethod: g},
		AWS:        &v1beta1.GlobalAWSAuth{AWSAuth: v1beta1.AWSAuth{Role: "r"}, GlobalMethod: g},
		GCP:        &v1beta1.GlobalGCPAuth{GCPAuth: v1beta1.GCPAuth{Role: "r"}, GlobalMethod: g},
		Cert:       &v1beta1.GlobalCertAuth{CertAuth: v1beta1.CertAuth{Role: "r"}, GlobalMethod: g},
		Azure:      &v1beta1.GlobalAzureAuth{AzureAuth: v1beta1.AzureAuth{Role: "r"}, GlobalMethod: g},
		Token:      &v1beta1.GlobalTokenAuth{TokenAuth: v1beta1.TokenAuth{SecretRef: "r"}, GlobalMethod: g},
		LDAP:       &v1beta1.GlobalPasswordAuth{PasswordAuth: v1beta1.PasswordAuth{Username: "r"}, GlobalMethod: g},
		Userpass:   &v1beta1.GlobalPasswordAuth{PasswordAuth: v1beta1.PasswordAuth{Username: "r"}, GlobalMethod: g},
	}
	want := map[v1beta1.AuthMethod]v1beta1.AuthMethods{
		v1beta1.MethodKubernetes: {Kubernetes: &spec.Kubernetes.KubernetesAuth},
		v1beta1.MethodJWT:        {JWT: &spec.JWT.JWTAuth},
		v1beta1.MethodAppRole:    {AppRole: &spec.AppRole.AppRoleAuth},
		v1beta1.MethodAWS:        {AWS: &spec.AWS.AWSAuth},
		v1beta1.MethodGCP:        {GCP: &spec.GCP.GCPAuth},
		v1beta1.MethodCert:       {Cert: &spec.Cert.CertAuth},
		v1beta1.MethodAzure:      {Azure: &spec.Azure.AzureAuth},
		v1beta1.MethodToken:      {Token: &spec.Token.TokenAuth},
		v1beta1.MethodLDAP:       {LDAP: &spec.LDAP.PasswordAuth},
		v1beta1.MethodUserpass:   {Userpass: &spec.Userpass.PasswordAuth},
	}
	for method, methods := range want {
		t.Run(string(method), func(t *testing.T) {
			got, err := effective.Merge(auth(v1beta1.VaultAuthSpec{Method: method}), global(spec))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v1beta1.VaultAuthSpec{Method: method, Mount: "mm", AuthMethods: methods}, got.Spec); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeStrategies(t *testing.T) {
	type m = map[string]string
	cases := map[string]struct {
		policy              v1beta1.MergePolicy
		own, method, global m
		want                m
	}{
		"Unset":         {own: m{"a": "1"}, method: m{"b": "2"}, want: m{"a": "1"}},
		"None":          {policy: "none", method: m{"b": "2"}, global: m{"c": "3"}},
		"Union":         {policy: "union", own: m{"a": "own"}, method: m{"a": "m", "b": "m"}, global: m{"a": "g", "b": "g", "c": "g"}, want: m{"a": "own", "b": "m", "c": "g"}},
		"UnionNothing":  {policy: "union"},
		"ReplaceOwn":    {policy: "replace", own: m{"a": "own"}, method: m{"b": "m"}, want: m{"a": "own"}},
		"ReplaceMethod": {policy: "replace", own: m{}, method: m{"b": "m"}, global: m{"c": "g"}, want: m{"b": "m"}},
		"ReplaceGlobal": {policy: "replace", global: m{"c": "g"}, want: m{"c": "g"}},
		"ReplaceNone":   {policy: "replace"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := auth(v1beta1.VaultAuthSpec{
				Method: "token", Mount: "m", Headers: tc.own, Params: m{"p": "own"},
				VaultAuthGlobalRef: &v1beta1.VaultAuthGlobalRef{MergeStrategy: &v1beta1.MergeStrategy{Headers: tc.policy}},
			})
			g := global(v1beta1.VaultAuthGlobalSpec{
				Headers: tc.global, Params: m{"p": "global"},
				Token: &v1beta1.GlobalTokenAuth{GlobalMethod: v1beta1.GlobalMethod{Headers: tc.method, Params: m{"q": "method"}}},
			})
			got, err := effective.Merge(a, g)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Spec.Headers); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(m{"p": "own"}, got.Spec.Params); diff != "" {
				t.Errorf("params, with a strategy of their own (-want +got):\n%s", diff)
			}
			a.Spec.VaultAuthGlobalRef.MergeStrategy = &v1beta1.MergeStrategy{Params: tc.policy}
			a.Spec.Params, g.Spec.Params, g.Spec.Token.Params = tc.own, tc.global, tc.method
			got, err = effective.Merge(a, g)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Spec.Params); diff != "" {
				t.Errorf("params (-want +got):\n%s", diff)
			}
		})
	}
}
