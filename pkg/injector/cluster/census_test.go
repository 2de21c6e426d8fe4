package cluster

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is pods on an API server, of which a census is taken.
type crowd struct {
	*Census
	t       *testing.T
	api     *apiServer
	journal journal
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, api: newAPIServer()}
	c.Census = NewCensus(c.api.client(), "app=web", c.journal.add)
	return c
}

// run takes the census until the function is called.
func (c *crowd) run() (stop func()) {
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	return func() { cancel(); <-done }
}

func (c *crowd) pod(name, namespace string, annotations map[string]any) {
	c.api.set("/api/v1/pods/"+name, map[string]any{"metadata": map[string]any{"name": name, "namespace": namespace, "uid": name + "-UID", "annotations": annotations}})
}

func (c *crowd) counts(want, events int) {
	c.t.Helper()
	pass(3 * time.Second)
	synctest.Wait()
	if got := c.Count(); got != want {
		c.t.Errorf("%d pods without an agent, want %d", got, want)
	}
	if got := c.api.count("POST /api/v1/namespaces/shop/events"); got != events {
		c.t.Errorf("%d events, want %d", got, events)
	}
}

func asks(more map[string]any) map[string]any {
	all := map[string]any{"vault.hashicorp.com/agent-inject": "true"}
	for k, v := range more {
		all[k] = v
	}
	return all
}

func TestCensus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.pod("early", "shop", asks(nil))
		c.pod("plain", "shop", nil)
		c.pod("refusing", "shop", map[string]any{"vault.hashicorp.com/agent-inject": "false"})
		c.pod("system", "kube-system", asks(nil))
		stop := c.run()
		defer stop()
		c.counts(1, 1)
		c.pod("injected", "shop", asks(map[string]any{"vault.hashicorp.com/agent-inject-status": "injected"}))
		c.counts(1, 1)
		c.pod("late", "shop", asks(nil))
		c.counts(2, 2)
		c.pod("late", "shop", asks(map[string]any{"more": "x"})) // told once
		c.counts(2, 2)
		e := c.api.objects["/api/v1/namespaces/shop/events/late-uid.without-agent"]
		if e["reason"] != "InjectionMissing" || e["type"] != "Warning" || field(e, "involvedObject", "name") != "late" || field(e, "involvedObject", "uid") != "late-UID" {
			t.Errorf("event %v", e)
		}
		c.api.mu.Lock()
		c.api.tell("DELETED", c.api.objects["/api/v1/pods/late"])
		delete(c.api.objects, "/api/v1/pods/late")
		delete(c.api.objects, "/api/v1/pods/early") // while nobody watches
		c.api.mu.Unlock()
		c.api.endWatches()
		c.counts(0, 2)
		if all := c.journal.all(); len(all) > 0 {
			t.Errorf("reported %q", all)
		}
	})
}

// Who leads next finds the same pods, and writes no second event.
func TestCensusOfTheNextLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		for i := range 3 {
			c.pod(fmt.Sprint("pod-", i), "shop", asks(nil))
		}
		stop := c.run()
		c.counts(3, 3)
		stop()
		if c.Count() != 0 {
			t.Error("who does not look counts")
		}
		next := &crowd{Census: NewCensus(c.api.client(), "", c.journal.add), t: t, api: c.api}
		defer next.run()()
		next.counts(3, 6) // asked for again, and refused as a conflict
		if all := c.journal.all(); len(all) > 0 {
			t.Errorf("reported %q", all)
		}
	})
}

func TestCensusErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.api.fail = func(_, path string) int {
			if path == "/api/v1/pods" {
				return 403
			}
			return 0
		}
		stop := c.run()
		defer stop()
		pass(30 * time.Minute)
		want := "look for pods without an agent: GET /api/v1/pods: the API server answers 403: told to"
		all := c.journal.all()
		// 1+2+4+...+32 s, and then one a minute with some jitter.
		if len(all) < 20 || len(all) > 70 || all[0] != want {
			t.Errorf("reported %d times, %q", len(all), all[:1])
		}
	})
}
