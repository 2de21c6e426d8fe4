package webhook_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/injector/webhook"
)

func TestMutate(t *testing.T) {
	h := webhook.New(options())
	for sent, want := range map[string]string{"v1": "admission.k8s.io/v1", "v1beta1": "admission.k8s.io/v1beta1", "v7": "admission.k8s.io/v1"} {
		t.Run(sent, func(t *testing.T) {
			r := review(t, h, ask(sent, "shop", asking))
			if r.APIVersion != want || r.Kind != "AdmissionReview" || r.Response.UID != "7f3a" || !r.Response.Allowed || r.Response.PatchType != "JSONPatch" {
				t.Errorf("answer %+v", r)
			}
			pod := patched(t, asking, r)
			if len(pod.Spec.InitContainers) != 1 || len(pod.Spec.Containers) != 2 || pod.Annotations[injector.StatusKey] != "injected" {
				t.Errorf("pod %+v", pod)
			}
		})
	}
}

func TestNothingToDo(t *testing.T) {
	cases := map[string]string{
		"not asked":        ask("v1", "shop", plain),
		"kube-system":      ask("v1", "kube-system", plain),
		"injected":         ask("v1", "shop", strings.Replace(asking, `"vault.hashicorp.com/role"`, `"vault.hashicorp.com/agent-inject-status":"injected","vault.hashicorp.com/role"`, 1)),
		"another resource": strings.Replace(ask("v1", "shop", asking), `"resource":"pods"`, `"resource":"services"`, 1),
		"no object":        ask("v1", "shop", "null"),
	}
	h := webhook.New(options())
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			r := review(t, h, body)
			if !r.Response.Allowed || r.Response.Patch != nil || r.Response.PatchType != "" || r.Response.Status.Message != "" {
				t.Errorf("answer %+v", r)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	o := options()
	o.Addresses = webhook.Addresses{"https://vault:8200", "https://*.vault.svc"}
	h := webhook.New(o)
	with := func(annotations string) string {
		return ask("v1", "shop", strings.Replace(asking, `"vault.hashicorp.com/role":"web"`, annotations+`"vault.hashicorp.com/role":"web"`, 1))
	}
	cases := map[string]struct{ body, want string }{
		"system namespace": {ask("v1", "kube-system", asking), "error with request namespace: cannot inject into system namespaces: kube-system"},
		"no role":          {strings.Replace(ask("v1", "shop", asking), "/role", "/rol", 1), "error validating agent configuration: no Vault role found: set vault.hashicorp.com/role"},
		"not a pod":        {ask("v1", "shop", `{"vault.hashicorp.com/agent-inject":1,"spec":[]}`), "the pod cannot be decoded: json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"},
		"address": {
			with(`"vault.hashicorp.com/service":"https://evil:8200","vaultk8s.io/agent-address-db":"http://vault:8200",`),
			`error validating agent configuration: vault.hashicorp.com/service: address "https://evil:8200" is not allowed in this cluster; allowed: https://vault:8200, https://*.vault.svc` + "\n" +
				`error validating agent configuration: vaultk8s.io/agent-address-db: address "http://vault:8200" is not allowed in this cluster; allowed: https://vault:8200, https://*.vault.svc`,
		},
		"address of a variable": {
			strings.Replace(with(`"vaultk8s.io/agent-env-DB_PASSWORD":"secret/data/db#password","vaultk8s.io/agent-address-DB_PASSWORD":"https://evil:8200",`), `"image"`, `"command":["/app"],"image"`, 1),
			`error validating agent configuration: vaultk8s.io/agent-address-DB_PASSWORD: address "https://evil:8200" is not allowed in this cluster; allowed: https://vault:8200, https://*.vault.svc`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := review(t, h, tc.body)
			if r.Response.Allowed || r.Response.Patch != nil || r.Response.UID != "7f3a" {
				t.Errorf("answer %+v", r)
			}
			if diff := cmp.Diff(tc.want, r.Response.Status.Message); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
	if r := review(t, h, with(`"vault.hashicorp.com/service":"https://east.vault.svc:443/",`)); !r.Response.Allowed {
		t.Errorf("an address that is allowed: %s", r.Response.Status.Message)
	}
}

func TestWarnings(t *testing.T) {
	body := strings.Replace(ask("v1", "shop", asking), `"vault.hashicorp.com/role":`, `"vault.hashicorp.com/rle":"x","vault.hashicorp.com/role":`, 1)
	want := []string{"vault.hashicorp.com/rle is unknown and has no effect; did you mean vault.hashicorp.com/role?"}
	if diff := cmp.Diff(want, review(t, webhook.New(options()), body).Response.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestMalformed(t *testing.T) {
	cases := map[string]struct {
		method, contentType, body string
		code                      int
		want                      string
	}{
		"method":        {http.MethodGet, "application/json", "{}", 405, `method "GET" is not POST`},
		"content type":  {http.MethodPost, "text/plain", "{}", 415, `content type "text/plain" is not "application/json"`},
		"none":          {http.MethodPost, "", "{}", 415, `content type "" is not "application/json"`},
		"empty":         {http.MethodPost, "application/json", "", 400, `the body is empty: an AdmissionReview is expected`},
		"text":          {http.MethodPost, "application/json; charset=utf-8", "x", 400, `the body is no AdmissionReview: invalid character 'x' looking for beginning of value`},
		"cut":           {http.MethodPost, "application/json", ask("v1", "shop", asking)[:300], 400, `the body is no AdmissionReview: unexpected end of JSON input`},
		"another kind":  {http.MethodPost, "application/json", `{"kind":"Pod"}`, 400, `the body is of kind "Pod", not "AdmissionReview"`},
		"no request":    {http.MethodPost, "application/json", `{"kind":"AdmissionReview"}`, 400, `the AdmissionReview has no request`},
		"wrong shape":   {http.MethodPost, "application/json", `{"request":[]}`, 400, `the body is no AdmissionReview: json: cannot unmarshal array into Go struct field review.request of type webhook.question`},
		"too large":     {http.MethodPost, "application/json", `{"a":"` + strings.Repeat("x", 3<<20) + `"}`, 413, `the review is larger than 3145728 bytes`},
		"just too deep": {http.MethodPost, "application/json", strings.Repeat("[", 1<<20), 400, `the body is no AdmissionReview: invalid character '[' exceeded max depth`},
	}
	h := webhook.New(options())
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := send(t, h, tc.method, "/mutate", tc.contentType, tc.body)
			if w.Code != tc.code || strings.TrimSpace(w.Body.String()) != tc.want {
				t.Errorf("got  %d %s\nwant %d %s", w.Code, w.Body, tc.code, tc.want)
			}
		})
	}
}

// A mistake in the program refuses one pod, and nothing else.
func TestPanic(t *testing.T) {
	o := options()
	o.Injector.CheckTemplate = func(string, string, string) error { panic("oh") }
	var heard []webhook.Admission
	o.Heard = func(a webhook.Admission) { heard = append(heard, a) }
	h := webhook.New(o)
	body := strings.Replace(ask("v1", "shop", asking), `"vault.hashicorp.com/role":`, `"vault.hashicorp.com/agent-inject-template-db":"x","vault.hashicorp.com/role":`, 1)
	if r := review(t, h, body); r.Response.Allowed || r.Response.Status.Message != "the injector failed: oh" {
		t.Errorf("answer %+v", r)
	}
	if r := review(t, h, ask("v1", "shop", asking)); !r.Response.Allowed {
		t.Errorf("afterwards: %+v", r)
	}
	want := []webhook.Admission{
		{UID: "7f3a", Namespace: "shop", Operation: "CREATE", DryRun: true, Reason: "Failed", Message: "the injector failed: oh"},
		{UID: "7f3a", Namespace: "shop", Operation: "CREATE", DryRun: true, Reason: injector.Injected, Injection: injector.InitAndSidecar},
	}
	if diff := cmp.Diff(want, heard, cmpopts.IgnoreFields(webhook.Admission{}, "Duration")); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

// Escapes that no API server writes, but JSON allows, do not hide an annotation.
func TestEscapedAnnotations(t *testing.T) {
	for name, key := range map[string]string{"slash": `vault.hashicorp.com\/agent-inject`, "letters": `vault.hashicorp.com/agent-\u0069nject`} {
		t.Run(name, func(t *testing.T) {
			body := ask("v1", "shop", strings.ReplaceAll(asking, "vault.hashicorp.com/agent-inject", key))
			if r := review(t, webhook.New(options()), body); r.Response.Patch == nil {
				t.Errorf("answer %+v", r)
			}
		})
	}
}

func TestProbes(t *testing.T) {
	cases := map[string]struct {
		certificate, trusted error
		drain                bool
		ready, readyz        int
		text                 string
	}{
		"all is well":    {nil, nil, false, 204, 200, "ok"},
		"no certificate": {errNotYet, nil, false, 503, 503, "not yet"},
		"not trusted":    {nil, errNotYet, false, 204, 503, "not yet"},
		"draining":       {nil, nil, true, 503, 503, "the injector is about to end"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Certificate, o.Trusted = func() error { return tc.certificate }, func() error { return tc.trusted }
			h := webhook.New(o)
			if tc.drain {
				h.Drain()
			}
			if w := send(t, h, http.MethodGet, "/health/ready", "", ""); w.Code != tc.ready || (w.Code == 204 && w.Body.Len() > 0) {
				t.Errorf("/health/ready: %d %s", w.Code, w.Body)
			}
			if w := send(t, h, http.MethodGet, "/readyz", "", ""); w.Code != tc.readyz || strings.TrimSpace(w.Body.String()) != tc.text {
				t.Errorf("/readyz: %d %s", w.Code, w.Body)
			}
			if w := send(t, h, http.MethodGet, "/livez", "", ""); w.Code != 200 {
				t.Errorf("/livez: %d", w.Code)
			}
			if r := review(t, h, ask("v1", "shop", asking)); !r.Response.Allowed {
				t.Error("a request is not answered")
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	h := webhook.New(options())
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 20 {
				if r := review(t, h, ask("v1", "shop", asking)); !r.Response.Allowed || r.Response.Patch == nil {
					t.Error("not injected")
				}
				if r := review(t, h, ask("v1", "shop", plain)); !r.Response.Allowed || r.Response.Patch != nil {
					t.Error("injected")
				}
			}
		})
	}
	clients.Wait()
}

func FuzzMutate(f *testing.F) {
	for _, seed := range []string{ask("v1", "shop", asking), ask("v1beta1", "", plain), ask("v1", "kube-system", asking), "{}", `{"request":{"object":"` + `vault.hashicorp.com/agent-inject"}}`} {
		f.Add(seed)
	}
	h := webhook.New(options())
	f.Fuzz(func(t *testing.T, body string) {
		w := send(t, h, http.MethodPost, "/mutate", "application/json", body)
		if w.Code != 200 && w.Code != 400 || strings.Contains(w.Body.String(), "the injector failed") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
