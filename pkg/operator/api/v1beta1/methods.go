package v1beta1

// AuthMethod names a way to log in to Vault.
//
// +kubebuilder:validation:Enum=kubernetes;jwt;appRole;aws;gcp;cert;azure;token;ldap;userpass
type AuthMethod string

// The ways to log in.
const (
	MethodKubernetes AuthMethod = "kubernetes"
	MethodJWT        AuthMethod = "jwt"
	MethodAppRole    AuthMethod = "appRole"
	MethodAWS        AuthMethod = "aws"
	MethodGCP        AuthMethod = "gcp"
	MethodCert       AuthMethod = "cert"
	MethodAzure      AuthMethod = "azure"
	MethodToken      AuthMethod = "token"
	MethodLDAP       AuthMethod = "ldap"
	MethodUserpass   AuthMethod = "userpass"
)

// AuthMethods holds the settings of each way to log in. Only those of the method
// that is chosen matter; the others are left alone. ServiceAccounts and Secrets
// that they name are looked up in the namespace of the object that reads a secret,
// unless trustNamespace says otherwise.
type AuthMethods struct {
	// Settings of method kubernetes.
	// +optional
	Kubernetes *KubernetesAuth `json:"kubernetes,omitempty"`
	// Settings of method jwt.
	// +optional
	JWT *JWTAuth `json:"jwt,omitempty"`
	// Settings of method appRole.
	// +optional
	AppRole *AppRoleAuth `json:"appRole,omitempty"`
	// Settings of method aws.
	// +optional
	AWS *AWSAuth `json:"aws,omitempty"`
	// Settings of method gcp.
	// +optional
	GCP *GCPAuth `json:"gcp,omitempty"`
	// Settings of method cert.
	// +optional
	Cert *CertAuth `json:"cert,omitempty"`
	// Settings of method azure.
	// +optional
	Azure *AzureAuth `json:"azure,omitempty"`
	// Settings of method token.
	// +optional
	Token *TokenAuth `json:"token,omitempty"`
	// Settings of method ldap.
	// +optional
	LDAP *PasswordAuth `json:"ldap,omitempty"`
	// Settings of method userpass.
	// +optional
	Userpass *PasswordAuth `json:"userpass,omitempty"`
}

// KubernetesAuth logs in with a token of a ServiceAccount, which Vault has the
// cluster review.
type KubernetesAuth struct {
	// Role in Vault. It is needed at login.
	// +optional
	Role string `json:"role,omitempty"`
	// ServiceAccount that a token is requested for. It is needed at login.
	// +optional
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// Audiences of the token. Default: those of the cluster.
	// +optional
	Audiences []string `json:"audiences,omitempty"`
	// Lifetime of the token in seconds.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=600
	// +optional
	TokenExpirationSeconds int64 `json:"tokenExpirationSeconds,omitempty"`
}

// JWTAuth logs in with a signed token, from a Secret or of a ServiceAccount.
type JWTAuth struct {
	// Role in Vault. It is needed at login.
	// +optional
	Role string `json:"role,omitempty"`
	// Name of a Secret whose key jwt holds the token. It cannot be combined with
	// serviceAccount. Default: the token is that of the ServiceAccount.
	// +optional
	SecretRef string `json:"secretRef,omitempty"`
	// ServiceAccount that a token is requested for. Default: the token is that of
	// secretRef.
	// +optional
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// Audiences of the token of the ServiceAccount. Default: those of the cluster.
	// +optional
	Audiences []string `json:"audiences,omitempty"`
	// Lifetime of the token of the ServiceAccount in seconds.
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=600
	// +optional
	TokenExpirationSeconds int64 `json:"tokenExpirationSeconds,omitempty"`
}

// AppRoleAuth logs in with a role ID and a secret ID.
type AppRoleAuth struct {
	// Role ID. It is needed at login.
	// +optional
	RoleID string `json:"roleId,omitempty"`
	// Name of a Secret whose key id holds the secret ID. It is needed at login.
	// +optional
	SecretRef string `json:"secretRef,omitempty"`
	// Absolute path of a file in the operator's pod that holds the secret ID. It is read
	// only below a directory that the operator was told to allow. Default: the secret ID
	// is that of secretRef.
	// +optional
	SecretIDPath string `json:"secretIDPath,omitempty"`
}

