package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

// exchanges is how many requests are under way at once, as in an agent.
const exchanges = 10

// scaleLeases holds n leases of dynamic credentials in one store, kept alive by
// one schedule.
func scaleLeases(ctx context.Context, dir string, n int) (scaled, error) {
	v, role, secretID, err := fakeVault(dir)
	if err != nil {
		return scaled{}, err
	}
	v.EnableDatabase("database")
	for i := range n {
		v.DynamicRole("database", databaseRole(i), time.Hour, 24*time.Hour)
	}
	found := scaled{N: n}
	c := config.Auth{Method: "approle", Mount: "auth/approle", Options: map[string]string{
		"role_id_file_path": role, "secret_id_file_path": secretID, "remove_secret_id_file_after_reading": "false",
	}}
	with, err := found.runStore(ctx, c, v)
	if err != nil {
		return found, err
	}
	without := heap()
	if held := len(v.Leases()); held != n {
		return found, fmt.Errorf("vault holds %d leases, want %d", held, n)
	}
	found.Heap = difference(with, without)
	return found, nil
}

// runStore holds leases until all are there, and returns the heap at that time.
// When it returns nothing refers to the store any more.
func (s *scaled) runStore(ctx context.Context, c config.Auth, v http.RoundTripper) (uint64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reads, failures atomic.Int64
	schedule, watch, err := newStore(c, v, func(e secret.Event) {
		switch {
		case e.State.Err != nil && vault.KindOf(e.State.Err) != vault.InvalidToken:
			failures.Add(1)
		case e.State.Err == nil && !e.Renewal:
			reads.Add(1)
		}
	})
	if err != nil {
		return 0, err
	}
	before, begin := runtime.NumGoroutine(), time.Now()
	ended := make(chan error, 1)
	go func() { ended <- schedule.Run(ctx) }()
	watches := watch(s.N)
	err = await(ctx, "leases", func() (bool, error) {
		if failures.Load() > 0 {
			return false, errors.New("a lease could not be had")
		}
		return reads.Load() == int64(s.N), nil
	})
	s.Ready = time.Since(begin)
	var live uint64
	if err == nil {
		live, err = s.rest(ctx, before)
	}
	runtime.KeepAlive(watches)
	cancel()
	return live, errors.Join(err, <-ended)
}

// newStore arranges what holds secrets, as an agent does, and returns what opens
// the watches.
func newStore(c config.Auth, v http.RoundTripper, observe func(secret.Event)) (*lease.Schedule, func(int) []*secret.Watch, error) {
	method, err := auth.New(c)
	if err != nil {
		return nil, nil, err
	}
	client, err := vault.NewClient(connection(), vault.WithTransport(v))
	if err != nil {
		return nil, nil, err
	}
	schedule, id := lease.NewSchedule(exchanges), secret.Identity{Method: c.Method}
	store := secret.NewStore(schedule, secret.Options{Observe: observe})
	session := vault.NewSession(client, method, schedule, vault.SessionOptions{
		OnChange: func(state vault.TokenState) { store.TokenChanged(id, state) },
	})
	store.Attach(id, session, secret.Policy{})
	session.Start(nil)
	return schedule, func(n int) []*secret.Watch {
		watches := make([]*secret.Watch, 0, n)
		for i := range n {
			q := secret.NewQuery(secret.Read, "database/creds/"+databaseRole(i), nil)
			watches = append(watches, store.Watch(id, q, nil))
		}
		return watches
	}, nil
}
