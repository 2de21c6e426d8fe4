package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// patience bounds every wait. What it waits for takes seconds; a busy machine may need
// a multiple of that.
const patience = 3 * time.Minute

// stage is the namespace of one story.
type stage struct {
	*testing.T
	namespace string
}

// open makes a namespace for a story, and removes it at the end. When the story fails,
// it shows what happened there.
func open(t *testing.T, story string) *stage {
	t.Helper()
	s := &stage{T: t, namespace: story}
	s.kubectl("create", "namespace", story)
	t.Cleanup(s.close)
	s.kubectl("create", "serviceaccount", "orders-sa")
	return s
}

func (s *stage) close() {
	// The test's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.Failed() {
		for _, args := range [][]string{
			{"get", "pods", "-o", "wide"},
			{"get", "events", "--sort-by=.lastTimestamp"},
			{"logs", "--all-containers", "--prefix", "--tail=20", "--selector=story"},
		} {
			out, _ := world.cluster.Command(ctx, lab.TargetKubectl, append([]string{"--namespace", s.namespace}, args...)...)
			s.Logf("%v:\n%s", args, out)
		}
	}
	if _, err := world.cluster.Command(ctx, lab.TargetKubectl, "delete", "namespace", s.namespace, "--wait=false"); err != nil {
		s.Error(err)
	}
}

// play applies a folder of manifests.
func (s *stage) play(folder string) {
	s.Helper()
	s.kubectl("apply", "-f", filepath.Join("stories", folder))
}

// try runs kubectl in the namespace.
func (s *stage) try(args ...string) (string, error) {
	// It may wait itself, and tells more about that than a program that is killed.
	ctx, cancel := context.WithTimeout(s.Context(), patience+time.Minute)
	defer cancel()
	out, err := world.cluster.Command(ctx, lab.TargetKubectl, append([]string{"--namespace", s.namespace}, args...)...)
	return strings.TrimSpace(out), err
}

func (s *stage) kubectl(args ...string) string {
	s.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// rolledOut waits for a Deployment.
func (s *stage) rolledOut(name string) {
	s.Helper()
	s.kubectl("rollout", "status", "deployment/"+name, "--timeout="+patience.String())
}

// pod is what the stories look at of one.
type pod struct {
	Metadata struct{ Name, UID string }
	Spec     struct{ InitContainers, Containers []container }
	Status   struct {
		Phase                                    string
		InitContainerStatuses, ContainerStatuses []containerStatus
	}
}

type container struct{ Name, RestartPolicy string }

type containerStatus struct {
	Name         string
	ContainerID  string // with the name of the runtime in front
	Ready        bool
	RestartCount int
}

// pods are those with the label app=NAME.
func (s *stage) pods(app string) []pod {
	s.Helper()
	return s.selected("app=" + app)
}

// selected are pods by their labels, and by more if need be.
func (s *stage) selected(labels string, more ...string) []pod {
	s.Helper()
	var list struct{ Items []pod }
	text := s.kubectl(append([]string{"get", "pods", "--selector", labels, "-o", "json"}, more...)...)
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		s.Fatal(err)
	}
	return list.Items
}

// pod is the only one with the label app=NAME.
func (s *stage) pod(app string) pod {
	s.Helper()
	all := s.pods(app)
	if len(all) != 1 {
		s.Fatalf("%d pods of %q, want 1", len(all), app)
	}
	return all[0]
}

func (p pod) restarts() (n int) {
	for _, c := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
		n += c.RestartCount
	}
	return n
}

func names(all []container) string {
	var out []string
	for _, c := range all {
		out = append(out, c.Name)
	}
	return strings.Join(out, ",")
}

// file reads a file in a pod's container app.
func (s *stage) file(of pod, path string) string {
	s.Helper()
	return s.kubectl("exec", of.Metadata.Name, "-c", "app", "--", "app", "cat", path)
}

// eventually waits until a check finds nothing wrong.
func (s *stage) eventually(what string, check func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	if err := await(ctx, check); err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

func await(ctx context.Context, check func() error) error {
	// Each check costs processes; four in a second leave time for others.
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// logged waits until a container has logged a line that begins with text; the last one
// counts.
func (s *stage) logged(of, container, text string) (line string) {
	s.Helper()
	s.eventually(fmt.Sprintf("%s/%s logs %q", of, container, text), func() error {
		out, err := s.try("logs", of, "-c", container)
		for l := range strings.Lines(out) {
			if strings.HasPrefix(l, text) {
				line = strings.TrimSpace(l)
			}
		}
		if err == nil && line == "" {
			err = fmt.Errorf("it logged:\n%s", out)
		}
		return err
	})
	return line
}

// secret writes a KV secret that the story's pods read.
func (s *stage) secret(v *lab.Vault, path string, data map[string]any) {
	s.Helper()
	if _, err := v.Write(s.Context(), "secret/data/"+path, map[string]any{"data": data}); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) want(what, got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("%s: got %q, want %q", what, got, want)
	}
}
