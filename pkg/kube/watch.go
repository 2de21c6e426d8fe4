package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// watchTime is how long the API server keeps a watch open; afterwards the list is
// read again, which also heals whatever was missed.
const watchTime = 10 * time.Minute

// Event is one line of a watch.
type Event struct {
	Type   string // ADDED, MODIFIED, DELETED or BOOKMARK
	Object json.RawMessage
}

// ErrGone ends a watch whose place the API server has forgotten: list again.
var ErrGone = errors.New("the watch is too old")

// Watch calls f for each event after a version, until the API server ends the
// watch, which is no error, or f returns one.
func (c *Client) Watch(ctx context.Context, r Request, version string, f func(Event) error) error {
	// The API server ends the watch itself; a minute more tells a lost one.
	ctx, cancel := context.WithTimeout(ctx, watchTime+time.Minute)
	defer cancel()
	r.Query = clone(r.Query)
	r.Query.Set("watch", "true")
	r.Query.Set("resourceVersion", version)
	r.Query.Set("allowWatchBookmarks", "true")
	r.Query.Set("timeoutSeconds", fmt.Sprint(int(watchTime.Seconds())))
	answer, err := c.Send(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	decoder := json.NewDecoder(answer.Body)
	for {
		var e Event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("watch %s: %w", r.Path, err)
		}
		if e.Type == "ERROR" {
			return ErrGone
		}
		if err := f(e); err != nil {
			return err
		}
	}
}
