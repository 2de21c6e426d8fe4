package csi

import (
	"context"
	"log/slog"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/lease"
	"github.com/vaultk8s/vaultk8s/pkg/pause"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

// sweepInterval is how often silent volumes are looked for.
const sweepInterval = time.Minute

// sweep is the task that ends volumes which the driver does not ask for any more.
// A volume counts only after its second answer: where the driver does not rotate
// it asks once, and silence says nothing.
func (p *Provider) sweep(context.Context) time.Time {
	now := time.Now()
	p.mu.Lock()
	var silent []*volume
	for _, v := range p.volumes {
		if v.calls > 1 && now.Sub(v.seen) > p.o.CSI.OrphanAfter {
			silent = append(silent, v)
		}
	}
	for target, f := range p.failing {
		if now.Sub(f.last) > p.o.CSI.OrphanAfter {
			delete(p.failing, target)
		}
	}
	p.mu.Unlock()
	for _, v := range silent {
		p.forget(v, "volume is gone: the driver asks for it no more")
	}
	return now.Add(sweepInterval)
}

// podGone ends the volumes of a pod, by its UID.
func (p *Provider) podGone(uid string) {
	p.mu.Lock()
	var left []*volume
	for _, v := range p.volumes {
		if v.pod.UID == uid {
			left = append(left, v)
		}
	}
	p.mu.Unlock()
	for _, v := range left {
		p.forget(v, "volume is gone with its pod")
	}
}

// podsAre ends the volumes of pods that are not among those of the node. Only
// volumes that were there before the list was asked for are judged.
func (p *Provider) podsAre(alive map[string]bool, asked time.Time) {
	p.mu.Lock()
	gone := map[string]bool{}
	for _, v := range p.volumes {
		if v.pod.UID != "" && !alive[v.pod.UID] && v.seen.Before(asked) {
			gone[v.pod.UID] = true
		}
	}
	p.mu.Unlock()
	for uid := range gone {
		p.podGone(uid)
	}
}

// watchPods follows the pods of the node until ctx ends. Without the right to do
// so the sweep has to do.
func (p *Provider) watchPods(ctx context.Context) error {
	if p.o.Kube == nil || p.o.CSI.NodeName == "" {
		return nil
	}
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		err := p.followPods(ctx)
		if time.Since(began) > time.Minute {
			failures = 0 // it worked for a while
		}
		if err != nil && ctx.Err() == nil {
			if failures&(failures-1) == 0 {
				p.log.Warn("pods of the node are not watched; volumes of pods that are gone are found by silence",
					slog.String(telemetry.FieldError, err.Error()))
			}
			failures++
		}
		pause.For(ctx, lease.Backoff{Max: 5 * time.Minute}.Wait(failures, p.rand))
	}
	return nil
}

// followPods lists the node's pods and follows what changes, for as long as the
// API server likes.
func (p *Provider) followPods(ctx context.Context) error {
	asked := time.Now()
	list, err := p.o.Kube.listPods(ctx, p.o.CSI.NodeName)
	if err != nil {
		return err
	}
	p.podsAre(list.alive, asked)
	return p.o.Kube.watchPods(ctx, p.o.CSI.NodeName, list.version, func(uid string, ended bool) {
		if ended {
			p.podGone(uid)
		}
	})
}
