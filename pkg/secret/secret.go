package secret

import (
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// Response is what Vault answered; see the package vault.
type Response = vault.Response

// State is everything known about one secret at one moment. It is a value: a
// watcher may keep it, and must not change what it points to.
type State struct {
	Query    Query
	Response *Response // nil: not held yet
	Version  uint64    // counts changes of the data; 0: not held yet
	Err      error     // of the newest attempt, nil when that succeeded
	Failures int       // attempts that failed since the newest success
	Read     time.Time // when Vault answered last, if only to find it unchanged; zero: not yet
	Expires  time.Time // when Vault ends it (lease, certificate or the token it hangs on); zero: never
	Due      time.Time // when it is looked at next
	Reason   Reason    // why it is looked at next
}
