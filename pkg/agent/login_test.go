package agent_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
)

// TestExitOnErrIsAboutLogins has all renewals fail, each of which leads to a
// login, and then the third login, which ends the agent.
func TestExitOnErrIsAboutLogins(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		logins := 0
		third := func(*http.Request) bool {
			logins++
			return logins > 2
		}
		w.vault.Fault(fakevault.Fault{Path: "auth/token/renew-self", Status: http.StatusInternalServerError})
		w.vault.Fault(fakevault.Fault{Path: "auth/kubernetes/login", Match: third, Status: http.StatusForbidden})
		err := w.run(strings.Replace(w.document(kvTemplate), "config =", "exit_on_err = true\n  config =", 1))
		if err == nil || !strings.HasPrefix(err.Error(), "log in: ") || logins != 3 {
			t.Errorf("Run() = %v after %d logins, want the failure of the third", err, logins)
		}
		if !strings.Contains(w.log(), "renew-self") {
			t.Error("no renewal failed: the test proves nothing")
		}
	})
}
