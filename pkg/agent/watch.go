package agent

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// configurationInterval is how often the files of the configuration are looked
// at: the kubelet takes up to a minute to bring a ConfigMap's change, so five
// seconds are no delay, and a few calls of stat cost nothing.
const configurationInterval = 5 * time.Second

// watchCredentials logs in again when the files of the credentials change, where
// the configuration asks for it; nil: it does not.
func (a *Agent) watchCredentials(c config.Auth, relogin func()) *lease.Entry {
	if !auth.Reauth(c) {
		return nil
	}
	files := auth.Watched(c)
	return a.watch(func() []string { return files }, auth.WatchInterval(c), func() {
		a.log.Info("credentials changed", slog.String(telemetry.FieldMethod, c.Method), slog.String(telemetry.FieldRole, c.Role))
		relogin()
	})
}

// watch calls back when one of some files has changed or come; one that goes is
// no change, because some methods remove their credentials once they are read. It
// looks at intervals and not by notifications: projected volumes swap links, and
// a watch of a file in them is lost at the first swap.
func (a *Agent) watch(files func() []string, interval time.Duration, changed func()) *lease.Entry {
	seen := map[string]stamp{}
	differs(seen, files())
	return a.schedule.AddUrgent(time.Now().Add(interval), func(context.Context) time.Time {
		if differs(seen, files()) {
			changed()
		}
		return time.Now().Add(interval)
	})
}

// stamp tells one state of a file from another.
type stamp struct {
	size int64
	time time.Time
}

// differs notes the state of files, and tells whether one of those that exist is
// not as it was seen last.
func differs(seen map[string]stamp, files []string) bool {
	changed := false
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			continue
		}
		now := stamp{info.Size(), info.ModTime()}
		changed = changed || seen[name] != now
		seen[name] = now
	}
	return changed
}
