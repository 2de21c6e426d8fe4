package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/vaultk8s/vaultk8s/pkg/kube"
)

const configurationsPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"

// Publisher watches one MutatingWebhookConfiguration, and keeps our bundle in all
// of its webhooks.
type Publisher struct {
	client *kube.Client
	name   string
	wanted func() []byte
	report func(error)
	look   chan struct{}

	mu      sync.Mutex
	seen    *configuration // nil: not yet, or gone
	patches uint64
	pace    pace
}

// configuration is what is read of the object.
type configuration struct {
	Metadata struct {
		ResourceVersion string
		Annotations     map[string]string
	}
	Webhooks []struct {
		Name         string
		ClientConfig admissionv1.WebhookClientConfig
	}
}

// NewPublisher names the configuration. wanted returns the bundle in PEM that the
// webhooks are to have, nil to leave them as they are; it is asked at each change
// of the configuration, and after [Publisher.Look]. report hears of failed requests.
func NewPublisher(c *kube.Client, name string, wanted func() []byte, report func(error)) *Publisher {
	return &Publisher{client: c, name: name, wanted: wanted, report: report, look: make(chan struct{}, 1)}
}

// Look has the bundle compared again, after the wanted one has changed.
func (p *Publisher) Look() {
	select {
	case p.look <- struct{}{}:
	default:
	}
}

// Bundles returns what the webhooks have, in their order; none before the
// configuration was seen.
func (p *Publisher) Bundles() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		return nil
	}
	all := make([][]byte, len(p.seen.Webhooks))
	for i, w := range p.seen.Webhooks {
		all[i] = w.ClientConfig.CABundle
	}
	return all
}

// Counts returns how often the bundle was written, and how often somebody undid
// that.
func (p *Publisher) Counts() (patches, undone uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.patches, p.pace.undone
}

// Run watches and patches until ctx ends.
func (p *Publisher) Run(ctx context.Context) {
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		forever(ctx, func(err error) { p.report(fmt.Errorf("watch the webhook configuration: %w", err)) }, p.follow)
	}()
	for {
		wait := p.reconcile(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.look:
		}
		timer.Stop()
		if ctx.Err() != nil {
			<-watching
			return
		}
	}
}

// idle is how long nothing is done without a reason.
const idle = time.Hour

// reconcile writes the bundle where it differs, unless it is too early for that
// again, and returns when to look next.
func (p *Publisher) reconcile(ctx context.Context) time.Duration {
	want := p.wanted()
	p.mu.Lock()
	wrong := p.wrong(want)
	wait := p.pace.next(want, len(wrong) > 0, time.Now())
	p.mu.Unlock()
	if len(wrong) == 0 || wait > 0 {
		return orIdle(wait)
	}
	if err := p.patch(ctx, wrong, want); err != nil {
		if ctx.Err() == nil {
			p.report(fmt.Errorf("write the bundle to the webhook configuration %q: %w", p.name, err))
		}
		return renewTime
	}
	return idle
}

func orIdle(d time.Duration) time.Duration {
	if d <= 0 {
		return idle
	}
	return d
}

// certManagerInject begins the annotations by which cert-manager is told to write
// the bundle.
const certManagerInject = "cert-manager.io/inject-"

// wrong lists the webhooks whose bundle is not the wanted one. The caller holds mu.
func (p *Publisher) wrong(want []byte) []string {
	if p.seen == nil || len(want) == 0 {
		return nil
	}
	for key := range p.seen.Metadata.Annotations {
		if strings.HasPrefix(key, certManagerInject) {
			return nil
		}
	}
	var names []string
	for _, w := range p.seen.Webhooks {
		if !bytes.Equal(w.ClientConfig.CABundle, want) {
			names = append(names, w.Name)
		}
	}
	return names
}

// patch writes by the names of webhooks, so that it does not matter whether
// somebody has put them into another order in the meantime.
func (p *Publisher) patch(ctx context.Context, names []string, want []byte) error {
	type webhook struct {
		Name         string            `json:"name"`
		ClientConfig map[string][]byte `json:"clientConfig"`
	}
	all := make([]webhook, len(names))
	for i, name := range names {
		all[i] = webhook{name, map[string][]byte{"caBundle": want}}
	}
	var now configuration
	err := p.client.Do(ctx, kube.Request{
		Method: http.MethodPatch, Path: configurationsPath + "/" + p.name, Query: url.Values{"fieldManager": {"vaultk8s-injector"}},
		ContentType: "application/strategic-merge-patch+json", Body: map[string]any{"webhooks": all},
	}, &now)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = &now
	p.patches++
	p.pace.patched(want, time.Now())
	return nil
}

// follow reads the configuration and then hears of its changes, until the watch
// ends.
func (p *Publisher) follow(ctx context.Context) error {
	r := kube.Request{Path: configurationsPath, Query: url.Values{"fieldSelector": {"metadata.name=" + p.name}}}
	var list struct {
		Metadata struct{ ResourceVersion string }
		Items    []configuration
	}
	if err := p.client.Do(ctx, r, &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		p.see(nil)
	} else {
		p.see(&list.Items[0])
	}
	return p.client.Watch(ctx, r, list.Metadata.ResourceVersion, func(e kube.Event) error {
		if e.Type == "BOOKMARK" {
			return nil
		}
		if e.Type == "DELETED" {
			p.see(nil)
			return nil
		}
		var now configuration
		if err := json.Unmarshal(e.Object, &now); err != nil {
			return fmt.Errorf("read the webhook configuration: %w", err)
		}
		p.see(&now)
		return nil
	})
}

func (p *Publisher) see(now *configuration) {
	p.mu.Lock()
	if now == nil || p.seen == nil || !older(now.Metadata.ResourceVersion, p.seen.Metadata.ResourceVersion) {
		p.seen = now
	}
	p.mu.Unlock()
	p.Look()
}

// older compares two versions of one object: a watch may tell of one that the
// answer to our own write has overtaken, which would look as if it were undone.
func older(a, b string) bool {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	return errX == nil && errY == nil && x < y
}
