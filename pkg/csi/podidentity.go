package csi

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// podIdentity says for which audience a token of the pod proves what its
// service-account stands for in a cloud: an IAM role of AWS (IRSA), a service account
// of Google or an application of Azure (workload identity). Without an audience the
// class does not ask for that.
func (q *request) podIdentity() (audience string, err error) {
	switch {
	case q.auth.Method == "aws" && q.authOption("role_arn") != "":
		if kind := q.authOption("type"); kind != "" && kind != "iam" {
			err = fmt.Errorf("parameter \"auth\": with role_arn the type is iam, not %q", kind)
		}
		audience = cmp.Or(q.audience, "sts.amazonaws.com")
	case q.auth.Method == "azure" && q.authOption("tenant_id") != "":
		audience = cmp.Or(q.audience, "api://AzureADTokenExchange")
		err = q.together("tenant_id", "client_id")
	case q.auth.Method == "gcp" && q.authOption("cluster_name") != "":
		audience = q.authOption("project") + ".svc.id.goog"
		err = q.together("cluster_name", "project", "region", "service_account")
	default:
		return "", nil
	}
	for _, c := range credentialsOf(q.auth.Method) {
		if _, ok := q.secretOf(c.keys); ok {
			err = errors.Join(err, fmt.Errorf("auth method %q: credentials in nodePublishSecretRef and a login as what the pod stands for exclude each other", q.auth.Method))
			break
		}
	}
	return audience, err
}

// authOption is an option of the class as the methods see it, without blanks.
func (q *request) authOption(name string) string { return strings.TrimSpace(q.auth.Options[name]) }

// together makes sure that options which mean nothing alone are all there.
func (q *request) together(names ...string) error {
	for _, name := range names {
		if q.authOption(name) == "" {
			return fmt.Errorf("parameter \"auth\": the options %s go together, and %s is missing", strings.Join(names, ", "), name)
		}
	}
	return nil
}
