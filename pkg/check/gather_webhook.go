package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

func gatherWebhooks(ctx context.Context, o Options, workloads []inventory.Workload) ([]Webhook, error) {
	all, err := inventory.Webhooks(ctx, o.Client, workloads)
	if err != nil {
		return nil, err
	}
	namespaces, err := inventory.Namespaces(ctx, o.Client)
	if err != nil {
		return nil, err
	}
	var found []Webhook
	for _, h := range all {
		w := Webhook{Webhook: h, Replicas: replicas(workloads)}
		if h.Tool == inventory.Ours {
			w.dial(ctx)
			w.try(ctx, o, namespaces)
		}
		found = append(found, w)
	}
	return found, nil
}

func replicas(workloads []inventory.Workload) int {
	n := 0
	for _, w := range workloads {
		if w.Tool == inventory.Ours && w.Part == inventory.Injector {
			n += w.Ready
		}
	}
	return n
}

// dialTime bounds a connection to an injector, which is near or cannot be reached.
const dialTime = 5 * time.Second

// dial looks at the certificate as the API server would. Outside of the cluster
// the name of a Service means nothing, and the dry run tells instead.
func (w *Webhook) dial(ctx context.Context) {
	address, name := w.address()
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: name, MinVersion: tls.VersionTLS12}} //nolint:gosec // verified below
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if _, unknown := errors.AsType[*net.DNSError](err); unknown && w.Service != nil {
		return
	}
	w.Dialed, w.DialErr = true, err
	if err != nil {
		return
	}
	defer func() { _ = connection.Close() }()
	over, is := connection.(*tls.Conn)
	if !is {
		return // a tls.Dialer makes no other
	}
	shown := over.ConnectionState().PeerCertificates
	w.Begins, w.Ends = shown[0].NotBefore, shown[0].NotAfter
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(w.Bundle)
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, w.DialErr = shown[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: name, CurrentTime: time.Now()})
}

// address returns where the webhook is, and the name in its certificate.
func (w *Webhook) address() (address, name string) {
	if w.Service != nil {
		port := w.Service.Port
		if port == 0 {
			port = 443
		}
		name = w.Service.Name + "." + w.Service.Namespace + ".svc"
		return net.JoinHostPort(name, fmt.Sprint(port)), name
	}
	u, err := url.Parse(w.URL)
	if err != nil {
		return w.URL, ""
	}
	return net.JoinHostPort(u.Hostname(), orElse(u.Port(), "443")), u.Hostname()
}

// try has the API server make a pod, without keeping it, that asks for an agent.
func (w *Webhook) try(ctx context.Context, o Options, namespaces map[string]map[string]string) {
	labels := maps.Clone(w.Objects.MatchLabels)
	if !w.Objects.Matches(labels) {
		return
	}
	space, selected := w.trialNamespace(o, namespaces)
	if !selected {
		return
	}
	pod := trialPod(labels)
	var made struct {
		Metadata struct{ Annotations map[string]string }
	}
	err := o.Client.Do(ctx, kube.Request{
		Method: http.MethodPost, Path: "/api/v1/namespaces/" + space + "/pods", Query: url.Values{"dryRun": {"All"}}, Body: pod,
	}, &made)
	if mayNot(err) {
		return
	}
	w.TrialNamespace, w.TrialErr = space, err
	w.Injected = made.Metadata.Annotations["vault.hashicorp.com/agent-inject-status"] == "injected"
}

// mayNot tells a right that is missing from a refusal by admission, which has the
// same status.
func mayNot(err error) bool {
	e, is := errors.AsType[*kube.Error](err)
	return is && strings.Contains(e.Message, `cannot create resource "pods"`)
}

// trialNamespace chooses one that the webhook sees: the user's, "default", or the
// first.
func (w *Webhook) trialNamespace(o Options, namespaces map[string]map[string]string) (string, bool) {
	account, _ := cut(o.Account, "/")
	for _, name := range slices.Concat([]string{account, o.Client.Namespace(), "default"}, inventory.Names(namespaces)) {
		labels, exists := namespaces[name]
		if exists && name != "kube-system" && name != "kube-public" && w.Namespaces.Matches(labels) {
			return name, true
		}
	}
	return "", false
}

// trialPod fits the strictest level of pod security.
func trialPod(labels map[string]string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"generateName": "vaultk8s-check-", "labels": labels, "annotations": map[string]string{
			"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": "vaultk8s-check",
		}},
		"spec": map[string]any{
			"securityContext": map[string]any{"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
			"containers": []any{map[string]any{
				"name": "check", "image": "vaultk8s-check",
				"resources":       map[string]any{"requests": map[string]string{"cpu": "1m", "memory": "1Mi"}, "limits": map[string]string{"cpu": "1m", "memory": "1Mi"}},
				"securityContext": map[string]any{"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []string{"ALL"}}},
			}},
		},
	}
}
