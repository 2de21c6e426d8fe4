package check

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/inventory"
	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// Options say what is looked at.
type Options struct {
	Client    *kube.Client // nil: ClientErr says why there is none
	ClientErr error
	Pre       bool   // before an installation: the user's rights in place of the programs'
	Namespace string // where our programs are, or will be

	Vault         config.Vault     // without an address that of the programs counts
	Token         sensitive.String // of an administrator, for what a login does not tell; empty for none
	Account       string           // NAMESPACE/NAME of a service account to log in as; "" for none
	AuthMount     string           // "auth/kubernetes"
	AuthNamespace string           // Vault namespace of the auth mount; "" for that of the connection
	Role          string
	Audience      string        // "" for the API server's
	Interval      time.Duration // between two reads of secrets without a lease
	Version       string        // of this program
}

// Gather reads everything that the checks look at. What cannot be read is no error
// of this function: the facts say why.
func Gather(ctx context.Context, o Options) *Facts {
	f := &Facts{Now: time.Now(), Pre: o.Pre}
	if f.Cluster.Err = o.ClientErr; o.Client != nil {
		f.Cluster.Server = o.Client.Server()
		gatherCluster(ctx, o, &f.Cluster)
	}
	gatherVault(ctx, o, f)
	return f
}

func gatherCluster(ctx context.Context, o Options, c *Cluster) {
	if c.Major, c.Minor, c.Err = o.Client.Version(ctx); c.Err != nil {
		return
	}
	if c.Skew, c.Err = skewOf(ctx, o.Client); c.Err != nil {
		return
	}
	c.Workloads, c.WorkloadsErr = inventory.Workloads(ctx, o.Client)
	c.Driver, c.DriverErr = inventory.Driver(ctx, o.Client)
	classes, _ := inventory.Classes(ctx, o.Client) // only counted
	c.Classes = len(classes)
	c.Definitions, c.DefinitionsErr = inventory.Definitions(ctx, o.Client)
	if len(c.ours(inventory.Operator)) > 0 {
		c.Objects, c.ObjectsErr = inventory.OfOperator(ctx, o.Client, c.Definitions)
	}
	c.Webhooks, c.WebhooksErr = gatherWebhooks(ctx, o, c.Workloads)
	if o.Pre {
		c.Rights, c.RightsErr = review(ctx, o.Client, rightsToInstall(o.Namespace))
		return
	}
	for _, w := range c.ours("") {
		rights, err := review(ctx, o.Client, rightsOf(w, c))
		c.Rights = append(c.Rights, rights...)
		if err != nil {
			c.RightsErr = err
		}
	}
}

// skewOf asks the API server for its time. Its answers tell whole seconds, cut
// off, of a moment between question and answer.
func skewOf(ctx context.Context, c *kube.Client) (time.Duration, error) {
	asked := time.Now()
	answer, err := c.Send(ctx, kube.Request{Path: "/version"})
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)) // so that the connection can be used again
	return skew(answer.Header, asked, time.Now()), nil
}

func skew(header http.Header, asked, answered time.Time) time.Duration {
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0
	}
	// A difference that the cut and the way explain is none.
	switch {
	case theirs.Add(time.Second).Before(asked):
		return theirs.Add(time.Second).Sub(asked)
	case theirs.After(answered):
		return theirs.Sub(answered)
	}
	return 0
}

// review asks the API server which of the rights are granted.
func review(ctx context.Context, c *kube.Client, rights []Right) ([]Right, error) {
	for i := range rights {
		if err := rights[i].ask(ctx, c); err != nil {
			return rights[:i], err
		}
	}
	return rights, nil
}

func (r *Right) ask(ctx context.Context, c *kube.Client) error {
	resource, group := r.resource()
	resource, sub := cut(resource, "/")
	attributes := map[string]string{"verb": r.Verb, "resource": resource, "subresource": sub, "group": group, "namespace": r.Space, "name": r.Name}
	kind, path, spec := "SelfSubjectAccessReview", "selfsubjectaccessreviews", map[string]any{"resourceAttributes": attributes}
	if r.Who != "" {
		kind, path = "SubjectAccessReview", "subjectaccessreviews"
		space, name := cut(r.Who, "/")
		spec["user"] = "system:serviceaccount:" + space + ":" + name
		spec["groups"] = []string{"system:serviceaccounts", "system:serviceaccounts:" + space, "system:authenticated"}
	}
	var answer struct{ Status struct{ Allowed bool } }
	err := c.Create(ctx, "/apis/authorization.k8s.io/v1/"+path, map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}, &answer)
	r.Allowed = answer.Status.Allowed
	if err != nil {
		return fmt.Errorf("ask for the rights of %s: %w", orElse(r.Who, "this user"), err)
	}
	return nil
}

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
