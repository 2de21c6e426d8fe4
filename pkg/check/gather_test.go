package check

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/inventory"
	"github.com/vaultk8s/vaultk8s/pkg/kube"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// apiServer answers by method and path, in this process.
type apiServer struct {
	mu      sync.Mutex
	answers map[string]string
	asked   []string // bodies
}

// RoundTrip implements http.RoundTripper.
func (s *apiServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		s.asked = append(s.asked, string(body))
	}
	header := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	answer, found := s.answers[r.Method+" "+r.URL.Path]
	code := http.StatusOK
	if !found {
		code, answer = http.StatusNotFound, `{"message":"none"}`
	} else if text, refused := strings.CutPrefix(answer, "403 "); refused {
		code, answer = http.StatusForbidden, `{"message":`+fmt.Sprintf("%q", text)+`}`
	}
	return &http.Response{StatusCode: code, Header: header, Body: io.NopCloser(strings.NewReader(answer))}, nil
}

func newAPIServer() *apiServer {
	return &apiServer{answers: map[string]string{"GET /version": `{"major":"1","minor":"36"}`}}
}

func (s *apiServer) client() *kube.Client { return kube.Through("https://kubernetes", s, "") }

func TestRights(t *testing.T) {
	list := func(rights []Right) []string {
		var all []string
		for _, r := range rights {
			all = append(all, fmt.Sprintf("%s %s needed=%v", r.Who, r, r.Needed))
		}
		return all
	}
	passes := &Cluster{Driver: &inventory.CSIDriver{}}
	passes.Driver.Spec.TokenRequests = []struct{ Audience string }{{"vault"}}
	cases := map[string]struct {
		w    inventory.Workload
		c    *Cluster
		want []string
	}{
		"injector with its own certificates": {
			inventory.Workload{Part: inventory.Injector, Arguments: []string{"-tls-auto=cfg", "--use-leader-elector", "--report-missing=true"}}, &Cluster{}, []string{
				`vault/sa watch mutatingwebhookconfigurations.admissionregistration.k8s.io "cfg" needed=true`,
				`vault/sa patch mutatingwebhookconfigurations.admissionregistration.k8s.io "cfg" needed=true`,
				`vault/sa create secrets in vault needed=false`, `vault/sa create leases.coordination.k8s.io in vault needed=true`,
				`vault/sa watch pods needed=false`, `vault/sa create events needed=false`,
			},
		},
		"injector with files": {inventory.Workload{Part: inventory.Injector, Env: map[string]string{"AGENT_INJECT_USE_LEADER_ELECTOR": "false"}}, &Cluster{}, nil},
		"provider": {inventory.Workload{Part: inventory.CSI, Env: map[string]string{"NODE_NAME": "n"}}, &Cluster{}, []string{
			`vault/sa get secrets "vault-csi-provider-hmac-key" in vault needed=false`, `vault/sa create secrets in vault needed=false`,
			`vault/sa create events needed=false`, `vault/sa create serviceaccounts/token needed=true`, `vault/sa watch pods needed=false`,
		}},
		"provider with tokens of the driver": {inventory.Workload{Part: inventory.CSI, Arguments: []string{"-hmac-secret-name", "k"}}, passes, []string{
			`vault/sa get secrets "k" in vault needed=false`, `vault/sa create secrets in vault needed=false`, `vault/sa create events needed=false`,
		}},
		"operator of some namespaces": {inventory.Workload{Part: inventory.Operator, Arguments: []string{"--watch-namespaces=a,b"}}, &Cluster{}, []string{
			`vault/sa watch vaultstaticsecrets.secrets.hashicorp.com in a needed=true`, `vault/sa patch vaultstaticsecrets/status.secrets.hashicorp.com in a needed=true`,
			`vault/sa patch secrets in a needed=true`, `vault/sa create serviceaccounts/token in a needed=true`,
			`vault/sa update leases.coordination.k8s.io in vault needed=true`, `vault/sa patch deployments.apps in a needed=false`, `vault/sa create events in a needed=false`,
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.w.Namespace, tc.w.ServiceAccount = "vault", "sa"
			if diff := cmp.Diff(tc.want, list(rightsOf(tc.w, tc.c))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A review names the account with its groups, and the parts of a resource.
func TestReview(t *testing.T) {
	s := newAPIServer()
	s.answers["POST /apis/authorization.k8s.io/v1/subjectaccessreviews"] = `{"status":{"allowed":true}}`
	s.answers["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = "403 not you"
	rights, err := review(t.Context(), s.client(), []Right{{Who: "vault/sa", Verb: "patch", Resource: "things/status.example.com", Space: "n", Name: "x"}, {Verb: "get", Resource: "pods"}})
	if len(rights) != 1 || !rights[0].Allowed || err == nil || !strings.HasPrefix(err.Error(), "ask for the rights of this user: POST ") {
		t.Errorf("%+v %v", rights, err)
	}
	var asked struct {
		Spec struct {
			User               string
			Groups             []string
			ResourceAttributes map[string]string
		}
	}
	if err := json.Unmarshal([]byte(s.asked[0]), &asked); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"verb": "patch", "resource": "things", "subresource": "status", "group": "example.com", "namespace": "n", "name": "x"}
	if diff := cmp.Diff(want, asked.Spec.ResourceAttributes); diff != "" || asked.Spec.User != "system:serviceaccount:vault:sa" || len(asked.Spec.Groups) != 3 {
		t.Errorf("%+v\n%s", asked, diff)
	}
}

func TestSkew(t *testing.T) {
	at := date(2026, 7)
	header := func(theirs time.Time) http.Header { return http.Header{"Date": {theirs.Format(http.TimeFormat)}} }
	cases := map[string]struct {
		theirs time.Time
		want   time.Duration
	}{
		"same":           {at, 0},
		"during the way": {at.Add(2 * time.Second), 0},
		"cut off":        {at.Add(-time.Second), 0},
		"late":           {at.Add(-11 * time.Second), -10 * time.Second},
		"early":          {at.Add(13 * time.Second), 10 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := skew(header(tc.theirs), at, at.Add(3*time.Second)); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
	if got := skew(http.Header{}, at, at); got != 0 {
		t.Errorf("without a date %s", got)
	}
}

func TestTrialNamespace(t *testing.T) {
	spaces := map[string]map[string]string{"kube-system": {"on": "1"}, "default": nil, "a": {"on": "1"}, "shop": {"on": "1"}}
	on := inventory.Selector{MatchLabels: map[string]string{"on": "1"}}
	cases := map[string]struct {
		account  string
		selector inventory.Selector
		want     string
	}{
		"anywhere":       {"", inventory.Selector{}, "default"},
		"of the account": {"shop/app", on, "shop"},
		"the first":      {"", on, "a"},
		"none":           {"shop/app", inventory.Selector{MatchLabels: map[string]string{"x": "y"}}, ""},
		"not selected":   {"default/app", on, "a"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := &Webhook{}
			w.Namespaces = tc.selector
			if got, _ := w.trialNamespace(Options{Client: newAPIServer().client(), Account: tc.account}, spaces); got != tc.want {
				t.Errorf("%q", got)
			}
		})
	}
}

// A trial tells what the API server did with the pod; one without the right to
// make pods tells nothing.
func TestTrial(t *testing.T) {
	const path = "POST /api/v1/namespaces/default/pods"
	cases := map[string]struct {
		answer   string
		tried    bool
		injected bool
		fails    bool
	}{
		"injected": {`{"metadata":{"annotations":{"vault.hashicorp.com/agent-inject-status":"injected"}}}`, true, true, false},
		"not":      {`{"metadata":{}}`, true, false, false},
		"refused":  {"403 admission webhook denied the request", true, false, true},
		"no right": {`403 pods is forbidden: User "x" cannot create resource "pods" in API group ""`, false, false, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newAPIServer()
			s.answers[path] = tc.answer
			w := &Webhook{}
			w.Objects.MatchLabels = map[string]string{"hook": "on"}
			w.try(t.Context(), Options{Client: s.client()}, map[string]map[string]string{"default": nil})
			if (w.TrialNamespace != "") != tc.tried || w.Injected != tc.injected || (w.TrialErr != nil) != tc.fails {
				t.Errorf("%+v", w)
			}
			if !strings.Contains(s.asked[0], `"hook":"on"`) {
				t.Errorf("the pod is not selected: %s", s.asked[0])
			}
		})
	}
}

func TestAddressOfVault(t *testing.T) {
	ours := func(arguments []string, env map[string]string) inventory.Workload {
		return inventory.Workload{Tool: inventory.Ours, Arguments: arguments, Env: env}
	}
	cases := map[string]struct {
		c    Cluster
		want string
	}{
		"nothing":    {Cluster{}, ""},
		"flag":       {Cluster{Workloads: []inventory.Workload{ours([]string{"-vault-address=https://v"}, nil)}}, "https://v"},
		"variable":   {Cluster{Workloads: []inventory.Workload{ours(nil, map[string]string{"VAULT_ADDR": "https://w"})}}, "https://w"},
		"socket":     {Cluster{Workloads: []inventory.Workload{ours(nil, map[string]string{"VAULT_ADDR": "unix:///s"})}}, ""},
		"connection": {Cluster{Objects: healthy(t).Cluster.Objects}, "https://connection"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := addressOf(&tc.c); got != tc.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestIssuer(t *testing.T) {
	jwt := func(claims string) sensitive.String {
		return sensitive.New("h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s")
	}
	for token, want := range map[sensitive.String]string{jwt(`{"iss":"https://i"}`): "https://i", jwt(`{`): "", sensitive.New("x"): "", sensitive.New("a.%.c"): ""} {
		if got := issuerOf(token); got != want {
			t.Errorf("%q", got)
		}
	}
}

// TestGather reads a whole small world, and judges it.
func TestGather(t *testing.T) {
	v := fakevault.New()
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	s := newAPIServer()
	s.answers["GET /apis/apps/v1/deployments"] = `{"items":[{"metadata":{"namespace":"vault","name":"inj"},"spec":{"replicas":2,"template":{"spec":{"containers":[{"image":"vaultk8s/vaultk8s",
		"args":["injector","--vault-address=` + server.URL + `"]}]}}},"status":{"readyReplicas":2}}]}`
	for _, kind := range []string{"daemonsets", "statefulsets"} {
		s.answers["GET /apis/apps/v1/"+kind] = `{"items":[]}`
	}
	s.answers["GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"] = `{"items":[]}`
	s.answers["GET /api/v1/namespaces"] = `{"items":[]}`
	s.answers["GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions"] = "403 not you"
	f := Gather(t.Context(), Options{Client: s.client(), Version: "test"})
	if f.Cluster.Err != nil || f.Cluster.Minor != 36 || len(f.Cluster.Workloads) != 1 || !kube.Forbidden(f.Cluster.DefinitionsErr) || f.Cluster.Driver != nil {
		t.Errorf("%+v", f.Cluster)
	}
	if f.Vault.Err != nil || f.Vault.Address != server.URL || !f.Vault.Ready || f.Vault.Sealed || f.Vault.Insecure == "" || f.Vault.Version == "" {
		t.Errorf("%+v", f.Vault)
	}
	r := Judge(f)
	if r.Code() != 2 || r.Errors != 1 { // no webhook leads to the injector
		t.Errorf("%s\n%+v", r.Summary(), r.Findings)
	}
}

func TestGatherNothing(t *testing.T) {
	f := Gather(t.Context(), Options{ClientErr: errors.New("no kubeconfig"), Vault: config.Vault{Address: "ftp://x"}})
	if f.Cluster.Err == nil || f.Vault.Err == nil || f.Vault.Login.Tried {
		t.Errorf("%+v", f)
	}
	f = Gather(t.Context(), Options{Client: kube.Through("https://kubernetes", &apiServer{}, "")})
	if !kube.NotFound(f.Cluster.Err) || f.Vault.Skipped != "nobody names its address" {
		t.Errorf("%+v", f)
	}
}
