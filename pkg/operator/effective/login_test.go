package effective_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
	"github.com/vaultk8s/vaultk8s/pkg/operator/effective"
)

func connection(spec v1beta1.VaultConnectionSpec) *v1beta1.VaultConnection {
	if spec.Address == "" {
		spec.Address = "https://vault:8200"
	}
	return &v1beta1.VaultConnection{ObjectMeta: meta("infra", "vault"), Spec: spec}
}

func TestConnection(t *testing.T) {
	cases := map[string]struct {
		spec  v1beta1.VaultConnectionSpec
		want  config.Vault
		files []effective.SecretField
		err   string
	}{
		"Plain": {want: config.Vault{Address: "https://vault:8200"}},
		"Full": {
			spec: v1beta1.VaultConnectionSpec{
				Headers: map[string]string{"X-B": "2", "X-A": "1"}, TLSServerName: "sni", CACertSecretRef: "ca", ClientCertSecretRef: "client",
				SkipTLSVerify: true, Timeout: "30s", Proxy: &v1beta1.ConnectionProxy{URL: "http://proxy", SecretRef: "proxy"}, RateLimit: &v1beta1.RateLimit{QPS: 5, Burst: 9},
			},
			want: config.Vault{
				Address: "https://vault:8200", TLSServerName: "sni", TLSSkipVerify: true, Timeout: 30 * time.Second, ProxyAddress: "http://proxy",
				RateLimit: 5, RateBurst: 9, Headers: []config.Header{{Name: "X-A", Value: "1"}, {Name: "X-B", Value: "2"}},
			},
			files: []effective.SecretField{
				{Namespace: "infra", Name: "ca", Field: "ca.crt", Option: "CACertBytes"},
				{Namespace: "infra", Name: "client", Field: "tls.crt", Option: "ClientCert"},
				{Namespace: "infra", Name: "client", Field: "tls.key", Option: "ClientKey"},
				{Namespace: "infra", Name: "proxy", Field: "username", Option: "ProxyAddress.User"},
				{Namespace: "infra", Name: "proxy", Field: "password", Option: "ProxyAddress.Password"},
			},
		},
		"CAPath":    {spec: v1beta1.VaultConnectionSpec{CACertPath: "/etc/a..b/ca.pem"}, want: config.Vault{Address: "https://vault:8200", CACert: "/etc/a..b/ca.pem"}},
		"Dots":      {spec: v1beta1.VaultConnectionSpec{CACertPath: "/etc/../ca.pem"}, err: `VaultConnection infra/vault: caCertPath must not contain ".."`},
		"TwoCAs":    {spec: v1beta1.VaultConnectionSpec{CACertPath: "/a", CACertSecretRef: "b"}, err: "VaultConnection infra/vault: caCertPath and caCertSecretRef cannot be combined"},
		"Namespace": {spec: v1beta1.VaultConnectionSpec{Headers: map[string]string{"x-vault-namespace": "n"}}, err: `VaultConnection infra/vault: headers must not set "x-vault-namespace": set namespace of the objects that refer to it`},
		"Timeout":   {spec: v1beta1.VaultConnectionSpec{Timeout: "soon"}, err: `VaultConnection infra/vault: timeout: parse duration "soon": a number and one of s, m, h is expected`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, files, err := effective.Connection(connection(tc.spec))
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			if diff := cmp.Diff(tc.want, got); err == nil && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.files, files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
	if _, _, err := effective.Connection(&v1beta1.VaultConnection{ObjectMeta: meta("a", "b")}); text(err) != "VaultConnection a/b: address is not set" {
		t.Errorf("error %q", text(err))
	}
}

// field is an entry of a Secret in namespace apps.
func field(secret, name, option string) effective.SecretField {
	return effective.SecretField{Namespace: "apps", Name: secret, Field: name, Option: option}
}

func inline(f effective.SecretField, optional bool) effective.SecretField {
	f.Inline, f.Optional = true, optional
	return f
}

func TestMethods(t *testing.T) {
	type options = map[string]string
	cases := map[string]struct {
		method  v1beta1.AuthMethod
		methods v1beta1.AuthMethods
		auth    config.Auth // without its mount
		want    effective.Credential
		err     string
	}{
		"Kubernetes": {
			method: "kubernetes", methods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: "r", ServiceAccount: "sa", Audiences: []string{"vault"}, TokenExpirationSeconds: 1200}},
			auth: config.Auth{Method: "kubernetes", Role: "r", Options: options{}},
			want: effective.Credential{Source: effective.AccountToken, Namespace: "apps", Name: "sa", Audiences: []string{"vault"}, Expiration: 20 * time.Minute},
		},
		"KubernetesShort": {
			method: "kubernetes", methods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{Role: "r", ServiceAccount: "sa", TokenExpirationSeconds: 5}},
			auth: config.Auth{Method: "kubernetes", Role: "r", Options: options{}},
			want: effective.Credential{Source: effective.AccountToken, Namespace: "apps", Name: "sa", Expiration: 10 * time.Minute},
		},
		"KubernetesEmpty": {method: "kubernetes", methods: v1beta1.AuthMethods{Kubernetes: &v1beta1.KubernetesAuth{}}, err: `VaultAuth apps/a: method "kubernetes": role, serviceAccount must be set`},
		"JWTSecret": {
			method: "jwt", methods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{Role: "r", SecretRef: "s"}},
			auth: config.Auth{Method: "jwt", Role: "r", Options: options{"remove_jwt_after_reading": "false"}},
			want: effective.Credential{Source: effective.SecretKeys, Namespace: "apps", Name: "s", Fields: []effective.SecretField{field("s", "jwt", "path")}},
		},
		"JWTAccount": {
			method: "jwt", methods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{Role: "r", ServiceAccount: "sa"}},
			auth: config.Auth{Method: "jwt", Role: "r", Options: options{}},
			want: effective.Credential{Source: effective.AccountToken, Namespace: "apps", Name: "sa", Expiration: 10 * time.Minute},
		},
		"JWTBoth":  {method: "jwt", methods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{Role: "r", SecretRef: "s", ServiceAccount: "sa"}}, err: `VaultAuth apps/a: method "jwt": secretRef and serviceAccount cannot be combined`},
		"JWTEmpty": {method: "jwt", methods: v1beta1.AuthMethods{JWT: &v1beta1.JWTAuth{}}, err: `VaultAuth apps/a: method "jwt": role, secretRef or serviceAccount must be set`},
		"AppRole": {
			method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretRef: "s"}},
			auth: config.Auth{Method: "approle", Options: options{"remove_secret_id_file_after_reading": "false"}},
			want: effective.Credential{
				Source: effective.SecretKeys, Namespace: "apps", Name: "s", Fields: []effective.SecretField{field("s", "id", "secret_id_file_path")},
				Texts: []effective.Text{{Option: "role_id_file_path", Text: "id"}},
			},
		},
		"AppRoleFile": {
			method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretIDPath: "/secret-ids/a/b"}},
			auth: config.Auth{Method: "approle", Options: options{"remove_secret_id_file_after_reading": "false", "secret_id_file_path": "/secret-ids/a/b"}},
			want: effective.Credential{Source: effective.OperatorFile, Texts: []effective.Text{{Option: "role_id_file_path", Text: "id"}}},
		},
		"AppRoleOutside":  {method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretIDPath: "/secret-ids-2/a"}}, err: `VaultAuth apps/a: method "appRole": secretIDPath "/secret-ids-2/a" is not in a directory that the operator was told to allow`},
		"AppRoleDots":     {method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretIDPath: "/secret-ids/../a"}}, err: `VaultAuth apps/a: method "appRole": secretIDPath "/secret-ids/../a" is not in a directory that the operator was told to allow`},
		"AppRoleRelative": {method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretIDPath: "a"}}, err: `VaultAuth apps/a: method "appRole": secretIDPath "a" is not in a directory that the operator was told to allow`},
		"AppRoleBoth":     {method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{RoleID: "id", SecretRef: "s", SecretIDPath: "/secret-ids/a"}}, err: `VaultAuth apps/a: method "appRole": secretRef and secretIDPath cannot be combined`},
		"AppRoleEmpty":    {method: "appRole", methods: v1beta1.AuthMethods{AppRole: &v1beta1.AppRoleAuth{}}, err: `VaultAuth apps/a: method "appRole": roleId, secretRef must be set`},
		"AWSSecret": {
			method: "aws", methods: v1beta1.AuthMethods{AWS: &v1beta1.AWSAuth{Role: "r", Region: "eu", HeaderValue: "h", SessionName: "n", STSEndpoint: "sts", IAMEndpoint: "iam", SecretRef: "s", IRSAServiceAccount: "sa"}},
			auth: config.Auth{Method: "aws", Role: "r", Options: options{"type": "iam", "region": "eu", "header_value": "h", "session_name": "n", "sts_endpoint": "sts", "iam_endpoint": "iam"}},
			want: effective.Credential{Source: effective.SecretKeys, Namespace: "apps", Name: "s", Fields: []effective.SecretField{
				inline(field("s", "access_key_id", "access_key"), false), inline(field("s", "secret_access_key", "secret_key"), false), inline(field("s", "session_token", "session_token"), true),
			}},
		},
		"AWSAccount": {
			method: "aws", methods: v1beta1.AuthMethods{AWS: &v1beta1.AWSAuth{Role: "r", IRSAServiceAccount: "sa"}},
			auth: config.Auth{Method: "aws", Role: "r", Options: options{"type": "iam"}},
			want: effective.Credential{Source: effective.AccountCloud, Namespace: "apps", Name: "sa", Account: []effective.Annotation{
				{Name: "eks.amazonaws.com/role-arn", Option: "role_arn", Required: true},
				{Name: "eks.amazonaws.com/audience", Option: "audience", Default: "sts.amazonaws.com"},
				{Name: "eks.amazonaws.com/token-expiration", Option: "token_expiration", Default: "86400"},
			}},
		},
		"AWSNode": {
			method: "aws", methods: v1beta1.AuthMethods{AWS: &v1beta1.AWSAuth{Role: "r"}},
			auth: config.Auth{Method: "aws", Role: "r", Options: options{"type": "iam"}},
			want: effective.Credential{Source: effective.OperatorSelf, Namespace: "apps", Name: "kube-root-ca.crt"},
		},
		"GCP": {
			method: "gcp", methods: v1beta1.AuthMethods{GCP: &v1beta1.GCPAuth{Role: "r", WorkloadIdentityServiceAccount: "sa", Region: "eu", ClusterName: "c", ProjectID: "p"}},
			auth: config.Auth{Method: "gcp", Role: "r", Options: options{"type": "gce", "region": "eu", "cluster_name": "c", "project": "p"}},
			want: effective.Credential{Source: effective.AccountCloud, Namespace: "apps", Name: "sa", Expiration: 10 * time.Minute, Account: []effective.Annotation{
				{Name: "iam.gke.io/gcp-service-account", Option: "service_account", Required: true},
			}},
		},
		"GCPEmpty": {method: "gcp", methods: v1beta1.AuthMethods{GCP: &v1beta1.GCPAuth{}}, err: `VaultAuth apps/a: method "gcp": role, workloadIdentityServiceAccount must be set`},
		"Cert": {
			method: "cert", methods: v1beta1.AuthMethods{Cert: &v1beta1.CertAuth{Role: "r", SecretRef: "s"}},
			auth: config.Auth{Method: "cert", Options: options{"name": "r"}},
			want: effective.Credential{Source: effective.SecretKeys, Namespace: "apps", Name: "s", Fields: []effective.SecretField{field("s", "tls.crt", "client_cert"), field("s", "tls.key", "client_key")}},
		},
		"CertOfConnection": {
			method: "cert", methods: v1beta1.AuthMethods{Cert: &v1beta1.CertAuth{}},
			auth: config.Auth{Method: "cert", Options: options{}},
			want: effective.Credential{Source: effective.OperatorSelf, Namespace: "apps", Name: "kube-root-ca.crt"},
		},
		"Azure": {
			method: "azure", methods: v1beta1.AuthMethods{Azure: &v1beta1.AzureAuth{Role: "r", ClientID: "id"}},
			auth: config.Auth{Method: "azure", Role: "r", Options: options{"resource": "https://management.azure.com/", "client_id": "id"}},
			want: effective.Credential{Source: effective.OperatorSelf, Namespace: "apps", Name: "kube-root-ca.crt"},
		},
		"AzureAccount": {
			method: "azure", methods: v1beta1.AuthMethods{Azure: &v1beta1.AzureAuth{Role: "r", Resource: "api://x", WorkloadIdentityServiceAccount: "sa"}},
			auth: config.Auth{Method: "azure", Role: "r", Options: options{"resource": "api://x"}},
			want: effective.Credential{
				Source: effective.AccountCloud, Namespace: "apps", Name: "sa", Audiences: []string{"api://AzureADTokenExchange"}, Expiration: time.Hour,
				Account: []effective.Annotation{{Name: "azure.workload.identity/client-id", Option: "client_id", Required: true}, {Name: "azure.workload.identity/tenant-id", Option: "tenant_id", Required: true}},
			},
		},
		"Token": {
			method: "token", methods: v1beta1.AuthMethods{Token: &v1beta1.TokenAuth{SecretRef: "s"}},
			auth: config.Auth{Method: "token_file", Options: options{}},
			want: effective.Credential{Source: effective.SecretKeys, Namespace: "apps", Name: "s", Fields: []effective.SecretField{field("s", "token", "token_file_path")}},
		},
		"LDAP": {
			method: "ldap", methods: v1beta1.AuthMethods{LDAP: &v1beta1.PasswordAuth{Username: "u", SecretRef: "s"}},
			auth: config.Auth{Method: "ldap", Options: options{"username": "u", "remove_password_after_reading": "false"}},
			want: effective.Credential{Source: effective.SecretKeys, Namespace: "apps", Name: "s", Fields: []effective.SecretField{field("s", "password", "password_file_path")}},
		},
		"UserpassEmpty": {method: "userpass", methods: v1beta1.AuthMethods{Userpass: &v1beta1.PasswordAuth{}}, err: `VaultAuth apps/a: method "userpass": username, secretRef must be set`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l, err := effective.Resolve(effective.Input{
				Consumer: effective.Consumer{Namespace: "apps"}, OperatorNamespace: ops, SecretIDFolders: []string{"/secret-ids/"},
				Auth:       auth(v1beta1.VaultAuthSpec{Method: tc.method, Mount: "/m/", AuthMethods: tc.methods}),
				Connection: connection(v1beta1.VaultConnectionSpec{}),
			})
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			if err != nil {
				return
			}
			tc.auth.Mount = "auth/m"
			if diff := cmp.Diff(tc.auth, l.Auth); diff != "" {
				t.Errorf("auth (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, l.Credential); diff != "" {
				t.Errorf("credential (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	good := func() effective.Input {
		token := v1beta1.AuthMethods{Token: &v1beta1.TokenAuth{SecretRef: "s"}}
		return effective.Input{
			Consumer: effective.Consumer{Namespace: "shop"}, OperatorNamespace: ops,
			Auth: auth(v1beta1.VaultAuthSpec{
				Method: "token", Mount: "auth/m", Namespace: "vns", AllowedNamespaces: []string{"shop"}, AuthMethods: token,
				Headers: map[string]string{"X-B": "b", "X-A": "a"}, Params: map[string]string{"p": "q"},
			}),
			Global:     global(v1beta1.VaultAuthGlobalSpec{AllowedNamespaces: []string{"apps"}}),
			Connection: connection(v1beta1.VaultConnectionSpec{CACertSecretRef: "ca"}),
		}
	}
	cases := map[string]struct {
		change func(*effective.Input)
		err    string
		kind   effective.Kind
		where  string // namespace of the credentials
	}{
		"Good":           {change: func(*effective.Input) {}, where: "shop"},
		"TrustNamespace": {change: func(in *effective.Input) { in.Auth.Spec.TrustNamespace = true }, where: "apps"},
		"Denied":         {change: func(in *effective.Input) { in.Consumer.Namespace = "evil" }, err: `VaultAuth apps/a: namespace "evil" is not among those that it allows`, kind: effective.Denied},
		"GlobalDenies":   {change: func(in *effective.Input) { in.Global.Spec.AllowedNamespaces = []string{"shop"} }, err: `VaultAuthGlobal shared/g: namespace "apps" is not among those that it allows`, kind: effective.Denied},
		"GlobalSelector": {
			change: func(in *effective.Input) {
				in.Global.Spec.AllowedNamespaces = nil
				in.Global.Spec.AllowedNamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "apps"}}
				in.AuthLabels = map[string]string{"team": "apps"}
			},
			where: "shop",
		},
		"GlobalSelectorOther": {
			change: func(in *effective.Input) {
				in.Global.Spec.AllowedNamespaces = nil
				in.Global.Spec.AllowedNamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "apps"}}
				in.Consumer.Labels = map[string]string{"team": "apps"}
			},
			err: `VaultAuthGlobal shared/g: namespace "apps" is not among those that it allows`, kind: effective.Denied,
		},
		"Merge":      {change: func(in *effective.Input) { in.Auth.Spec.Method = "" }, err: "VaultAuth apps/a with VaultAuthGlobal shared/g: no method is set"},
		"Connection": {change: func(in *effective.Input) { in.Connection.Spec.Address = "" }, err: "VaultConnection infra/vault: address is not set"},
		"Method":     {change: func(in *effective.Input) { in.Auth.Spec.Token.SecretRef = "" }, err: `VaultAuth apps/a: method "token": secretRef must be set`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := good()
			tc.change(&in)
			l, err := effective.Resolve(in)
			if text(err) != tc.err {
				t.Fatalf("error %q, want %q", text(err), tc.err)
			}
			if err != nil {
				if effective.KindOf(err) != tc.kind {
					t.Errorf("kind %d, want %d", effective.KindOf(err), tc.kind)
				}
				return
			}
			want := config.Vault{Address: "https://vault:8200", Namespace: "vns"}
			if diff := cmp.Diff(want, l.Vault); diff != "" {
				t.Errorf("connection (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]config.Header{{Name: "X-A", Value: "a"}, {Name: "X-B", Value: "b"}}, l.Headers); diff != "" {
				t.Errorf("headers of the login (-want +got):\n%s", diff)
			}
			if l.Params["p"] != "q" || l.Auth.Namespace != "vns" || l.Auth.Mount != "auth/m" || len(l.Files) != 1 || l.Merged.Spec.Mount != "auth/m" {
				t.Errorf("%+v", l)
			}
			if l.Credential.Namespace != tc.where || l.Credential.Fields[0].Namespace != tc.where {
				t.Errorf("credentials in %s, want %s", l.Credential.Namespace, tc.where)
			}
		})
	}
}
