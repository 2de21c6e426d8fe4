package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apply "github.com/evanphx/json-patch/v5"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/injector/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fine is a probe that finds nothing.
func fine() error { return nil }

func options() webhook.Options {
	o := webhook.Options{Injector: injector.DefaultOptions(), Metrics: webhook.NewMetrics(), Certificate: fine, Trusted: fine, MetricsPath: "/metrics"}
	o.Injector.VaultAddress = "https://vault:8200"
	return o
}

// asking is a pod that asks for one secret.
const asking = `{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-","annotations":{
	"vault.hashicorp.com/agent-inject":"true","vault.hashicorp.com/role":"web","vault.hashicorp.com/agent-inject-secret-db":"database/creds/web"}},
	"spec":{"containers":[{"name":"web","image":"nginx","future":"kept","volumeMounts":[{"name":"token","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}],"volumes":[{"name":"token","emptyDir":{}}]}}`

// plain is a pod of somebody else.
const plain = `{"metadata":{"annotations":{"a":"b"}},"spec":{"containers":[{"name":"web","image":"nginx"}]}}`

// ask wraps a pod into a review.
func ask(version, namespace, pod string) string {
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/%s","kind":"AdmissionReview","request":{"uid":"7f3a","kind":{"version":"v1","kind":"Pod"},
		"resource":{"group":"","version":"v1","resource":"pods"},"namespace":%q,"operation":"CREATE","dryRun":true,"object":%s}}`, version, namespace, pod)
}

// reviewed is the answer that the API server reads.
type reviewed struct {
	APIVersion, Kind string
	Response         struct {
		UID       string
		Allowed   bool
		Status    struct{ Message string }
		Patch     []byte
		PatchType string
		Warnings  []string
	}
}

func send(t testing.TB, h http.Handler, method, path, contentType, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// review returns the answer to a review.
func review(t testing.TB, h http.Handler, body string) reviewed {
	t.Helper()
	w := send(t, h, http.MethodPost, "/mutate", "application/json", body)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s: %s", w.Code, w.Header(), w.Body)
	}
	var r reviewed
	must(t, json.Unmarshal(w.Body.Bytes(), &r))
	return r
}

// patched is the pod that the API server makes of the answer.
func patched(t *testing.T, pod string, r reviewed) *corev1.Pod {
	t.Helper()
	patch, err := apply.DecodePatch(r.Response.Patch)
	must(t, err)
	text, err := patch.Apply([]byte(pod))
	must(t, err)
	if !strings.Contains(string(text), `"future":"kept"`) {
		t.Error("a field that is not known here is lost")
	}
	var out corev1.Pod
	must(t, json.Unmarshal(text, &out))
	return &out
}

var errNotYet = errors.New("not yet")
