package effective

import "github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"

// cloud logs in as what a ServiceAccount stands for in a cloud.
func (l *login) cloud(name string, annotations ...Annotation) {
	l.credential.Source, l.credential.Name, l.credential.Account = AccountCloud, name, annotations
}

func (l *login) aws(a *v1beta1.AWSAuth) {
	l.config.Method, l.config.Role = "aws", l.need("role", a.Role)
	l.option("type", "iam")
	l.option("region", a.Region)
	l.option("header_value", a.HeaderValue)
	l.option("session_name", a.SessionName)
	l.option("sts_endpoint", a.STSEndpoint)
	l.option("iam_endpoint", a.IAMEndpoint)
	switch {
	case a.SecretRef != "":
		l.secret(
			a.SecretRef,
			SecretField{Field: "access_key_id", Option: "access_key", Inline: true},
			SecretField{Field: "secret_access_key", Option: "secret_key", Inline: true},
			SecretField{Field: "session_token", Option: "session_token", Inline: true, Optional: true},
		)
	case a.IRSAServiceAccount != "":
		l.cloud(
			a.IRSAServiceAccount,
			Annotation{Name: "eks.amazonaws.com/role-arn", Option: "role_arn", Required: true},
			Annotation{Name: "eks.amazonaws.com/audience", Option: "audience", Default: "sts.amazonaws.com"},
			Annotation{Name: "eks.amazonaws.com/token-expiration", Option: "token_expiration", Default: "86400"},
		)
	default:
		l.self()
	}
}

func (l *login) gcp(g *v1beta1.GCPAuth) {
	l.config.Method, l.config.Role = "gcp", l.need("role", g.Role)
	l.option("type", "gce")
	l.option("region", g.Region)
	l.option("cluster_name", g.ClusterName)
	l.option("project", g.ProjectID)
	l.cloud(
		l.need("workloadIdentityServiceAccount", g.WorkloadIdentityServiceAccount),
		Annotation{Name: "iam.gke.io/gcp-service-account", Option: "service_account", Required: true},
	)
	l.credential.Expiration = defaultExpiration
}

func (l *login) azure(a *v1beta1.AzureAuth) {
	l.config.Method, l.config.Role = "azure", l.need("role", a.Role)
	l.option("resource", orElse(a.Resource, "https://management.azure.com/"))
	l.option("client_id", a.ClientID)
	if a.WorkloadIdentityServiceAccount == "" {
		l.self()
		return
	}
	l.cloud(
		a.WorkloadIdentityServiceAccount,
		Annotation{Name: "azure.workload.identity/client-id", Option: "client_id", Required: true},
		Annotation{Name: "azure.workload.identity/tenant-id", Option: "tenant_id", Required: true},
	)
	l.credential.Audiences = []string{"api://AzureADTokenExchange"}
	l.credential.Expiration = defaultExpiration * 6 // an hour, as Azure's own webhook asks for
}
