package agent

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/startup"
)

// settleAfter is how long after the first delivery an agent gives back what only
// its start needed: a moment, in which commands and connections come to rest.
const settleAfter = time.Second

// settleLater plans that, once, for an agent that goes on running.
func (a *Agent) settleLater() {
	if a.o.Config.Agent.ExitAfterAuth || a.settling {
		return
	}
	a.settling = true
	a.schedule.AddUrgent(time.Now().Add(settleAfter), func(context.Context) time.Time {
		startup.Over()
		debug.FreeOSMemory()
		if err := dropCode(); err != nil {
			a.log.Debug("memory of the start not given back", fieldError(err))
		}
		return time.Time{}
	})
}
