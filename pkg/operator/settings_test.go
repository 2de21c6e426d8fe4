package operator

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/operator/session"
	"github.com/vaultk8s/vaultk8s/pkg/operator/tally"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

func TestWorkersForDynamic(t *testing.T) {
	cases := map[string]struct{ general, dynamic, want int }{
		"nothing":         {config.MaxConcurrentDefault, 0, config.MaxConcurrentDefault},
		"the old one":     {config.MaxConcurrentDefault, 5, 5},
		"the general one": {20, 0, 20},
		"both":            {20, 5, 20},
	}
	for name, c := range cases {
		if got := workersForDynamic(config.Operator{MaxConcurrent: c.general, MaxConcurrentDynamic: c.dynamic}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestStateOfSessions: metrics may be asked for before there are sessions, and tell
// of them after; objects there are as soon as one was looked at.
func TestStateOfSessions(t *testing.T) {
	p := programOver(t)
	p.tally = tally.New(nil)
	p.tally.Kind("VaultPushSecret").Visited(types.NamespacedName{Namespace: "shop", Name: "out"}, tally.Visit{})
	p.board, p.config.ClientCacheSize, p.config.PersistenceModel = newBoard(1), 7, config.PersistEncrypted
	want := telemetry.OperatorState{SessionLimit: 7, Encrypted: true}
	if got := p.state(); got.Sessions != want.Sessions || got.SessionLimit != want.SessionLimit || got.Encrypted != want.Encrypted {
		t.Errorf("without sessions: %+v", got)
	}
	if got := p.state().Objects; len(got) != 1 || got[0].Name != "out" {
		t.Errorf("objects %+v", got)
	}
	p.sessions = session.New(session.Options{})
	if got := p.state(); got.Sessions != 0 || got.KeptSessions != 0 {
		t.Errorf("with none yet: %+v", got)
	}
}