// AWSAuth logs in with a signed request to AWS STS. The credentials are those of
// secretRef, else those of irsaServiceAccount, else those of the operator's pod or
// node.
type AWSAuth struct {
	// Role in Vault. It is needed at login.
	// +optional
	Role string `json:"role,omitempty"`
	// AWS region of the STS endpoint, for example eu-central-1. Default: that of the
	// operator's environment.
	// +optional
	Region string `json:"region,omitempty"`
	// Value of the header X-Vault-AWS-IAM-Server-ID, if Vault asks for one. Default: it
	// is not sent.
	// +optional
	HeaderValue string `json:"headerValue,omitempty"`
	// Session name of the role that is assumed. Default: one that the operator makes.
	// +optional
	SessionName string `json:"sessionName,omitempty"`
	// URL of the STS endpoint. Default: that of the region.
	// +optional
	STSEndpoint string `json:"stsEndpoint,omitempty"`
	// URL of the IAM endpoint. Default: that of AWS.
	// +optional
	IAMEndpoint string `json:"iamEndpoint,omitempty"`
	// Name of a Secret with keys access_key_id, secret_access_key and, for temporary
	// credentials, session_token. Default: irsaServiceAccount decides.
	// +optional
	SecretRef string `json:"secretRef,omitempty"`
	// ServiceAccount whose annotation eks.amazonaws.com/role-arn names the role to
	// assume (IAM roles for service accounts). Default: the credentials are those of the
	// operator's pod or node.
	// +optional
	IRSAServiceAccount string `json:"irsaServiceAccount,omitempty"`
}

// GCPAuth logs in with an identity token of a Google service account, through
// Workload Identity.
type GCPAuth struct {
	// Role in Vault. It is needed at login.
	// +optional
	Role string `json:"role,omitempty"`
	// ServiceAccount whose annotation iam.gke.io/gcp-service-account names the Google
	// service account. It is needed at login.
	// +optional
	WorkloadIdentityServiceAccount string `json:"workloadIdentityServiceAccount,omitempty"`
	// Region of the cluster. Default: what the metadata server says.
	// +optional
	Region string `json:"region,omitempty"`
	// Name of the cluster. Default: what the metadata server says.
	// +optional
	ClusterName string `json:"clusterName,omitempty"`
	// Project of the cluster. Default: what the metadata server says.
	// +optional
	ProjectID string `json:"projectID,omitempty"`
}

// CertAuth logs in with a TLS client certificate.
type CertAuth struct {
	// Certificate role in Vault. Default: any that matches.
	// +optional
	Role string `json:"role,omitempty"`
	// Name of a Secret with keys tls.crt and tls.key. It is needed at login, unless
	// the VaultConnection has a clientCertSecretRef.
	// +optional
	SecretRef string `json:"secretRef,omitempty"`
}

// AzureAuth logs in with a token of Microsoft Entra ID: of the application that a
// ServiceAccount stands for, else of the managed identity of the operator's node.
type AzureAuth struct {
	// Role in Vault. It is needed at login.
	// +optional
	Role string `json:"role,omitempty"`
	// Resource that the token is for. Default: https://management.azure.com/.
	// +optional
	Resource string `json:"resource,omitempty"`
	// ServiceAccount whose annotations azure.workload.identity/client-id and
	// azure.workload.identity/tenant-id name the application. Default: the managed
	// identity of the operator's node.
	// +optional
	WorkloadIdentityServiceAccount string `json:"workloadIdentityServiceAccount,omitempty"`
	// Client ID of the managed identity, where the node has several. It cannot be
	// combined with workloadIdentityServiceAccount. Default: the only one of the node.
	// +optional
	ClientID string `json:"clientID,omitempty"`
}

// TokenAuth uses a Vault token that somebody else has made. It is renewed while it
// can be.
type TokenAuth struct {
	// Name of a Secret whose key token holds the Vault token. It is needed at login.
	// +optional
	SecretRef string `json:"secretRef,omitempty"`
}

// PasswordAuth logs in with a user name and a password.
type PasswordAuth struct {
	// User name. It is needed at login.
	// +optional
	Username string `json:"username,omitempty"`
	// Name of a Secret whose key password holds the password. It is needed at login.
	// +optional
	SecretRef string `json:"secretRef,omitempty"`
}
