package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
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
			client, err := newAdmissionClient(ctx, w.address, body)
			if err != nil {
				return err
			}
			defer client.close()
			for more() {
				sent := time.Now()
				if err := client.ask(); err != nil {
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

// admissionClient asks the same question over one connection that stays. It is no
// more than a connection and a text, because it shares the processors with what
// it measures: http.Client would take about as much of them as the injector.
type admissionClient struct {
	conn     net.Conn
	request  []byte
	answers  *bufio.Reader
	response []byte
}

// askTime bounds one question.
const askTime = time.Minute

func newAdmissionClient(ctx context.Context, address string, body []byte) (*admissionClient, error) {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect to the webhook: %w", err)
	}
	request := fmt.Appendf(nil, "POST /mutate HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, len(body), body)
	return &admissionClient{conn: conn, request: request, answers: bufio.NewReaderSize(conn, 32<<10)}, nil
}

func (c *admissionClient) close() { _ = c.conn.Close() }

// ask sends the review, and returns an error unless it is allowed.
func (c *admissionClient) ask() error {
	if err := c.conn.SetDeadline(time.Now().Add(askTime)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text := bytes.NewBuffer(c.response[:0])
	_, err = text.ReadFrom(answer.Body)
	c.response = text.Bytes()
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(c.response, []byte(`"allowed":true`)) {
		return fmt.Errorf("admission: %d %s, %w", answer.StatusCode, c.response, err)
	}
	return nil
}
