package cluster

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parliament is some electors on one Lease, and the order in which they lead.
type parliament struct {
	t       *testing.T
	api     *apiServer
	journal journal

	mu    sync.Mutex
	terms []string
	now   []string // who leads at this moment
}

// stand has a candidate run until the function is called.
func (p *parliament) stand(name string) (stop func()) {
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	e := NewElector(p.api.client(), "vault", "injector", name, p.journal.add)
	go func() {
		defer close(done)
		e.Run(ctx, func(term context.Context) {
			p.begin(name, e.Leading())
			<-term.Done()
			p.end(name)
		})
	}()
	return sync.OnceFunc(func() { cancel(); <-done })
}

func (p *parliament) begin(name string, leading bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.terms, p.now = append(p.terms, name), append(p.now, name)
	if len(p.now) > 1 || !leading {
		p.t.Errorf("%s lead at once", p.now)
	}
}

func (p *parliament) end(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = slices.DeleteFunc(p.now, func(n string) bool { return n == name })
}

func (p *parliament) leader() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.now) == 0 {
		return ""
	}
	return p.now[0]
}

func TestOneLeadsAndHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &parliament{t: t, api: newAPIServer()}
		stopA := p.stand("a")
		defer stopA()
		if got := p.leader(); got != "a" {
			t.Errorf("leader %q", got)
		}
		stopB := p.stand("b")
		defer stopB()
		pass(10 * time.Minute)
		if got := p.leader(); got != "a" {
			t.Errorf("after ten minutes %q leads", got)
		}
		stopA() // in order: the lease is given back
		pass(2 * renewTime)
		if got := p.leader(); got != "b" {
			t.Errorf("after a leaves, %q leads", got)
		}
		if diff := cmp.Diff([]string(nil), p.journal.all()); diff != "" {
			t.Errorf("reported:\n%s", diff)
		}
	})
}

func TestLostLeaderIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &parliament{t: t, api: newAPIServer()}
		stopA := p.stand("a")
		p.leader()
		stopB := p.stand("b")
		defer stopB()
		pass(time.Minute)
		// The leader dies: nothing of it reaches the server any more.
		p.api.mu.Lock()
		p.api.fail = func(string, string) int { return -1 }
		p.api.mu.Unlock()
		stopA()
		p.api.mu.Lock()
		p.api.fail = nil
		p.api.mu.Unlock()
		pass(leaseTime - 2*renewTime)
		if got := p.leader(); got != "" {
			t.Errorf("%q leads while the lease of a may be in use", got)
		}
		pass(leaseTime + 2*renewTime)
		if got := p.leader(); got != "b" {
			t.Errorf("leader %q", got)
		}
	})
}

// A leader that cannot renew stops to lead before anybody else may begin.
func TestLeaderWithoutAnAPIServerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &parliament{t: t, api: newAPIServer()}
		stop := p.stand("a")
		defer stop()
		p.leader()
		pass(time.Minute + time.Second) // between two renewals
		p.api.mu.Lock()
		p.api.fail = func(string, string) int { return 500 }
		p.api.mu.Unlock()
		pass(giveUp + renewTime)
		if got := p.leader(); got != "" {
			t.Errorf("%q leads", got)
		}
		if all := p.journal.all(); len(all) == 0 || all[0] != "renew the lease: GET /apis/coordination.k8s.io/v1/namespaces/vault/leases/injector: the API server answers 500: told to" {
			t.Errorf("reported %q", all)
		}
		p.api.mu.Lock()
		p.api.fail = nil
		p.api.mu.Unlock()
		pass(2 * renewTime)
		if got := p.leader(); got != "a" {
			t.Errorf("afterwards %q leads", got)
		}
	})
}
