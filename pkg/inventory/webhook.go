package inventory

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// OldWebhook is the name of the webhook that charts of injectors have used.
const OldWebhook = "vault.hashicorp.com"

// Webhook is one webhook of a MutatingWebhookConfiguration that belongs to an
// injector.
type Webhook struct {
	Configuration string            // name of the object
	Annotations   map[string]string // of the object
	Tool          Tool              // "" where nobody is known to serve it
	Name          string
	FailurePolicy string
	Timeout       int // seconds
	URL           string
	Service       *ServiceReference // nil where URL is set
	Bundle        []byte            // PEM
	Namespaces    Selector
	Objects       Selector
}

// ServiceReference names a port and path of a Service.
type ServiceReference struct {
	Namespace, Name, Path string
	Port                  int
}

// webhookConfiguration is what is read of the object.
type webhookConfiguration struct {
	Metadata struct {
		Name        string
		Annotations map[string]string
	}
	Webhooks []struct {
		Name, FailurePolicy string
		TimeoutSeconds      int
		NamespaceSelector   Selector
		ObjectSelector      Selector
		ClientConfig        struct {
			URL      string
			Service  *ServiceReference
			CABundle []byte
		}
	}
}

// Webhooks lists those of injectors, and tells by the Services which of the
// workloads serves them.
func Webhooks(ctx context.Context, c *kube.Client, workloads []Workload) ([]Webhook, error) {
	const collection = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
	all, err := kube.All[webhookConfiguration](ctx, c, collection)
	if err != nil {
		return nil, err
	}
	var found []Webhook
	for _, o := range all {
		for _, w := range o.Webhooks {
			if w.Name != OldWebhook && !strings.Contains(w.Name, "vaultk8s") {
				continue
			}
			h := Webhook{
				Configuration: o.Metadata.Name, Annotations: o.Metadata.Annotations, Name: w.Name, FailurePolicy: w.FailurePolicy, Timeout: w.TimeoutSeconds,
				URL: w.ClientConfig.URL, Service: w.ClientConfig.Service, Bundle: w.ClientConfig.CABundle, Namespaces: w.NamespaceSelector, Objects: w.ObjectSelector,
			}
			if h.Tool, err = serves(ctx, c, h, workloads); err != nil {
				return nil, err
			}
			found = append(found, h)
		}
	}
	return found, nil
}

// serves finds the injector behind a webhook.
func serves(ctx context.Context, c *kube.Client, h Webhook, workloads []Workload) (Tool, error) {
	if h.Service == nil {
		return Ours, nil // a URL is set by hand; charts of the old injector cannot
	}
	var service struct {
		Spec struct{ Selector map[string]string }
	}
	err := c.Get(ctx, "/api/v1/namespaces/"+h.Service.Namespace+"/services/"+h.Service.Name, &service)
	if kube.NotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, w := range workloads {
		if w.Part == Injector && w.Namespace == h.Service.Namespace && within(service.Spec.Selector, w.Labels) {
			return w.Tool, nil
		}
	}
	return "", nil
}

func within(want, have map[string]string) bool {
	for key, value := range want {
		if have[key] != value {
			return false
		}
	}
	return len(want) > 0
}

// Selector is a selector of labels; the zero value matches everything.
type Selector struct {
	MatchLabels      map[string]string
	MatchExpressions []struct {
		Key, Operator string
		Values        []string
	}
}

// Matches tells whether labels are selected.
func (s Selector) Matches(labels map[string]string) bool {
	if len(s.MatchLabels) > 0 && !within(s.MatchLabels, labels) {
		return false
	}
	for _, e := range s.MatchExpressions {
		value, has := labels[e.Key]
		listed := slices.Contains(e.Values, value)
		if e.Operator == "In" && (!has || !listed) || e.Operator == "NotIn" && has && listed ||
			e.Operator == "Exists" && !has || e.Operator == "DoesNotExist" && has {
			return false
		}
	}
	return true
}

// Empty tells whether the selector has no terms.
func (s Selector) Empty() bool { return len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0 }

// Namespaces returns the labels of all namespaces by name.
func Namespaces(ctx context.Context, c *kube.Client) (map[string]map[string]string, error) {
	type namespace struct {
		Metadata struct {
			Name   string
			Labels map[string]string
		}
	}
	all, err := kube.All[namespace](ctx, c, "/api/v1/namespaces")
	found := make(map[string]map[string]string, len(all))
	for _, n := range all {
		found[n.Metadata.Name] = n.Metadata.Labels
	}
	return found, err
}

// Names returns the keys of what [Namespaces] returned, sorted.
func Names(namespaces map[string]map[string]string) []string {
	return slices.Sorted(maps.Keys(namespaces))
}
