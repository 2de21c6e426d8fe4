package csi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// Reasons of events.
const (
	eventDelivered = "VaultSecretsDelivered"
	eventFailed    = "VaultMountFailed"
	eventStale     = "VaultSecretNotRefreshed"
)

// eventsWaiting bounds the events that are not sent yet. More are dropped: 200
// pods that start at once make 200.
const eventsWaiting = 256

// longestNote is what the API takes of the text of an event, in bytes.
const longestNote = 1024

// event is something that a user of a pod should know.
type event struct {
	pod    pod
	reason string
	note   string
	at     time.Time
}

// eventQueue sends events beside everything else, so that no mount waits for them.
type eventQueue struct {
	kube    *Kube // nil: nothing is sent
	log     *slog.Logger
	waiting chan event

	mu  sync.Mutex
	off bool // the API server does not allow events
}

func newEventQueue(o Options) *eventQueue {
	q := &eventQueue{log: o.Log, waiting: make(chan event, eventsWaiting)}
	if o.CSI.Events {
		q.kube = o.Kube
	}
	return q
}

// add puts an event in line, and drops it where the line is full. It never blocks.
func (q *eventQueue) add(p pod, reason, note string) {
	if q.kube == nil || p.Name == "" || q.isOff() {
		return
	}
	select {
	case q.waiting <- event{p, reason, note, time.Now()}:
	default:
	}
}

func (q *eventQueue) isOff() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.off
}

// run sends events until ctx ends.
func (q *eventQueue) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-q.waiting:
			q.send(ctx, e)
		}
	}
}

// send gives up on events for good where they are not allowed.
func (q *eventQueue) send(ctx context.Context, e event) {
	err := q.kube.createEvent(ctx, e)
	if err == nil || ctx.Err() != nil {
		return
	}
	if statusOf(err) == http.StatusForbidden {
		q.mu.Lock()
		q.off = true
		q.mu.Unlock()
		q.log.Info("pods get no events: the provider may not create them", slog.String(telemetry.FieldError, err.Error()))
		return
	}
	q.log.Debug("event not sent", slog.String(telemetry.FieldError, err.Error()))
}

// createEvent makes an event at a pod.
func (k *Kube) createEvent(ctx context.Context, e event) error {
	kind := "Warning"
	if e.reason == eventDelivered {
		kind = "Normal"
	}
	if len(e.note) > longestNote {
		e.note = e.note[:longestNote-3] + "..."
	}
	at := e.at.UTC().Format(time.RFC3339)
	return k.do(ctx, kubeRequest{
		method: http.MethodPost, path: kubePath(e.pod.Namespace, "events", ""), what: "create an event of pod " + e.pod.String(),
		body: map[string]any{
			"apiVersion": "v1", "kind": "Event",
			"metadata": map[string]any{"namespace": e.pod.Namespace, "name": fmt.Sprintf("%s.%x", e.pod.Name, e.at.UnixNano())},
			"involvedObject": map[string]any{
				"apiVersion": "v1", "kind": "Pod", "namespace": e.pod.Namespace, "name": e.pod.Name, "uid": e.pod.UID,
			},
			"reason": e.reason, "message": e.note, "type": kind, "count": 1, "firstTimestamp": at, "lastTimestamp": at,
			"source": map[string]any{"component": "vaultk8s-csi-provider"},
		},
	}, nil)
}
