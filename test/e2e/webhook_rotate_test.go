package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/injector/certs"
)

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// rotation bounds a change of authorities: half a minute in which the new bundle is
// known, and as much again for a lost leader and a busy machine.
const rotation = 2 * time.Minute

// aged puts an authority into the Secret that has less than a year left.
func (w *webhook) aged() (bundle string) {
	w.t.Helper()
	state, _, err := certs.Advance(nil, time.Now().Add(-certs.AuthorityLife+100*24*time.Hour), false)
	must(w.t, err)
	entries, err := state.Encode()
	must(w.t, err)
	data := map[string][]byte{}
	for name, text := range entries {
		data[name] = []byte(text.Reveal())
	}
	_, err = world.kubernetes.Apply(w.t.Context(), "/api/v1/namespaces/"+w.namespace+"/secrets/vaultk8s-injector-certs", map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "vaultk8s-injector-certs"}, "data": data,
	})
	must(w.t, err)
	return string(state.Bundle())
}

// TestWebhookRotates changes the authority of two replicas while pods come, and
// kills the leader in the middle of it.
func TestWebhookRotates(t *testing.T) {
	t.Parallel()
	w := newWebhook(t)
	old := w.aged()
	first, firstAt := w.serve("first", "-use-leader-elector")
	first.awaitLog(1, "this replica leads")
	second, secondAt := w.serve("second", "-use-leader-elector")
	w.gate.lead(firstAt, secondAt)
	w.awaitReady(firstAt)
	w.awaitReady(secondAt)
	first.awaitLog(1, "certificates changed", "reason", string(certs.AuthorityAdded))
	await(t, func() error {
		if n := strings.Count(w.bundles()[0], "BEGIN"); n != 2 {
			return errorf("%d authorities are trusted", n)
		}
		return nil
	})

	w.gate.lead(secondAt)
	first.signal(syscall.SIGKILL)
	first.wait()
	stop := w.load()
	err := awaitWithin(t, rotation, func() error {
		if len(second.logged("this replica leads")) == 0 {
			return errorf("the other replica does not lead")
		}
		for _, e := range second.logged("certificates changed") {
			if e["reason"] == string(certs.AuthorityPromoted) {
				return nil
			}
		}
		return errorf("the authority is not replaced")
	})
	must(t, err)
	third, thirdAt := w.serve("third", "-use-leader-elector")
	w.awaitReady(thirdAt)
	w.gate.lead(secondAt, thirdAt)
	w.awaitReady(secondAt)

	// The end of a replica, as the kubelet and the endpoints of a Service do it.
	second.signal(syscall.SIGTERM)
	await(t, func() error {
		if code, _ := w.answer(secondAt, "/health/ready"); code == http.StatusNoContent {
			return errorf("still ready")
		}
		return nil
	})
	w.gate.lead(thirdAt)
	if code := second.wait(); code != 0 {
		t.Errorf("exit code %d at the end", code)
	}
	third.awaitLog(1, "this replica leads")
	if n := stop(); n < 100 {
		t.Errorf("only %d pods came", n)
	}
	bundle := w.bundles()[0]
	if !strings.HasSuffix(bundle, old) || strings.HasPrefix(bundle, old) || strings.Count(bundle, "BEGIN") != 2 {
		t.Errorf("the bundle is not the new authority before the old one:\n%s\nold:\n%s", bundle, old)
	}
	if got := w.metric(thirdAt, "vaultk8s_injector_ca_bundle_undone_total"); got != "0" {
		t.Errorf("%q writes were undone", got)
	}
}
