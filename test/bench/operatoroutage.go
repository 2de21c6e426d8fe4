package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/pkg/operator/api/v1beta1"
)

const (
	outageTime  = time.Minute
	outageRate  = 25 // requests a second that the connection allows, and at once
	outageAfter = 60.0
)

// outage takes Vault away, changes one of ten secrets meanwhile, and measures how long
// it takes until all is well once it is back.
func (b *operatorBench) outage(ctx context.Context, t *table) error {
	connection := &v1beta1.VaultConnection{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "default"}}
	limit := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"rateLimit":{"qps":%d,"burst":%d}}}`, outageRate, outageRate))
	if err := b.client.Patch(ctx, connection, limit); err != nil {
		return err
	}
	if _, err := b.settle(ctx); err != nil {
		return err
	}
	b.progress("an outage of Vault")
	b.proxy.fail(true)
	if err := sleep(ctx, outageTime); err != nil {
		return err
	}
	meanwhile := b.proxy.busiest()
	if err := b.writeSecrets(ctx, 1, 1); err != nil {
		return err
	}
	_, news, err := b.watchSecrets(ctx)
	if err != nil {
		return err
	}
	defer news.Stop()
	unready, ready, err := b.watchReady(ctx)
	if err != nil {
		return err
	}
	defer ready.Stop()
	begin := time.Now()
	b.proxy.fail(false)
	var changed, took time.Duration
	tasks, both := errgroup.WithContext(ctx)
	tasks.Go(func() error {
		defer func() { changed = time.Since(begin) }()
		return awaitChanged(both, news, allObjects/pathsInVault)
	})
	tasks.Go(func() error {
		defer func() { took = time.Since(begin) }()
		return awaitReady(both, ready, unready)
	})
	if err := tasks.Wait(); err != nil {
		return err
	}
	at := strconv.Itoa(allObjects)
	t.add("after an outage of "+outageTime.String()+": every object is ready again", at, digits(took.Seconds())+" s", "< "+digits(outageAfter)+" s", atMost(took.Seconds(), outageAfter))
	t.add("and what was changed meanwhile is in its Secrets", strconv.Itoa(allObjects/pathsInVault), digits(changed.Seconds())+" s", "", "")
	// A full bucket, and what flows into it in the same second.
	most := float64(2 * outageRate)
	t.add("logins and reads in the busiest second, in the outage and after", at, fmt.Sprintf("%d, %d", meanwhile, b.proxy.busiest()),
		"≤ "+digits(most), atMost(float64(max(meanwhile, b.proxy.busiest())), most))
	t.note("The VaultConnection allows %d requests a second, and as many at once.", outageRate)
	return nil
}

// watchReady tells which objects are not ready, and of all changes from then on.
func (b *operatorBench) watchReady(ctx context.Context) (unready map[types.UID]bool, news watch.Interface, err error) {
	var list v1beta1.VaultStaticSecretList
	if err := b.client.List(ctx, &list); err != nil {
		return nil, nil, err
	}
	unready = map[types.UID]bool{}
	for i := range list.Items {
		unready[list.Items[i].UID] = !isReady(&list.Items[i])
	}
	maps.DeleteFunc(unready, func(_ types.UID, is bool) bool { return !is })
	news, err = b.client.Watch(ctx, &list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	return unready, news, err
}

func isReady(o *v1beta1.VaultStaticSecret) bool {
	return meta.IsStatusConditionTrue(o.Status.Conditions, v1beta1.ConditionReady)
}

// awaitReady waits until no object is left that is not ready. It is told of each, as
// asking would be a load of its own.
func awaitReady(ctx context.Context, news watch.Interface, unready map[types.UID]bool) error {
	ctx, cancel := context.WithTimeout(ctx, operatorWait)
	defer cancel()
	for len(unready) > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d objects to be ready: %w", len(unready), context.Cause(ctx))
		case e, more := <-news.ResultChan():
			o, ok := e.Object.(*v1beta1.VaultStaticSecret)
			switch {
			case !more:
				return fmt.Errorf("the watch ended with %d objects that are not ready", len(unready))
			case ok && isReady(o):
				delete(unready, o.UID)
			case ok:
				unready[o.UID] = true
			}
		}
	}
	return nil
}

// awaitChanged waits until so many Secrets were written.
func awaitChanged(ctx context.Context, news watch.Interface, want int) error {
	ctx, cancel := context.WithTimeout(ctx, operatorWait)
	defer cancel()
	changed := map[types.UID]bool{}
	for len(changed) < want {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d changed Secrets, of which %d are there: %w", want, len(changed), context.Cause(ctx))
		case e, more := <-news.ResultChan():
			if !more {
				return fmt.Errorf("the watch ended after %d changed Secrets", len(changed))
			}
			if o, ok := e.Object.(*metav1.PartialObjectMetadata); ok && e.Type == watch.Modified {
				changed[o.UID] = true
			}
		}
	}
	return nil
}
