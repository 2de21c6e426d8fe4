package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vaultk8s/vaultk8s/pkg/injector"
	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

// pageSize bounds how many pods are in memory at a time; of each there are only
// its metadata, some kilobytes.
const pageSize = "200"

// These ask the API server to leave out everything but metadata.
const (
	metadataOnly     = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	metadataOnlyList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// Census finds pods that asked for an injection and run without it, as happens
// when a webhook is not reachable and its failure policy is to ignore that.
type Census struct {
	client   *kube.Client
	selector string // of labels
	report   func(error)

	mu      sync.Mutex
	without map[types.UID]bool
}

// NewCensus looks at the running pods whose labels match the selector, "" for all.
func NewCensus(c *kube.Client, selector string, report func(error)) *Census {
	return &Census{client: c, selector: selector, report: report, without: map[types.UID]bool{}}
}

// Count returns how many such pods there are now, 0 unless Run runs.
func (c *Census) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.without)
}

// Run watches until ctx ends, and tells each pod that it finds by an event. One
// replica is enough.
func (c *Census) Run(ctx context.Context) {
	forever(ctx, func(err error) { c.report(fmt.Errorf("look for pods without an agent: %w", err)) }, c.follow)
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.without)
}

func (c *Census) request() kube.Request {
	query := url.Values{"fieldSelector": {"status.phase=" + string(corev1.PodRunning)}}
	if c.selector != "" {
		query.Set("labelSelector", c.selector)
	}
	return kube.Request{Path: "/api/v1/pods", Query: query, Accept: metadataOnly}
}

func (c *Census) follow(ctx context.Context) error {
	version, err := c.list(ctx)
	if err != nil {
		return err
	}
	return c.client.Watch(ctx, c.request(), version, func(e kube.Event) error {
		if e.Type == "BOOKMARK" {
			return nil
		}
		var pod metav1.PartialObjectMetadata
		if err := json.Unmarshal(e.Object, &pod); err != nil {
			return fmt.Errorf("read a pod: %w", err)
		}
		c.judge(ctx, &pod, e.Type == "DELETED")
		return nil
	})
}

// list looks at all pods, page by page, and returns from where to watch.
func (c *Census) list(ctx context.Context) (string, error) {
	known, r := map[types.UID]bool{}, c.request()
	r.Accept = metadataOnlyList
	r.Query.Set("limit", pageSize)
	for {
		var page metav1.PartialObjectMetadataList
		if err := c.client.Do(ctx, r, &page); err != nil {
			return "", err
		}
		for i := range page.Items {
			known[page.Items[i].UID] = true
			c.judge(ctx, &page.Items[i], false)
		}
		if page.Continue == "" {
			c.forget(known)
			return page.ResourceVersion, nil
		}
		r.Query.Set("continue", page.Continue)
	}
}

// forget drops pods that went away while nobody watched.
func (c *Census) forget(known map[types.UID]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for uid := range c.without {
		if !known[uid] {
			delete(c.without, uid)
		}
	}
}

func (c *Census) judge(ctx context.Context, pod *metav1.PartialObjectMetadata, gone bool) {
	missing := !gone && isWithout(pod)
	c.mu.Lock()
	before := c.without[pod.UID]
	if missing {
		c.without[pod.UID] = true
	} else {
		delete(c.without, pod.UID)
	}
	c.mu.Unlock()
	if !missing || before {
		return
	}
	// Who leads next finds the pod, too; an event that is there already is enough.
	if err := c.tell(ctx, pod); err != nil && kube.Status(err) != http.StatusConflict && !errors.Is(err, context.Canceled) {
		c.report(fmt.Errorf("write an event: %w", err))
	}
}

// isWithout reports whether the pod would be injected if it came now.
func isWithout(pod *metav1.PartialObjectMetadata) bool {
	_, report := injector.Inject(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: pod.Annotations, Namespace: pod.Namespace}}, injector.Options{})
	switch report.Reason {
	case injector.NotRequested, injector.AlreadyInjected, injector.SystemNamespace:
		return false
	}
	return true
}

// maxName is the longest name of an object in Kubernetes.
const maxName = 253

func (c *Census) tell(ctx context.Context, pod *metav1.PartialObjectMetadata) error {
	now := metav1.NewTime(time.Now())
	name := strings.ToLower(string(pod.UID)) + ".without-agent"
	e := &corev1.Event{
		TypeMeta:       metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta:     metav1.ObjectMeta{Name: name[:min(len(name), maxName)], Namespace: pod.Namespace},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Type:           corev1.EventTypeWarning, Reason: "InjectionMissing", Count: 1, FirstTimestamp: now, LastTimestamp: now,
		Message: "the pod asks for secrets by " + injector.Prefix + "agent-inject, but runs without an agent: the webhook did not see it. Delete the pod to have it made anew.",
		Source:  corev1.EventSource{Component: "vaultk8s-injector"},
	}
	return c.client.Do(ctx, kube.Request{Method: http.MethodPost, Path: "/api/v1/namespaces/" + pod.Namespace + "/events", Body: e}, nil)
}
