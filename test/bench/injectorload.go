package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// admissionResult is the times of all requests of a load.
type admissionResult struct {
	times   []time.Duration // sorted
	elapsed time.Duration
}

func (r admissionResult) rate() float64 { return float64(len(r.times)) / r.elapsed.Seconds() }

// quantile returns the time, in milliseconds, that this part of the requests took
// at the most.
func (r admissionResult) quantile(part float64) float64 {
	if len(r.times) == 0 {
		return 0
	}
	return milliseconds(r.times[min(int(part*float64(len(r.times))), len(r.times)-1)])
}

// load asks over some connections for a time, or a number of times.
func (w *webhookUnderLoad) load(ctx context.Context, connections int, body []byte, d time.Duration, number int64) (admissionResult, error) {
	begin := time.Now()
	var asked atomic.Int64
	more := func() bool {
		if number > 0 {
			return asked.Add(1) <= number
		}
		return time.Since(begin) < d
	}
	times := make([][]time.Duration, connections)
	tasks, ctx := errgroup.WithContext(ctx)
	for i := range connections {
		tasks.Go(func() error {
			client := newAdmissionClient(w.address, 1)
			defer client.close()
			for more() {
				sent := time.Now()
				if err := client.ask(ctx, body); err != nil {
					return err
				}
				times[i] = append(times[i], time.Since(sent))
			}
			return nil
		})
	}
	err := tasks.Wait()
	r := admissionResult{times: slices.Concat(times...), elapsed: time.Since(begin)}
	slices.Sort(r.times)
	return r, err
}

// ask sends one review, and returns an error unless it is allowed.
func (c *admissionClient) ask(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"allowed":true`)) {
		return fmt.Errorf("admission: %d %s, %w", answer.StatusCode, text, err)
	}
	return nil
}
