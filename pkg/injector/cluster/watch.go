package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/injector/pause"
)

// watchTime is how long the API server keeps a watch open; afterwards the list is
// read again, which also heals whatever was missed.
const watchTime = 10 * time.Minute

// event is one line of a watch.
type event struct {
	Type   string // ADDED, MODIFIED, DELETED, BOOKMARK or ERROR
	Object json.RawMessage
}

// errGone is the end of a watch whose place the API server has forgotten.
var errGone = errors.New("the watch is too old")

// watch calls f for each event after a version, until the API server ends the
// watch, which is no error, or f returns one.
func (c *Client) watch(ctx context.Context, r request, version string, f func(event) error) error {
	// The API server ends the watch itself; a minute more tells a lost one.
	ctx, cancel := context.WithTimeout(ctx, watchTime+time.Minute)
	defer cancel()
	r.method = http.MethodGet
	r.query = maps.Clone(r.query)
	if r.query == nil {
		r.query = url.Values{}
	}
	r.query.Set("watch", "true")
	r.query.Set("resourceVersion", version)
	r.query.Set("allowWatchBookmarks", "true")
	r.query.Set("timeoutSeconds", fmt.Sprint(int(watchTime.Seconds())))
	answer, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	decoder := json.NewDecoder(answer.Body)
	for {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("watch %s: %w", r.path, err)
		}
		if e.Type == "ERROR" {
			return errGone
		}
		if err := f(e); err != nil {
			return err
		}
	}
}

// forever calls f again and again until ctx ends: at once after it succeeded,
// after a pause that doubles while it fails. Failures go to report.
func forever(ctx context.Context, report func(error), f func(context.Context) error) {
	const least, most = time.Second, time.Minute
	wait := least
	for ctx.Err() == nil {
		begun := time.Now()
		err := f(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil || errors.Is(err, errGone) || time.Since(begun) > most {
			wait = least
		}
		if err != nil && !errors.Is(err, errGone) {
			report(err)
		}
		pause.For(ctx, wait/2+rand.N(wait)) //nolint:gosec // only to spread the replicas
		wait = min(2*wait, most)
	}
}
