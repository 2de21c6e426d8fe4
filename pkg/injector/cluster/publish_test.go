package cluster

import (
	"context"
	"encoding/base64"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const configurationPath = configurationsPath + "/cfg"

// press is a publisher on an API server.
type press struct {
	*Publisher
	api     *apiServer
	journal journal

	mu   sync.Mutex
	want []byte
}

func newPress(t *testing.T, bundle string) *press {
	p := &press{api: newAPIServer(), want: []byte(bundle)}
	p.Publisher = NewPublisher(p.api.client(), "cfg", func() []byte {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.want
	}, p.journal.add)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

// put writes the configuration as somebody else, with a bundle for each webhook.
func (p *press) put(annotations map[string]any, bundles ...string) {
	var all []any
	for i, b := range bundles {
		config := map[string]any{"service": map[string]any{"name": "injector"}}
		if b != "" {
			config["caBundle"] = base64.StdEncoding.EncodeToString([]byte(b))
		}
		all = append(all, map[string]any{"name": string(rune('a' + i)), "clientConfig": config})
	}
	p.api.set(configurationPath, map[string]any{"metadata": map[string]any{"name": "cfg", "annotations": annotations}, "webhooks": all})
}

// has waits a moment and compares what is there.
func (p *press) has(t *testing.T, want ...string) {
	t.Helper()
	pass(3 * time.Second)
	synctest.Wait()
	got := p.Bundles()
	if len(got) != len(want) {
		t.Fatalf("%d webhooks, want %d", len(got), len(want))
	}
	for i := range got {
		if string(got[i]) != want[i] {
			t.Errorf("webhook %d has %q, want %q", i, got[i], want[i])
		}
	}
}

func TestAllWebhooksGetTheBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "one")
		pass(time.Minute) // there is no configuration yet
		if n := len(p.Bundles()); n != 0 {
			t.Errorf("%d bundles", n)
		}
		p.put(nil, "", "other", "one")
		p.has(t, "one", "one", "one")
		service, _ := p.api.objects[configurationPath]["webhooks"].([]any)[0].(map[string]any)["clientConfig"].(map[string]any)["service"].(map[string]any)
		if service["name"] != "injector" {
			t.Error("the service is lost")
		}
		p.mu.Lock()
		p.want = []byte("two")
		p.mu.Unlock()
		p.Look()
		p.has(t, "two", "two", "two")
		if patches, undone := p.Counts(); patches != 2 || undone != 0 {
			t.Errorf("%d patches, %d undone", patches, undone)
		}
		pass(2 * time.Hour)
		if n := p.api.count("PATCH"); n != 2 {
			t.Errorf("%d patches in two hours without a change", n)
		}
	})
}

func TestWhoDoesNotLeadWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "")
		p.put(nil, "other")
		p.has(t, "other")
		if n := p.api.count("PATCH"); n != 0 {
			t.Errorf("%d patches", n)
		}
	})
}

func TestCertManagerIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "one")
		p.put(map[string]any{"cert-manager.io/inject-ca-from": "vault/injector"}, "theirs")
		p.has(t, "theirs")
		if n := p.api.count("PATCH"); n != 0 {
			t.Errorf("%d patches", n)
		}
	})
}

// An upgrade of a chart empties the bundle: it is there again at once.
func TestUpgradeIsRepairedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "one")
		p.put(nil, "")
		p.has(t, "one")
		pass(time.Hour)
		p.put(nil, "")
		p.has(t, "one")
	})
}

// Somebody undoes whatever is written, at once and for a day.
func TestNoHotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "one")
		p.put(nil, "")
		patches := 0
		for range 24 * 3600 {
			pass(time.Second)
			synctest.Wait()
			if n := p.api.count("PATCH"); n != patches {
				patches = n
				p.put(nil, "")
			}
		}
		// 1+2+4+...+512 s are a quarter of an hour, then six an hour.
		if patches < 100 || patches > 170 {
			t.Errorf("%d patches in a day", patches)
		}
		if _, undone := p.Counts(); undone < 100 {
			t.Errorf("%d counted as undone", undone)
		}
	})
}

func TestErrorsOfThePublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "one")
		p.api.mu.Lock()
		p.api.fail = func(method, _ string) int {
			if method == "PATCH" {
				return 403
			}
			return 0
		}
		p.api.mu.Unlock()
		p.put(nil, "")
		pass(renewTime / 2)
		want := `write the bundle to the webhook configuration "cfg": PATCH ` + configurationPath + `: the API server answers 403: told to`
		if all := p.journal.all(); len(all) != 1 || all[0] != want {
			t.Errorf("reported %q", all)
		}
		p.api.mu.Lock()
		p.api.fail = nil
		p.api.mu.Unlock()
		pass(renewTime)
		p.has(t, "one")
		p.api.endWatches()
		pass(5 * time.Second)
		p.put(nil, "")
		pass(time.Minute)
		p.has(t, "one")
	})
}

func TestOlder(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{{"9", "10", true}, {"10", "9", false}, {"10", "10", false}, {"x", "10", false}, {"", "1", false}} {
		if got := older(tc.a, tc.b); got != tc.want {
			t.Errorf("older(%q, %q) is %v", tc.a, tc.b, got)
		}
	}
}
