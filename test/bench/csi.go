package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	pb "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1"

	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/csi"
	"github.com/vaultk8s/vaultk8s/pkg/telemetry"
)

const (
	// oldMounts is how many first mounts a second the old provider was measured to
	// do, with its Agent beside it.
	oldMounts = 2.6
	// mountFactor is how many times as many are wanted.
	mountFactor = 20
	// republishTime is the target for a call that has nothing to do, in milliseconds.
	republishTime = 1.0
	// volumeBytes is the target for a volume beyond its content.
	volumeBytes = 50 << 10

	firstMounts  = 400 // each with a login of its own
	mountsAtOnce = 32
	restarted    = 200    // pods of one service-account
	republishes  = 20_000 // calls
)

// csiBench is a provider before the scene's Vault, and what it is asked.
type csiBench struct {
	provider *csi.Provider
	proxy    *proxy
	secrets  string       // of nodePublishSecretRef
	counted  map[kind]int // requests, when they were asked for last
	stop     func() error
}

// runCSI measures the CSI provider as the driver calls it, without the socket
// between them.
func runCSI(ctx context.Context, s *scene) (*table, error) {
	b, err := s.newCSIBench(ctx)
	if err != nil {
		return nil, err
	}
	t := &table{header: []string{"what", "number", "result", "target", ""}}
	steps := []func(context.Context, *table) error{b.oneMount, b.manyMounts, b.republish, b.restart}
	for _, step := range steps {
		if err := step(ctx, t); err != nil {
			return nil, errors.Join(err, b.close())
		}
	}
	t.note("Mount calls without the socket. The old provider's %.1f first mounts a second were measured once, with its Agent beside it.", oldMounts)
	return t, b.close()
}

func (s *scene) newCSIBench(ctx context.Context) (*csiBench, error) {
	p, err := startProxy(ctx, s.address)
	if err != nil {
		return nil, err
	}
	roleID, roleErr := os.ReadFile(s.role)
	secretID, secretErr := os.ReadFile(s.secret)
	if err := errors.Join(roleErr, secretErr); err != nil {
		return nil, errors.Join(err, p.close())
	}
	secrets, err := json.Marshal(map[string]string{"role_id": string(roleID), "secret_id": string(secretID)})
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	settings, err := config.Load(config.LoadOptions{LookupEnv: noEnv})
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	settings.Vault.Address = p.address
	b := &csiBench{proxy: p, secrets: string(secrets), provider: csi.New(csi.Options{
		CSI: settings.CSI, Vault: settings.Vault, Metrics: telemetry.NewMetrics(), Version: "bench", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- b.provider.Work(ctx) }()
	b.stop = func() error { cancel(); return <-done }
	return b, nil
}

func (b *csiBench) close() error { return errors.Join(b.stop(), b.proxy.close()) }

// call is a Mount call for three objects over two paths.
func (b *csiBench) call(pod string, change map[string]string) *pb.MountRequest {
	attributes := map[string]string{
		"authMethod": "approle", "vaultAuthMountPath": "approle", "secretProviderClass": "bench",
		"csi.storage.k8s.io/pod.namespace": "bench", "csi.storage.k8s.io/pod.name": pod, "csi.storage.k8s.io/pod.uid": pod,
		"csi.storage.k8s.io/serviceAccount.name": "bench",
		"objects": fmt.Sprintf("- {objectName: a, secretPath: secret/data/%[1]s, secretKey: username}\n- {objectName: b, secretPath: secret/data/%[1]s, secretKey: password}\n- {objectName: c, secretPath: secret/data/%[2]s, secretKey: password}\n",
			secretPath(0), secretPath(1)),
	}
	for name, value := range change {
		attributes[name] = value
	}
	encoded, _ := json.Marshal(attributes) // a map of texts
	return &pb.MountRequest{Attributes: string(encoded), Secrets: b.secrets, TargetPath: "/" + pod}
}

// asked returns how many requests Vault got since the last time.
func (b *csiBench) asked() (n int, what string) {
	counts, _ := b.proxy.take()
	var parts []string
	for _, k := range kinds() {
		since := counts[k] - b.counted[k]
		if n += since; since > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", since, k))
		}
	}
	b.counted = counts
	return n, strings.Join(parts, ", ")
}

// mounts makes first mounts of many pods, so many at once.
func (b *csiBench) mounts(ctx context.Context, prefix string, number, atOnce int, change map[string]string) error {
	places := make(chan struct{}, atOnce)
	failed := make(chan error, number)
	var all sync.WaitGroup
	for i := range number {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if _, err := b.provider.Mount(ctx, b.call(fmt.Sprintf("%s-%d", prefix, i), change)); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}

func (b *csiBench) oneMount(ctx context.Context, t *table) error {
	begin := time.Now()
	if err := b.mounts(ctx, "first", 1, 1, nil); err != nil {
		return err
	}
	took := milliseconds(time.Since(begin))
	n, what := b.asked()
	t.add("first mount, 3 objects over 2 paths: requests", what, fmt.Sprint(n), "≤ 3", verdict(float64(n), 3))
	t.add("first mount: time", "1", digits(took)+" ms", "", "")
	return nil
}

func (b *csiBench) manyMounts(ctx context.Context, t *table) error {
	begin := time.Now()
	if err := b.mounts(ctx, "own", firstMounts, mountsAtOnce, map[string]string{"share": "pod"}); err != nil {
		return err
	}
	rate := firstMounts / time.Since(begin).Seconds()
	_, what := b.asked()
	const least = oldMounts * mountFactor
	t.add(fmt.Sprintf("first mounts with a login each, %d at once (%s)", mountsAtOnce, what), fmt.Sprint(firstMounts), digits(rate)+"/s",
		fmt.Sprintf("≥ %s/s", digits(least)), verdict(least, rate))
	return nil
}

func (b *csiBench) republish(ctx context.Context, t *table) error {
	m := b.call("first-0", nil)
	times := make([]time.Duration, republishes)
	for i := range times {
		begin := time.Now()
		if _, err := b.provider.Mount(ctx, m); err != nil {
			return err
		}
		times[i] = time.Since(begin)
	}
	n, _ := b.asked()
	slices.Sort(times)
	p99 := milliseconds(times[len(times)*99/100])
	t.add("republish with nothing due: p99", fmt.Sprint(republishes), digits(p99)+" ms", "< "+digits(republishTime)+" ms", verdict(p99, republishTime))
	t.add("republish with nothing due: requests", fmt.Sprint(republishes), fmt.Sprint(n), "≤ 1", verdict(float64(n), 1))
	t.note("Secrets are read once a minute in the background, which may fall into the republishes.")
	return nil
}

// restart lets the pods of one service-account come at once, and weighs them.
func (b *csiBench) restart(ctx context.Context, t *table) error {
	change := map[string]string{"csi.storage.k8s.io/serviceAccount.name": "many"}
	before := heap()
	begin := time.Now()
	if err := b.mounts(ctx, "many", restarted, restarted, change); err != nil {
		return err
	}
	took := milliseconds(time.Since(begin))
	n, what := b.asked()
	each := float64(difference(heap(), before)) / restarted
	t.add(fmt.Sprintf("%d pods of one service-account at once: requests", restarted), what, fmt.Sprint(n), "≤ 3", verdict(float64(n), 3))
	t.add("the same: time until all are mounted", fmt.Sprint(restarted), digits(took)+" ms", "", "")
	t.add("memory of each of these volumes, content included", fmt.Sprint(restarted), digits(each/1024)+" KiB",
		fmt.Sprintf("< %d KiB", volumeBytes>>10), verdict(each, volumeBytes))
	return nil
}
