package check

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/inventory"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// verdict is what one check finds, one line each, without hints.
func verdict(t *testing.T, name string, f *Facts) []string {
	t.Helper()
	for _, c := range checks() {
		if c.name != name {
			continue
		}
		var lines []string
		for _, found := range c.judge(f) {
			lines = append(lines, found.Level.sign()+" "+found.Message)
			if found.Level != OK && found.Hint == "" {
				t.Errorf("nobody says what to do about %q", found.Message)
			}
		}
		return lines
	}
	t.Fatalf("there is no check %q", name)
	return nil
}

// judging is a case of one check.
type judging struct {
	check  string
	change func(*Facts) // of a healthy installation
	want   []string
}

func judgeAll(t *testing.T, cases map[string]judging) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := healthy(t)
			if tc.change != nil {
				tc.change(f)
			}
			if diff := cmp.Diff(tc.want, verdict(t, tc.check, f)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClusterChecks(t *testing.T) {
	failed := func(f *Facts) { f.Cluster.Err = errors.New("refused") }
	judgeAll(t, map[string]judging{
		"reachable":       {"cluster-reachable", nil, []string{"√ the API server https://k answers"}},
		"not reachable":   {"cluster-reachable", failed, []string{"× the API server does not answer: refused"}},
		"no more is said": {"cluster-version", failed, nil},
		"clock unknown":   {"cluster-clock", failed, nil},
		"version":         {"cluster-version", nil, []string{"√ Kubernetes 1.36 is supported"}},
		"no sidecars": {
			"cluster-version", func(f *Facts) { f.Cluster.Minor = 28 },
			[]string{"‼ Kubernetes 1.28 has no native sidecars: pods of Jobs do not complete beside an agent"},
		},
		"too old":      {"cluster-version", func(f *Facts) { f.Cluster.Minor = 24 }, []string{"× Kubernetes 1.24 is too old: 1.25 is needed"}},
		"clock":        {"cluster-clock", nil, []string{"√ the clock of the API server agrees with ours"}},
		"clock late":   {"cluster-clock", func(f *Facts) { f.Cluster.Skew = -10 * time.Second }, []string{"‼ the clock of the API server differs from ours by 10s"}},
		"clock early":  {"cluster-clock", func(f *Facts) { f.Cluster.Skew = time.Hour }, []string{"× the clock of the API server differs from ours by 1h0m0s"}},
		"installed":    {"nothing-installed", nil, nil},
		"nothing":      {"nothing-installed", func(f *Facts) { f.Cluster.Workloads = nil }, []string{"× none of our modes is installed"}},
		"not yet":      {"nothing-installed", func(f *Facts) { f.Cluster.Workloads, f.Pre = nil, true }, nil},
		"not allowed":  {"nothing-installed", func(f *Facts) { f.Cluster.WorkloadsErr = errors.New("no") }, []string{"? workloads cannot be listed: no"}},
		"rights":       {"rights", nil, []string{"√ service account vault/injector may do 1 of the things that are needed"}},
		"right needed": {"rights", func(f *Facts) { f.Cluster.Rights[0].Allowed = false }, []string{`× service account vault/injector may not patch hooks "cfg": no caBundle`}},
		"right of use": {
			"rights", func(f *Facts) {
				f.Cluster.Rights = []Right{{Verb: "create", Resource: "events", Space: "vault", Without: "silence"}}
			},
			[]string{"‼ you may not create events in vault: silence"},
		},
		"rights unknown": {"rights", func(f *Facts) { f.Cluster.RightsErr = errors.New("no") }, []string{"? rights cannot be looked at: no"}},
	})
}

func TestWorkloadChecks(t *testing.T) {
	pods := func(wanted, ready int) func(*Facts) {
		return func(f *Facts) { f.Cluster.Workloads[0].Wanted, f.Cluster.Workloads[0].Ready = wanted, ready }
	}
	old := func(tool inventory.Tool, part inventory.Part, space string, args ...string) func(*Facts) {
		return func(f *Facts) {
			f.Cluster.Workloads = append(f.Cluster.Workloads, inventory.Workload{Tool: tool, Part: part, Kind: "Deployment", Namespace: space, Name: "old", Wanted: 1})
			f.Cluster.Workloads[1].Arguments = args
		}
	}
	judgeAll(t, map[string]judging{
		"ready":        {"injector-ready", nil, []string{"√ Deployment vault/injector: 2 of 2 pods are ready"}},
		"one less":     {"injector-ready", pods(2, 1), []string{"‼ Deployment vault/injector: 1 of 2 pods are ready"}},
		"none ready":   {"injector-ready", pods(2, 0), []string{"× Deployment vault/injector: none of 2 pods is ready"}},
		"none wanted":  {"injector-ready", pods(0, 0), []string{"‼ Deployment vault/injector has no pods"}},
		"csi ready":    {"csi-provider-ready", nil, []string{"√ DaemonSet vault/csi: 3 of 3 pods are ready"}},
		"operator":     {"operator-ready", nil, []string{"√ Deployment vault/operator: 1 of 1 pods are ready"}},
		"no old tools": {"old-tools", nil, []string{"√ none of the tools that we replace is installed"}},
		"old injector": {"old-tools", old(inventory.AgentInjector, inventory.Injector, "vault"), []string{
			"‼ Deployment vault/old runs the Vault Agent Injector beside Deployment vault/injector: a pod gets its agent from whichever is asked first",
		}},
		"old provider": {"old-tools", old(inventory.CSIProvider, inventory.CSI, "x"), []string{
			"× Deployment x/old runs the Vault CSI Provider beside DaemonSet vault/csi: both serve the socket of one provider, and the last that starts takes it",
		}},
		"another socket": {"old-tools", old(inventory.BaoCSIProvider, inventory.CSI, "x"), []string{
			"‼ Deployment x/old runs the OpenBao CSI provider beside DaemonSet vault/csi",
		}},
		"old operator": {"old-tools", old(inventory.SecretsOperator, inventory.Operator, "vault"), []string{
			"‼ Deployment vault/old runs the Vault Secrets Operator beside Deployment vault/operator: only the one that holds the Lease works",
		}},
		"old operator elsewhere": {"old-tools", old(inventory.SecretsOperator, inventory.Operator, "x"), []string{
			"× Deployment x/old runs the Vault Secrets Operator beside Deployment vault/operator in another namespace: both write the same objects",
		}},
		"scaled down": {"old-tools", func(f *Facts) {
			old(inventory.SecretsOperator, inventory.Operator, "x")(f)
			f.Cluster.Workloads[3].Wanted = 0
		}, []string{"√ Deployment x/old runs the Vault Secrets Operator no more"}},
		"alone": {"old-tools", func(f *Facts) {
			f.Cluster.Workloads = []inventory.Workload{{Tool: inventory.AgentInjector, Part: inventory.Injector, Kind: "Deployment", Namespace: "x", Name: "old"}}
		}, []string{"√ Deployment x/old runs the Vault Agent Injector; we do nothing in its place"}},
	})
}

func TestWebhookChecks(t *testing.T) {
	hook := func(change func(*Webhook)) func(*Facts) { return func(f *Facts) { change(&f.Cluster.Webhooks[0]) } }
	judgeAll(t, map[string]judging{
		"present":    {"webhook-present", nil, []string{"√ webhook vault.hashicorp.com of cfg leads to the injector"}},
		"missing":    {"webhook-present", func(f *Facts) { f.Cluster.Webhooks = nil }, []string{"× no webhook configuration leads to the injector: pods are not injected"}},
		"left over":  {"webhook-present", hook(func(w *Webhook) { w.Tool = "" }), []string{"× webhook vault.hashicorp.com of cfg leads to service vault/svc, behind which there is no injector"}},
		"theirs":     {"webhook-present", hook(func(w *Webhook) { w.Tool = inventory.AgentInjector }), []string{"× no webhook configuration leads to the injector: pods are not injected"}},
		"unreadable": {"webhook-present", func(f *Facts) { f.Cluster.WebhooksErr = errors.New("no") }, []string{"? webhook configurations cannot be read: no"}},

		"bundle":           {"webhook-ca-bundle", nil, []string{"√ webhook vault.hashicorp.com of cfg: the caBundle is valid until 2027-01-01T00:00:00Z"}},
		"no bundle":        {"webhook-ca-bundle", hook(func(w *Webhook) { w.Bundle = []byte("\n") }), []string{"× webhook vault.hashicorp.com of cfg has no caBundle: the API server trusts no certificate of it"}},
		"text":             {"webhook-ca-bundle", hook(func(w *Webhook) { w.Bundle = []byte("x") }), []string{"× webhook vault.hashicorp.com of cfg: the caBundle holds no PEM certificate"}},
		"broken":           {"webhook-ca-bundle", hook(func(w *Webhook) { w.Bundle = pemOf([]byte("x")) }), []string{"× webhook vault.hashicorp.com of cfg: the caBundle holds a certificate that cannot be read"}},
		"ended":            {"webhook-ca-bundle", func(f *Facts) { f.Now = date(2027, 1) }, []string{"× webhook vault.hashicorp.com of cfg: every authority of the caBundle has ended, the last at 2027-01-01T00:00:00Z"}},
		"another":          {"webhook-ca-bundle", hook(func(w *Webhook) { w.DialErr = x509.UnknownAuthorityError{} }), []string{"× webhook vault.hashicorp.com of cfg: the caBundle does not fit the certificate that the injector shows"}},
		"certificate":      {"webhook-certificate", nil, []string{"√ the certificate of webhook vault.hashicorp.com of cfg is valid until 2026-07-02T00:00:00Z"}},
		"not seen":         {"webhook-certificate", hook(func(w *Webhook) { w.Dialed = false }), nil},
		"no TLS":           {"webhook-certificate", hook(func(w *Webhook) { w.Ends, w.DialErr = time.Time{}, errors.New("EOF") }), []string{"× webhook vault.hashicorp.com of cfg: no TLS connection: EOF"}},
		"wrong name":       {"webhook-certificate", hook(func(w *Webhook) { w.DialErr = x509.HostnameError{Host: "svc.vault.svc"} }), []string{"× webhook vault.hashicorp.com of cfg: the certificate is made for another name than svc.vault.svc"}},
		"late renewal":     {"webhook-certificate", func(f *Facts) { f.Now = date(2026, 7).Add(23 * time.Hour) }, []string{"‼ the certificate of webhook vault.hashicorp.com of cfg ends in 1h0m0s"}},
		"end of it":        {"webhook-certificate", func(f *Facts) { f.Now = date(2026, 8) }, []string{"× the certificate of webhook vault.hashicorp.com of cfg ended at 2026-07-02T00:00:00Z"}},
		"not valid yet":    {"webhook-certificate", func(f *Facts) { f.Now = date(2026, 6) }, []string{"× the certificate of webhook vault.hashicorp.com of cfg is valid only from 2026-07-01T00:00:00Z on"}},
		"called":           {"webhook-reachable", nil, []string{"√ webhook vault.hashicorp.com of cfg gives an agent to a trial pod in shop"}},
		"not called":       {"webhook-reachable", hook(func(w *Webhook) { w.Injected = false }), []string{"× webhook vault.hashicorp.com of cfg: a trial pod in shop gets no agent"}},
		"refused":          {"webhook-reachable", hook(func(w *Webhook) { w.TrialErr = errors.New("x509") }), []string{"× webhook vault.hashicorp.com of cfg: a trial pod in shop is refused: x509"}},
		"not tried":        {"webhook-reachable", hook(func(w *Webhook) { w.TrialNamespace = "" }), []string{"? webhook vault.hashicorp.com of cfg was not tried: it selects no namespace, or you may not create pods"}},
		"nobody to try":    {"webhook-reachable", hook(func(w *Webhook) { w.Tool = "" }), nil},
		"policy":           {"webhook-failure-policy", nil, []string{"√ webhook vault.hashicorp.com of cfg has failurePolicy Ignore and 2 replicas"}},
		"ignore and one":   {"webhook-failure-policy", hook(func(w *Webhook) { w.Replicas = 1 }), []string{"‼ webhook vault.hashicorp.com of cfg has failurePolicy Ignore and 1 replica: pods that start while that restarts have no secrets"}},
		"fail and one":     {"webhook-failure-policy", hook(func(w *Webhook) { w.Replicas, w.FailurePolicy = 1, "Fail" }), []string{"‼ webhook vault.hashicorp.com of cfg has failurePolicy Fail and 1 replica: no pod that it selects can start while that restarts"}},
		"policy of no one": {"webhook-failure-policy", hook(func(w *Webhook) { w.Tool = "" }), nil},
	})
}

func TestCSIChecks(t *testing.T) {
	gone := func(f *Facts) { f.Cluster.Workloads = nil }
	judgeAll(t, map[string]judging{
		"driver":        {"csi-driver", nil, []string{"√ the Secrets Store CSI Driver is installed; classes for it: 4"}},
		"no driver":     {"csi-driver", func(f *Facts) { f.Cluster.Driver = nil }, []string{"× there is no CSIDriver secrets-store.csi.k8s.io"}},
		"unknown":       {"csi-driver", func(f *Facts) { f.Cluster.DriverErr = errors.New("no") }, []string{"? the CSIDriver object cannot be read: no"}},
		"not ours":      {"csi-driver", gone, nil},
		"rotation":      {"csi-rotation", nil, []string{"√ rotation is on"}},
		"no rotation":   {"csi-rotation", func(f *Facts) { f.Cluster.Driver.Spec.RequiresRepublish = false }, []string{"‼ rotation is off: files change only when a pod starts"}},
		"no provider":   {"csi-rotation", gone, nil},
		"tokens":        {"csi-tokens", nil, []string{`√ the driver passes tokens for the audiences "vault"`}},
		"tokens of who": {"csi-tokens", gone, nil},
		"no tokens": {"csi-tokens", func(f *Facts) { f.Cluster.Driver.Spec.TokenRequests = nil }, []string{
			"‼ the driver passes no tokens: the provider makes them, which costs a request for each mount and a right on all service accounts",
		}},
	})
}

func TestOperatorChecks(t *testing.T) {
	object := func(conditions ...inventory.Condition) func(*Facts) {
		return func(f *Facts) {
			o := inventory.Object{Kind: "VaultAuth"}
			o.Metadata.Namespace, o.Metadata.Name, o.Status.Conditions = "shop", "a", conditions
			f.Cluster.Objects = append(f.Cluster.Objects, o)
		}
	}
	no := false
	judgeAll(t, map[string]judging{
		"defined":      {"operator-definitions", nil, []string{"√ all 10 kinds are served"}},
		"not defined":  {"operator-definitions", func(f *Facts) { f.Cluster.Definitions = f.Cluster.Definitions[1:] }, []string{"× the API server does not serve CSISecrets in v1beta1"}},
		"not served":   {"operator-definitions", func(f *Facts) { f.Cluster.Definitions[1].Served = []string{"v1"} }, []string{"× the API server does not serve ClusterVaultSecret in v1beta1"}},
		"not taken":    {"operator-definitions", func(f *Facts) { f.Cluster.Definitions[2].Established = false }, []string{"× the API server does not serve SecretTransformation in v1beta1"}},
		"unreadable":   {"operator-definitions", func(f *Facts) { f.Cluster.DefinitionsErr = errors.New("no") }, []string{"? definitions cannot be read: no"}},
		"no operator":  {"operator-definitions", func(f *Facts) { f.Cluster.Workloads = nil }, nil},
		"stored":       {"operator-versions", nil, []string{"√ all objects are stored as v1beta1"}},
		"stored old":   {"operator-versions", func(f *Facts) { f.Cluster.Definitions[0].Stored = []string{"v1alpha1", "v1beta1"} }, []string{"‼ CSISecrets: objects may be stored as v1alpha1, which is not served for ever"}},
		"well":         {"operator-objects", nil, []string{"√ 1 objects are well"}},
		"no objects":   {"operator-objects", func(f *Facts) { f.Cluster.Objects = nil }, nil},
		"not readable": {"operator-objects", func(f *Facts) { f.Cluster.ObjectsErr = errors.New("no") }, []string{"? objects of the operator cannot be read: no"}},
		"not ready":    {"operator-objects", object(inventory.Condition{Type: "Ready", Status: "False", Reason: "Denied", Message: "403"}), []string{"‼ VaultAuth shop/a: Ready is False: Denied: 403"}},
		"ready":        {"operator-objects", object(inventory.Condition{Type: "Ready", Status: "True"}), []string{"√ 2 objects are well"}},
		"not valid": {"operator-objects", func(f *Facts) {
			f.Cluster.Objects[0].Status.Valid, f.Cluster.Objects[0].Status.Error = &no, "bad"
		}, []string{"‼ VaultConnection vault/default: it is not valid: bad"}},
	})
	f := healthy(t)
	for range 12 {
		object(inventory.Condition{Type: "Ready", Status: "False"})(f)
	}
	lines := verdict(t, "operator-objects", f)
	if len(lines) != 11 || lines[10] != "‼ 2 more objects are not well" {
		t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}

func TestVaultChecks(t *testing.T) {
	with := func(change func(*Vault)) func(*Facts) { return func(f *Facts) { change(&f.Vault) } }
	refused := &vault.Error{Kind: vault.Denied, Method: "PUT", Path: "auth/kubernetes/login", Address: "https://v", Status: 403, Messages: []string{"namespace not authorized"}, Hint: "list it"}
	judgeAll(t, map[string]judging{
		"answers":         {"vault-reachable", nil, []string{"√ https://v answers"}},
		"skipped":         {"vault-reachable", with(func(v *Vault) { v.Skipped = "why" }), []string{"? no Vault was looked at: why"}},
		"not reachable":   {"vault-reachable", with(func(v *Vault) { v.Err = errors.New("refused") }), []string{"× https://v does not answer: refused"}},
		"nothing more":    {"vault-unsealed", with(func(v *Vault) { v.Err = errors.New("refused") }), nil},
		"unsealed":        {"vault-unsealed", nil, []string{"√ https://v is unsealed"}},
		"standby":         {"vault-unsealed", with(func(v *Vault) { v.Standby = true }), []string{"√ https://v is unsealed, and a standby"}},
		"sealed":          {"vault-unsealed", with(func(v *Vault) { v.Sealed = true }), []string{"× https://v is sealed"}},
		"not initialized": {"vault-unsealed", with(func(v *Vault) { v.Ready = false }), []string{"× https://v is not initialized"}},
		"version":         {"vault-version", nil, []string{"√ version 1.21.2 is supported"}},
		"OpenBao":         {"vault-version", with(func(v *Vault) { v.Version = "2.4.1" }), []string{"√ version 2.4.1 is supported"}},
		"old version":     {"vault-version", with(func(v *Vault) { v.Version = "1.9.0+ent" }), []string{"‼ version 1.9.0+ent is older than 1.13, the oldest that is tested"}},
		"no version":      {"vault-version", with(func(v *Vault) { v.Version = "x" }), []string{`‼ the version "x" of Vault is no number`}},
		"TLS":             {"vault-tls", nil, []string{"√ the certificate of https://v is valid until 2026-09-01T00:00:00Z"}},
		"TLS soon":        {"vault-tls", func(f *Facts) { f.Now = date(2026, 9).Add(-24 * time.Hour) }, []string{"‼ the certificate of https://v ends in 24h0m0s"}},
		"no TLS":          {"vault-tls", with(func(v *Vault) { v.Insecure = "it has no TLS" }), []string{"‼ the connection to Vault is not safe: it has no TLS"}},
		"socket":          {"vault-tls", with(func(v *Vault) { v.CertEnd = time.Time{} }), nil},
		"clock":           {"vault-clock", nil, []string{"√ the clock of Vault agrees with ours"}},
		"clock off":       {"vault-clock", with(func(v *Vault) { v.Skew = -2 * time.Minute }), []string{"× the clock of Vault differs from ours by 2m0s"}},
		"clocks between": {"vault-clock", func(f *Facts) { f.Vault.Skew, f.Cluster.Skew = 8*time.Second, -8*time.Second }, []string{
			"‼ the clocks of Vault and of the API server differ by 16s",
		}},

		"login":      {"vault-login", nil, []string{`√ service account shop/app logs in to auth/kubernetes with role "app": policies app, default`}},
		"no trial":   {"vault-login", with(func(v *Vault) { v.Login.Tried = false }), nil},
		"no account": {"vault-login", with(func(v *Vault) { v.Login.JWTErr = errors.New("404") }), []string{"× no token for service account shop/app: 404"}},
		"refused": {"vault-login", with(func(v *Vault) { v.Login.Err = fmt.Errorf("log in: %w", refused) }), []string{
			`× service account shop/app cannot log in to auth/kubernetes with role "app": log in: ` + withoutHint(refused),
		}},
		"role":     {"vault-role", nil, []string{`√ role "app" is bound to shop/app`}},
		"no admin": {"vault-role", with(func(v *Vault) { v.Mount.Read = false }), nil},
		"no role":  {"vault-role", with(func(v *Vault) { v.Mount.RoleErr = errors.New("404") }), []string{`× role "app" of auth/kubernetes cannot be read: 404`}},
		"wrong all": {"vault-role", with(func(v *Vault) {
			v.Mount = Mount{Read: true, Namespaces: []string{"a", "b"}, Accounts: []string{"x*"}, Audience: "v"}
		}), []string{
			`× role "app" is bound to the namespaces a, b, not to "shop"`, `× role "app" is bound to the service accounts x*, not to "app"`,
			`× role "app" wants tokens for the audience "v"; this one is for "vault"`,
		}},
		"default audience": {"vault-role", with(func(v *Vault) { v.Login.Audience = "" }), []string{`× role "app" wants tokens for the audience "vault"; this one is for the API server`}},
		"patterns":         {"vault-role", with(func(v *Vault) { v.Mount.Namespaces, v.Mount.Accounts = []string{"sh*"}, []string{"*"} }), []string{`√ role "app" is bound to shop/app`}},
		"issuer":           {"vault-issuer", nil, []string{"√ auth/kubernetes expects the issuer of this cluster"}},
		"any issuer":       {"vault-issuer", with(func(v *Vault) { v.Mount.Issuer = "" }), nil},
		"wrong issuer": {"vault-issuer", with(func(v *Vault) { v.Mount.Issuer = "i" }), []string{
			`× auth/kubernetes insists on the issuer "i"; tokens of this cluster have "https://issuer"`,
		}},
		"ttl":       {"vault-token-ttl", nil, []string{"√ Vault's token lives 1h0m0s, more than the 5m0s between two reads"}},
		"ttl short": {"vault-token-ttl", with(func(v *Vault) { v.Login.TTL = time.Minute }), []string{"‼ Vault's token lives 1m0s, less than the 5m0s between two reads"}},
		"ttl fixed": {"vault-token-ttl", with(func(v *Vault) { v.Login.TTL, v.Login.Renew = time.Minute, false }), []string{
			"× Vault's token lives 1m0s and cannot be renewed, but secrets are read every 5m0s: each read needs a new login",
		}},
		"ttl none":      {"vault-token-ttl", with(func(v *Vault) { v.Login.TTL = 0 }), []string{"‼ Vault's token does not end: what a pod has lost can be used for ever"}},
		"ttl of no one": {"vault-token-ttl", with(func(v *Vault) { v.Login.Err = refused }), nil},
	})
}

// A hint of the client stands once, as the hint of the finding.
func TestHintsOfVault(t *testing.T) {
	f := healthy(t)
	f.Vault.Login.Err = &vault.Error{Kind: vault.Denied, Method: "PUT", Path: "p", Address: "https://v", Status: 403, Hint: "bind it"}
	found := vaultLogin(f)[0]
	if found.Hint != "bind it" || strings.Contains(found.Message, "bind it") {
		t.Errorf("%+v", found)
	}
	f.Vault.Err = f.Vault.Login.Err
	if found = vaultReachable(f)[0]; found.Hint != "bind it" || strings.Contains(found.Message, "bind it") {
		t.Errorf("%+v", found)
	}
}

// TestKinds compares the kinds with the chart's.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("../../charts/vaultk8s/files/crds/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no definitions", err)
	}
	defined := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^    kind: (\w+)$`).FindAllStringSubmatch(string(text), -1) {
			defined[m[1]] = true
		}
	}
	known := map[string]bool{}
	for _, kind := range kinds() {
		known[kind] = true
	}
	if diff := cmp.Diff(defined, known); diff != "" {
		t.Errorf("kinds (-defined +known):\n%s", diff)
	}
}

// TestPage wants a section for every check: findings link to it.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if !strings.Contains(string(text), "\n### "+name+"\n") {
			t.Errorf("docs/check.md has no section %q", name)
		}
	}
	if n := strings.Count(string(text), "\n### "); n != len(Names()) {
		t.Errorf("%d sections for %d checks", n, len(Names()))
	}
}
