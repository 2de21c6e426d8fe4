package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vaultk8s/vaultk8s/test/bench/proc"
)

// awaitSecrets waits until the operator has made so many Secrets. It is told of each,
// as asking would be a load of its own.
func (b *operatorBench) awaitSecrets(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeout(ctx, operatorWait)
	defer cancel()
	for {
		have, news, err := b.watchSecrets(ctx)
		if err != nil {
			return err
		}
		done, err := b.follow(ctx, news, have, want)
		news.Stop()
		if done || err != nil {
			return err
		}
	}
}

// watchSecrets tells how many Secrets the operator has made, and of all changes from
// then on.
func (b *operatorBench) watchSecrets(ctx context.Context) (have int, news watch.Interface, err error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	made := client.MatchingLabels{"app.kubernetes.io/component": "secret-sync"}
	if err := b.client.List(ctx, list, made); err != nil {
		return 0, nil, err
	}
	news, err = b.client.Watch(ctx, list, made, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	return len(list.Items), news, err
}

// follow counts until there are so many; false where the news end before.
func (b *operatorBench) follow(ctx context.Context, news watch.Interface, have, want int) (bool, error) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for have != want {
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("wait for %d Secrets, of which %d are there: %w", want, have, context.Cause(ctx))
		case <-look.C:
			if err := alive(b.process); err != nil {
				return false, err
			}
		case e, more := <-news.ResultChan():
			if !more {
				return false, nil
			}
			have += change(e.Type)
		}
	}
	return true, nil
}

// change is by how many an event changes the number of objects.
func change(e watch.EventType) int {
	switch e {
	case watch.Added:
		return 1
	case watch.Deleted:
		return -1
	}
	return 0
}

// addCPU shows what the first objects have cost, as a clock says little on a busy
// machine.
func (b *operatorBench) addCPU(t *table, idle time.Duration) error {
	ours, err := proc.CPU(b.process.PID)
	if err != nil {
		return err
	}
	servers, err := proc.CPU(b.cluster.PIDs()...)
	if err != nil {
		return err
	}
	servers -= idle
	rate := firstObjects / (ours + servers).Seconds() * float64(runtime.NumCPU())
	t.add("processor time of the operator for that, and of the cluster", strconv.Itoa(firstObjects),
		fmt.Sprintf("%s s, %s s: %s/s with nothing beside", digits(ours.Seconds()), digits(servers.Seconds()), digits(rate)), "", "")
	return nil
}

// requests counts what the API server was asked, by verb and resource, as it counts
// itself.
func (b *operatorBench) requests(ctx context.Context) (map[string]float64, error) {
	c, err := rest.HTTPClientFor(b.config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.cluster.URL()+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return parseRequests(answer.Body)
}

// parseRequests reads the one metric that counts requests.
func parseRequests(page io.Reader) (map[string]float64, error) {
	out := map[string]float64{}
	lines := bufio.NewScanner(page)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		labels, ok := strings.CutPrefix(lines.Text(), "apiserver_request_total{")
		if !ok {
			continue
		}
		labels, number, _ := strings.Cut(labels, "} ")
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, fmt.Errorf("read the API server's metrics: %w", err)
		}
		what := label(labels, "resource")
		if sub := label(labels, "subresource"); sub != "" {
			what += "/" + sub
		}
		out[label(labels, "verb")+" "+what] += n
	}
	return out, lines.Err()
}

// label is the value of one label; no value here holds a quote or a comma.
func label(labels, name string) string {
	for part := range strings.SplitSeq(labels, ",") {
		if key, value, _ := strings.Cut(part, "="); key == name {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// ownObjects are the resources that the operator's work on objects concerns.
func ownObjects(what string) bool {
	_, resource, _ := strings.Cut(what, " ")
	resource, _, _ = strings.Cut(resource, "/")
	return slices.Contains([]string{"secrets", "vaultstaticsecrets", "events"}, resource)
}

// addRequests shows how often the API server was asked for each object. Lists and
// watches are of all objects at once.
func (b *operatorBench) addRequests(t *table, before, after map[string]float64, objects int) {
	total := 0.0
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(after)) {
		n := after[what] - before[what]
		if !ownObjects(what) || n == 0 || strings.HasPrefix(what, "LIST ") || strings.HasPrefix(what, "WATCH ") {
			if n > float64(objects)/10 {
				t.note("The API server was also asked %v times: %s.", n, what)
			}
			continue
		}
		total += n
		parts = append(parts, digits(n/float64(objects))+" "+what)
	}
	each := total / float64(objects)
	t.add("requests to the API server for each", strconv.Itoa(objects), digits(each)+" ("+strings.Join(parts, ", ")+")", "", "")
}
