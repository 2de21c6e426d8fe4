package inventory

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// cluster is answers by path; everything else is not found.
type cluster map[string]string

// RoundTrip implements http.RoundTripper.
func (c cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	text, found := c[r.URL.Path]
	code := http.StatusOK
	switch {
	case !found:
		code, text = http.StatusNotFound, `{"message":"there is none"}`
	case text == "forbidden":
		code, text = http.StatusForbidden, `{"message":"not you"}`
	}
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
}

func (c cluster) client() *kube.Client { return kube.Through("https://kubernetes", c, "") }

func list(items ...string) string { return `{"items":[` + strings.Join(items, ",") + `]}` }

// workload is one of a single container.
func workload(name, image, command, args, more string) string {
	return fmt.Sprintf(`{"metadata":{"namespace":"vault","name":%q,"annotations":{"meta.helm.sh/release-name":"r"}},
		"spec":{"template":{"metadata":{"labels":{"app":%q}},"spec":{"containers":[{"image":"proxy"},{"image":%q,"command":[%s],"args":[%s],
		"env":[{"name":"A","value":"b"},{"name":"SECRET","valueFrom":{}}]}]%s}}}`, name, name, image, command, args, more)
}

func TestWorkloads(t *testing.T) {
	c := cluster{
		"/apis/apps/v1/deployments": list(
			workload("ours", "registry:5000/vaultk8s/vaultk8s:1.2", "", `"injector","--tls-auto=cfg","-use-leader-elector"`, `,"serviceAccountName":"inj"`)+`,"status":{"readyReplicas":1}}`,
			workload("swapped", "mirror/other@sha256:abc", `"/usr/local/bin/vaultk8s"`, `"agent-inject","2>&1"`, "")+`}`,
			workload("old", "hashicorp/vault-k8s:1.7.6", "", `"agent-inject","2>&1"`, "")+`}`,
			workload("operator", "hashicorp/vault-secrets-operator", "", "", "")+`}`,
			workload("their-csi", "hashicorp/vault-secrets-operator-csi:1", "", "", "")+`}`,
			workload("agent", "vaultk8s/vaultk8s", "", `"agent"`, "")+`}`,
			workload("other", "nginx", "", "", "")+`}`,
		),
		"/apis/apps/v1/daemonsets": list(
			workload("provider", "hashicorp/vault-csi-provider:1.7.4", "", "", "")+`,"status":{"desiredNumberScheduled":3,"numberReady":2}}`,
			workload("bao", "openbao/openbao-csi-provider:2", "", "", "")+`}`,
		),
		"/apis/apps/v1/statefulsets": list(),
	}
	all, err := Workloads(t.Context(), c.client())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range all {
		got = append(got, fmt.Sprintf("%s: %s %s %q %d/%d %s", w, w.Tool, w.Part, w.Version(), w.Ready, w.Wanted, w.ServiceAccount))
	}
	want := []string{
		`DaemonSet vault/bao: OpenBao CSI provider csi-provider "2" 0/0 default`,
		`DaemonSet vault/provider: Vault CSI Provider csi-provider "1.7.4" 2/3 default`,
		`Deployment vault/old: Vault Agent Injector injector "1.7.6" 0/1 default`,
		`Deployment vault/ours: vaultk8s injector "1.2" 1/1 inj`,
		`Deployment vault/swapped: vaultk8s injector "" 0/1 default`,
		`Deployment vault/operator: Vault Secrets Operator operator "" 0/1 default`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	ours := all[slices.IndexFunc(all, func(w Workload) bool { return w.Name == "ours" })]
	if ours.Release != "r" || ours.Labels["app"] != "ours" || ours.Env["A"] != "b" {
		t.Errorf("%+v", ours)
	}
	c["/apis/apps/v1/daemonsets"] = "forbidden"
	if _, err := Workloads(t.Context(), c.client()); !kube.Forbidden(err) {
		t.Error(err)
	}
}

func TestSetting(t *testing.T) {
	w := Workload{Arguments: []string{"-a=1", "--b", "2", "--c", "--d", "plain"}, Env: map[string]string{"E": "5", "EMPTY": ""}}
	for name, want := range map[string]string{"a": "1", "b": "2", "c": "true", "d": "plain", "plain": "", "none": ""} {
		if got, ok := w.Setting(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", name, got, ok)
		}
	}
	if got, ok := w.Setting("none", "EMPTY", "E"); got != "5" || !ok {
		t.Errorf("%q %v", got, ok)
	}
}

func TestWebhooks(t *testing.T) {
	hook := func(name, config string) string {
		return `{"name":"` + name + `","failurePolicy":"Fail","timeoutSeconds":3,"clientConfig":{` + config + `,"caBundle":"UEVN"}}`
	}
	service := func(name string) string { return `"service":{"namespace":"vault","name":"` + name + `","port":443}` }
	c := cluster{
		"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": list(
			`{"metadata":{"name":"cfg"},"webhooks":[`+hook(OldWebhook, service("ours"))+","+hook("other.example.com", service("x"))+`]}`,
			`{"metadata":{"name":"old"},"webhooks":[`+hook(OldWebhook, service("old"))+`]}`,
			`{"metadata":{"name":"left"},"webhooks":[`+hook(OldWebhook, service("gone"))+","+hook("x.vaultk8s.io", `"url":"https://x"`)+`]}`,
		),
		"/api/v1/namespaces/vault/services/ours": `{"spec":{"selector":{"app":"ours"}}}`,
		"/api/v1/namespaces/vault/services/old":  `{"spec":{"selector":{"app":"old"}}}`,
	}
	workloads := []Workload{
		{Tool: AgentInjector, Part: Injector, Namespace: "vault", Labels: map[string]string{"app": "old"}},
		{Tool: Ours, Part: Injector, Namespace: "vault", Labels: map[string]string{"app": "ours", "more": "x"}},
	}
	all, err := Webhooks(t.Context(), c.client(), workloads)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range all {
		got = append(got, fmt.Sprintf("%s %s %q %s %d %s", w.Configuration, w.Name, w.Tool, w.FailurePolicy, w.Timeout, w.Bundle))
	}
	want := []string{
		`cfg vault.hashicorp.com "vaultk8s" Fail 3 PEM`, `old vault.hashicorp.com "Vault Agent Injector" Fail 3 PEM`,
		`left vault.hashicorp.com "" Fail 3 PEM`, `left x.vaultk8s.io "vaultk8s" Fail 3 PEM`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c["/api/v1/namespaces/vault/services/old"] = "forbidden"
	if _, err := Webhooks(t.Context(), c.client(), workloads); !kube.Forbidden(err) {
		t.Error(err)
	}
}

func TestSelector(t *testing.T) {
	type expression = struct {
		Key, Operator string
		Values        []string
	}
	labels := map[string]string{"a": "1", "b": "2"}
	cases := map[string]struct {
		s    Selector
		want bool
	}{
		"nothing":       {Selector{}, true},
		"label":         {Selector{MatchLabels: map[string]string{"a": "1"}}, true},
		"other label":   {Selector{MatchLabels: map[string]string{"a": "2"}}, false},
		"in":            {Selector{MatchExpressions: []expression{{"a", "In", []string{"0", "1"}}}}, true},
		"not in it":     {Selector{MatchExpressions: []expression{{"a", "In", []string{"0"}}}}, false},
		"in without":    {Selector{MatchExpressions: []expression{{"c", "In", []string{""}}}}, false},
		"not in":        {Selector{MatchExpressions: []expression{{"a", "NotIn", []string{"0"}}}}, true},
		"not not in":    {Selector{MatchExpressions: []expression{{"a", "NotIn", []string{"1"}}}}, false},
		"not in absent": {Selector{MatchExpressions: []expression{{"c", "NotIn", []string{""}}}}, true},
		"exists":        {Selector{MatchExpressions: []expression{{"b", "Exists", nil}}}, true},
		"absent":        {Selector{MatchExpressions: []expression{{"c", "Exists", nil}}}, false},
		"not exists":    {Selector{MatchExpressions: []expression{{"b", "DoesNotExist", nil}}}, false},
		"all of them":   {Selector{MatchLabels: labels, MatchExpressions: []expression{{"c", "DoesNotExist", nil}, {"a", "Exists", nil}}}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.s.Matches(labels); got != tc.want {
				t.Errorf("matches: %v", got)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	c := cluster{
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions": list(
			`{"metadata":{"annotations":{"meta.helm.sh/release-name":"r"}},"spec":{"group":"secrets.hashicorp.com","scope":"Namespaced","names":{"kind":"VaultAuth","plural":"vaultauths"},
			"versions":[{"name":"v1beta1","served":true},{"name":"v1","served":false}]},"status":{"storedVersions":["v1beta1"],"conditions":[{"type":"Established","status":"True"}]}}`,
			`{"spec":{"group":"secrets.hashicorp.com","names":{"kind":"HCPAuth","plural":"hcpauths"}}}`,
			`{"spec":{"group":"other"}}`,
		),
		"/apis/secrets.hashicorp.com/v1beta1/vaultauths": list(`{"metadata":{"namespace":"n","name":"a"},"status":{"valid":false,"error":"e","secretLease":{"id":"l"}}}`),
		"/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses": list(
			`{"metadata":{"name":"a"},"spec":{"provider":"vault"}}`, `{"metadata":{"name":"b"},"spec":{"provider":"openbao"}}`, `{"metadata":{"name":"c"},"spec":{"provider":"gcp"}}`),
		"/apis/storage.k8s.io/v1/csidrivers/secrets-store.csi.k8s.io": `{"spec":{"requiresRepublish":true,"tokenRequests":[{"audience":"vault"}]}}`,
		"/api/v1/namespaces": list(`{"metadata":{"name":"b","labels":{"x":"y"}}}`, `{"metadata":{"name":"a"}}`),
	}
	client := c.client()
	definitions, err := Definitions(t.Context(), client)
	want := []Definition{
		{Kind: "VaultAuth", Plural: "vaultauths", Namespaced: true, Established: true, Served: []string{"v1beta1"}, Stored: []string{"v1beta1"}, Release: "r"},
		{Kind: "HCPAuth", Plural: "hcpauths"},
	}
	if diff := cmp.Diff(want, definitions); diff != "" || err != nil {
		t.Error(err, diff)
	}
	objects, err := OfOperator(t.Context(), client, definitions)
	if err != nil || len(objects) != 1 || objects[0].String() != "VaultAuth n/a" || objects[0].Status.SecretLease.ID != "l" || *objects[0].Status.Valid {
		t.Errorf("%+v %v", objects, err)
	}
	classes, err := Classes(t.Context(), client)
	if err != nil || len(classes) != 2 || classes[1].String() != "SecretProviderClass b" {
		t.Errorf("%v %v", classes, err)
	}
	driver, err := Driver(t.Context(), client)
	if err != nil || !driver.Spec.RequiresRepublish || driver.Spec.TokenRequests[0].Audience != "vault" {
		t.Errorf("%v %v", driver, err)
	}
	namespaces, err := Namespaces(t.Context(), client)
	if diff := cmp.Diff([]string{"a", "b"}, Names(namespaces)); diff != "" || err != nil || namespaces["b"]["x"] != "y" {
		t.Error(err, diff)
	}
	clear(c)
	if driver, err := Driver(t.Context(), client); driver != nil || err != nil {
		t.Errorf("%v %v", driver, err)
	}
	if classes, err := Classes(t.Context(), client); len(classes) > 0 || err != nil {
		t.Errorf("%v %v", classes, err)
	}
}
