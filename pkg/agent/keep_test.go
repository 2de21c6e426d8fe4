package agent_test

import (
	"strings"
	"testing"
)

// TestKubernetesSecretHoldsNothingUp writes to one where there is no cluster: the
// file is there, its command ran, and the log tells the rest.
func TestKubernetesSecretHoldsNothingUp(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	w := newWorld(t)
	w.beside(w.options(w.document(strings.Replace(kvTemplate, "destination", "command = \"echo told >> DIR/told\"\n  kubernetes_secret {\n    name = \"app\"\n    key = \"kv\"\n  }\n  destination", 1))))
	eventually(t, "the command ran", func() bool { return w.read("told") == "told\n" })
	if got := w.read("out/kv"); got != canary+"-1" {
		t.Errorf("the file holds %q", got)
	}
	const want = `msg="template failed" destination=`
	eventually(t, "the log tells of the failure", func() bool { return strings.Contains(w.log(), want) })
	if !strings.Contains(w.log(), "this is no pod") || !strings.Contains(w.log(), "msg=delivered destination="+w.path("out/kv")) {
		t.Error("the log does not tell what happened")
	}
}
