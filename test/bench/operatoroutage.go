package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
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

// outage takes Vault away, changes all secrets meanwhile, and measures how they get
// into all Secrets once it is back.
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
	if err := b.writeSecrets(ctx, pathsInVault, 1); err != nil {
		return err
	}
	begin := time.Now()
	b.proxy.fail(false)
	if err := b.awaitChanged(ctx, allObjects); err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	at := strconv.Itoa(allObjects)
	t.add("every Secret has what was written in an outage of "+outageTime.String()+", after it", at, digits(took)+" s", "< "+digits(outageAfter)+" s", atMost(took, outageAfter))
	// A full bucket, and what flows into it in the same second.
	most := float64(2 * outageRate)
	t.add("logins and reads in the busiest second, in the outage and after", at, fmt.Sprintf("%d, %d", meanwhile, b.proxy.busiest()),
		fmt.Sprintf("≤ %v: the connection allows %d/s and %d at once", most, outageRate, outageRate), atMost(float64(max(meanwhile, b.proxy.busiest())), most))
	began := time.Now()
	if _, err := b.settle(ctx); err != nil {
		return err
	}
	t.add("and every status says so, after that", at, digits(time.Since(began).Seconds()-2)+" s", "", "")
	return nil
}

// awaitChanged waits until so many Secrets were written.
func (b *operatorBench) awaitChanged(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeout(ctx, operatorWait)
	defer cancel()
	changed := map[types.UID]bool{}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	made := client.MatchingLabels{"app.kubernetes.io/component": "secret-sync"}
	if err := b.client.List(ctx, list, made, client.Limit(1)); err != nil {
		return err
	}
	news, err := b.client.Watch(ctx, list, made, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return err
	}
	defer news.Stop()
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
