package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// databaseLogin is a user that Vault made.
type databaseLogin struct {
	user, password string
}

// change gives all secrets the value of the next round.
func (e *endurance) change(ctx context.Context, round int) error {
	if err := e.scene.writeSecrets(ctx, endurancePaths, round); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.written = append(e.written, time.Now())
	return nil
}

// overSocket is a client of a listener.
func overSocket(path string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial}}
}

// reader is an application that asks the listener for its database login, and in
// one of ten requests for a secret that is never cached.
func (e *endurance) reader(client *http.Client) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		path := loginPath(enduranceLogins)
		if n%10 == 0 {
			path = "secret/data/" + secretPath(0)
		}
		answer, cached, err := ask(ctx, client, path)
		if err != nil {
			return fmt.Errorf("ask the listener for %s: %w", path, err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.asked++
		if cached {
			e.fromCache++
		}
		if answer.user != "" {
			e.shared = answer
		}
		return nil
	}
}

func ask(ctx context.Context, client *http.Client, path string) (login databaseLogin, cached bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/v1/"+path, http.NoBody)
	if err != nil {
		return login, false, err
	}
	response, err := client.Do(request)
	if err != nil {
		return login, false, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return login, false, fmt.Errorf("status %d", response.StatusCode)
	}
	var body struct {
		Data struct{ Username, Password string }
	}
	err = json.NewDecoder(response.Body).Decode(&body)
	return databaseLogin{body.Data.Username, body.Data.Password}, response.Header.Get("X-Cache") == "HIT", err
}

// look tries every login that was delivered, and how old the secrets are.
func (e *endurance) look(ctx context.Context, _ int) error {
	for i := range enduranceLogins {
		if err := e.try(ctx, e.loginFile(i), func() (databaseLogin, error) { return e.readLogin(i) }); err != nil {
			return err
		}
	}
	if err := e.try(ctx, "listener", e.newestShared); err != nil {
		return err
	}
	return e.lookAtSecrets(time.Now())
}

func (e *endurance) newestShared() (databaseLogin, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.shared, nil
}

// try logs in to the database. One that was replaced while it was tried, on a
// machine that is too busy to do so within the overlap, is tried as it is now.
func (e *endurance) try(ctx context.Context, from string, newest func() (databaseLogin, error)) error {
	for {
		c, err := newest()
		if err != nil {
			return err
		}
		_, err = e.postgres.QueryAs(ctx, c.user, c.password, "select 1")
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the run is over, whatever the login came to
		}
		now, readErr := newest()
		if readErr != nil {
			return readErr
		}
		if err != nil && now != c {
			continue
		}
		e.tried(from, err)
		return nil
	}
}

// tried keeps the books of one login.
func (e *endurance) tried(from string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		e.invalid = append(e.invalid, fmt.Errorf("%s: %w", from, err))
		return
	}
	e.worked++
}

func (e *endurance) readLogin(i int) (databaseLogin, error) {
	content, err := os.ReadFile(e.loginFile(i))
	if err != nil {
		return databaseLogin{}, fmt.Errorf("delivered login: %w", err)
	}
	user, password, ok := strings.Cut(string(content), ":")
	if !ok {
		return databaseLogin{}, fmt.Errorf("delivered login: %q is none", e.loginFile(i))
	}
	return databaseLogin{user, password}, nil
}

// lookAtSecrets notes for how long the oldest file has shown a value that Vault
// replaced.
func (e *endurance) lookAtSecrets(now time.Time) error {
	for i := range endurancePaths {
		content, err := os.ReadFile(e.job.destination(i))
		if err != nil {
			return fmt.Errorf("delivered secret: %w", err)
		}
		round, err := roundOf(string(content))
		if err != nil {
			return err
		}
		e.mu.Lock()
		if round+1 < len(e.written) {
			e.behind = max(e.behind, now.Sub(e.written[round+1]))
		}
		e.mu.Unlock()
	}
	return nil
}

// roundOf reads which value a rendered secret has.
func roundOf(content string) (int, error) {
	_, text, _ := strings.Cut(content, "password=round-")
	round, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("rendered file holds %q: expected a round", content)
	}
	return round, nil
}
