package webhook

import (
	"bytes"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
)

// Reasons besides those of package injector.
const (
	notAPod        injector.Reason = "NotAPod"
	undecodable    injector.Reason = "Undecodable"
	addressRefused injector.Reason = "AddressRefused"
	failed         injector.Reason = "Failed" // a mistake in this program
)

// verdict is what becomes of a request.
type verdict struct {
	response  response
	namespace string
	reason    injector.Reason
	injection injector.Injection
}

// asks is found in the annotations of every pod that is of interest.
const asks = injector.Prefix + "agent-inject"

// judge answers one question; the patch is written to the scratch. It never
// panics: what would is a refusal.
func (h *Handler) judge(q *question, s *scratch) (v verdict) {
	v = verdict{response: response{UID: q.UID, Allowed: true}, namespace: q.Namespace, reason: injector.NotRequested}
	defer func() {
		if cause := recover(); cause != nil {
			v.reason, v.injection = failed, ""
			v.response = refusal(q, fmt.Sprintf("the injector failed: %v", cause), http.StatusInternalServerError)
		}
	}()
	if q.Resource.Resource != "" && (q.Resource.Resource != "pods" || q.Resource.Group != "") {
		v.reason = notAPod
		return v
	}
	if !mayAsk(q.Object) {
		return v
	}
	pod, err := decode[corev1.Pod](q.Object)
	if err != nil {
		v.reason = undecodable
		v.response = refusal(q, "the pod cannot be decoded: "+err.Error(), http.StatusBadRequest)
		return v
	}
	h.inject(q, pod, s, &v)
	return v
}

// mayAsk reports whether the text of a pod can hold an annotation that asks for an
// injection, which spares decoding the others. JSON could also write its letters,
// or its slash, with a backslash; no API server does.
func mayAsk(object []byte) bool {
	for _, sign := range []string{asks, `\u`, `\/`} {
		if bytes.Contains(object, []byte(sign)) {
			return true
		}
	}
	return false
}

func refusal(q *question, text string, code int32) response {
	return response{UID: q.UID, Result: &result{Message: text, Code: code}}
}

func (h *Handler) inject(q *question, pod *corev1.Pod, s *scratch, v *verdict) {
	o := h.options.Injector
	o.Namespace = q.Namespace
	out, report := injector.Inject(pod, o)
	v.reason, v.injection = report.Reason, report.Injection
	v.response.Warnings = report.Warnings
	err := report.Err
	if err == nil && report.Reason == injector.Injected {
		if err = h.options.Addresses.check(pod.Annotations); err != nil {
			v.reason, v.injection = addressRefused, ""
		}
	}
	if err != nil {
		v.response = refusal(q, err.Error(), 0)
		v.response.Warnings = report.Warnings
		return
	}
	if report.Reason != injector.Injected {
		return
	}
	patch, err := injector.AppendPatch(s.patch[:0], pod, out)
	if err != nil {
		v.reason, v.injection = failed, ""
		v.response = refusal(q, "error creating patch for agent: "+err.Error(), http.StatusInternalServerError)
		return
	}
	s.patch = patch
	v.response.Patch, v.response.PatchType = patch, "JSONPatch"
}
