package csi

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
)

// The tests of this file play the moments of an outage: a pod that starts, one that
// runs, one that starts again, and a provider that does.

func TestNewPodWaitsForVaultAndGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Seal()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		_, err := w.provider.Mount(ctx, w.call(aPod("orders-sa", 1), class("orders", twoKeys)))
		if took := time.Since(began); took < 59*time.Second || took > 61*time.Second {
			t.Errorf("gave up after %v", took)
		}
		if codeName(err) != "Internal" || !strings.Contains(err.Error(), "vault did not answer within 1m0s: failed to login: ") {
			t.Error(err)
		}
	})
}

func TestNewPodStartsAsSoonAsVaultIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Seal()
		go func() {
			pass(20 * time.Second)
			w.vault.Unseal()
		}()
		began := time.Now()
		w.mount(aPod("orders-sa", 1), class("orders", twoKeys))
		if took := time.Since(began); took > 36*time.Second {
			t.Errorf("took %v after an outage of 20 s", took)
		}
	})
}

// TestTheCallersTimeIsHeeded: the answer comes before the kubelet's own deadline.
func TestTheCallersTimeIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.Fault(fakevault.Fault{Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		_, err := w.provider.Mount(ctx, w.call(aPod("orders-sa", 1), class("orders", twoKeys)))
		if took := time.Since(began); took != 20*time.Second || codeName(err) != "Internal" {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestRunningPodKeepsItsFiles(t *testing.T) {
	faults := map[string]func(*world){
		"sealed":         func(w *world) { w.vault.Seal() },
		"gone":           func(w *world) { w.vault.Fault(fakevault.Fault{Drop: true}) },
		"failing":        func(w *world) { w.vault.Fault(fakevault.Fault{Status: http.StatusBadGateway}) },
		"overloaded":     func(w *world) { w.vault.Fault(fakevault.Fault{Status: 429, RetryAfter: time.Minute}) },
		"denied":         func(w *world) { w.vault.Policy("orders", map[string][]string{"x": {"read"}}) },
		"secret deleted": func(w *world) { w.vault.DeleteKV("secret", "orders/production") },
	}
	for name, breakIt := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, kube := newKube(t)
				w := newWorld(t, with(kube))
				m := w.call(aPod("orders-sa", 1), class("orders", twoKeys))
				first := w.send(m)
				breakIt(w)
				for range 10 {
					pass(80 * time.Second)
					if diff := cmp.Diff(first, w.send(m)); diff != "" {
						t.Fatal(diff)
					}
				}
				if w.provider.state().Degraded != 1 {
					t.Error("nothing tells of it")
				}
				if got := c.eventReasons(); !cmp.Equal(got, []string{eventStale, eventDelivered}) {
					t.Errorf("events %q", got)
				}
			})
		})
	}
}

func TestPodThatStartsAgainInAnOutage(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *Options) {
					if allowed {
						o.CSI.ServeStale = staleRestarting
					}
				})
				w.mount(aPod("orders-sa", 1), class("orders", twoKeys))
				w.vault.Seal()
				pass(2 * time.Minute) // until a read has failed
				response, err := w.provider.Mount(t.Context(), w.call(aPod("orders-sa", 2), class("orders", twoKeys)))
				if (err == nil) != allowed {
					t.Fatalf("%v %v", response, err)
				}
				if allowed && filesOf(response)["db"] != canary+"-db" {
					t.Error(response)
				}
				if _, err := w.provider.Mount(t.Context(), w.call(aPod("other-sa", 1), class("orders", twoKeys))); err == nil {
					t.Error("another service-account is served from what is held")
				}
			})
		})
	}
}

// TestStaleIsForTheSameIdentityOnly: what is held for a login serves no other, and a
// refusal of Vault is no outage.
func TestStaleIsForTheSameIdentityOnly(t *testing.T) {
	outage := func(w *world) { w.vault.Seal() }
	cases := map[string]struct {
		breakIt func(*world)
		pod     pod
		more    map[string]string
		served  bool
	}{
		"the same":              {outage, aPod("orders-sa", 2), nil, true},
		"another account":       {outage, aPod("other-sa", 1), nil, false},
		"another role":          {outage, aPod("orders-sa", 2), map[string]string{"roleName": "second"}, false},
		"another mount":         {outage, aPod("orders-sa", 2), map[string]string{"vaultAuthMountPath": "second"}, false},
		"another namespace":     {outage, aPod("orders-sa", 2), map[string]string{"vaultNamespace": "second"}, false},
		"another Vault":         {outage, aPod("orders-sa", 2), map[string]string{"vaultAddress": "http://second.test:8200"}, false},
		"a pod for itself":      {outage, aPod("orders-sa", 2), map[string]string{"share": "pod"}, false},
		"what nobody asked for": {outage, aPod("orders-sa", 2), map[string]string{"objects": "- {objectName: db, secretPath: secret/data/more, secretKey: a}"}, false},
		"no right any more": {
			func(w *world) { w.vault.Policy("orders", map[string][]string{"x": {"read"}}) }, aPod("orders-sa", 2), nil, false,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *Options) { o.CSI.ServeStale = staleRestarting })
				w.mount(aPod("orders-sa", 1), class("orders", twoKeys))
				tc.breakIt(w)
				pass(2 * time.Minute) // until a read has failed
				parameters := class("orders", twoKeys)
				maps.Copy(parameters, tc.more)
				response, err := w.provider.Mount(t.Context(), w.call(tc.pod, parameters))
				if served := err == nil && filesOf(response)["db"] == canary+"-db"; served != tc.served || served != (err == nil) {
					t.Errorf("served %v, %v", served, err)
				}
			})
		})
	}
}

func TestStaleEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.CSI.ServeStale = staleRestarting })
		w.database()
		m := w.call(aPod("orders-sa", 1), class("orders", credentials))
		first := w.send(m)
		w.vault.Seal()
		pass(30 * time.Minute)
		if got := w.mount(aPod("orders-sa", 2), class("orders", credentials)); got["user"] != first["user"] {
			t.Error("within its lease a credential is not served")
		}
		pass(45 * time.Minute)
		w.refuse(w.call(aPod("orders-sa", 3), class("orders", credentials)))
		if got := w.send(m); got["user"] != first["user"] {
			t.Error("the pod that runs lost its files")
		}
	})
}

// TestRestartOfAFullNode: 200 pods of 20 service-accounts come back at once.
func TestRestartOfAFullNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		atOnce, most := 0, 0
		var mu sync.Mutex
		w.vault.Fault(fakevault.Fault{Delay: 50 * time.Millisecond, Match: func(r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/login") {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			atOnce++
			most = max(most, atOnce)
			// Before the answer, after which the next login may come at the same instant.
			time.AfterFunc(49*time.Millisecond, func() { mu.Lock(); atOnce--; mu.Unlock() })
			return true
		}})
		for i := range 20 {
			account := fmt.Sprintf("sa-%d", i)
			w.vault.KubernetesRole("kubernetes", account, fakevault.KubernetesRole{
				ServiceAccounts: []string{account}, Namespaces: []string{"shop"}, Token: fakevault.TokenRole{Policies: []string{"orders"}, TTL: time.Hour},
			})
		}
		w.requests()
		var pods sync.WaitGroup
		for i := range 200 {
			account := fmt.Sprintf("sa-%d", i%20)
			m := w.call(aPod(account, i), class(account, twoKeys))
			pods.Go(func() {
				if _, err := w.provider.Mount(t.Context(), m); err != nil {
					t.Error(err)
				}
			})
		}
		pods.Wait()
		if n := w.requests(); n != 40 {
			t.Errorf("%d requests, want 20 logins and 20 reads", n)
		}
		if n := len(w.provider.connections); n != 1 {
			t.Errorf("%d connections to one Vault", n)
		}
		mu.Lock()
		defer mu.Unlock()
		if most > loginsAtOnce {
			t.Errorf("%d logins at once, want %d at most", most, loginsAtOnce)
		}
	})
}

// TestADayOfRepublishes: what a node with 50 pods asks of Vault in 24 hours. The
// kubelet republishes each pod every 75 to 85 s with a token that lives an hour.
func TestADayOfRepublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.database()
		const pods, day = 50, 24 * time.Hour
		parameters := class("orders", twoKeys+credentials)
		w.requests()
		ctx, cancel := context.WithTimeout(t.Context(), day)
		defer cancel()
		calls, mu := 0, sync.Mutex{}
		var kubelets sync.WaitGroup
		for i := range pods {
			p := aPod("orders-sa", i)
			kubelets.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(i), 1))
				m := w.call(p, parameters)
				made := time.Now()
				for ctx.Err() == nil {
					if time.Since(made) > 48*time.Minute {
						m, made = w.call(p, parameters), time.Now()
					}
					if _, err := w.provider.Mount(ctx, m); err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					mu.Lock()
					calls++
					mu.Unlock()
					pause.For(ctx, time.Duration(75+rnd.IntN(11))*time.Second)
				}
			})
		}
		kubelets.Wait()
		n := w.requests()
		// A read a minute less the spread (1440 to 1600), a renewal of the lease and of
		// the token each about 43 minutes (34 each), a login and the first reads.
		if n < 1440 || n > 1750 {
			t.Errorf("%d requests for %d calls", n, calls)
		}
		if calls < 50_000 {
			t.Errorf("only %d calls: this shows nothing", calls)
		}
		if leases := len(w.vault.Leases()); leases != 1 {
			t.Errorf("%d leases", leases)
		}
	})
}
