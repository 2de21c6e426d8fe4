package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// mayRunCluster says whether a cluster can run here. If not, CI fails, and others have
// been told by TestMain.
func mayRunCluster(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	if os.Getenv("CI") == "true" {
		t.Error("a cluster takes root")
	}
	return false
}

func TestCluster(t *testing.T) {
	if !mayRunCluster(t) {
		return
	}
	root := tempRoot(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := lab.StartCluster(ctx)
	must(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	pids := c.PIDs()
	i, err := lab.Busybox(ctx, "lab.local/busybox:1")
	must(t, err)
	must(t, c.LoadImage(ctx, i))
	kubectl(t, c, "", "apply", "-f", "testdata/cluster.yaml")
	kubectl(t, c, "", "rollout", "status", "deployment/server", "--timeout=2m")
	kubectl(t, c, "", "wait", "--for=condition=Ready", "pod/client", "--timeout=2m")
	t.Run("Logs", func(t *testing.T) { kubectl(t, c, "hello from the init container", "logs", "client", "-c", "app") })
	t.Run("Memory volume", func(t *testing.T) {
		kubectl(t, c, "tmpfs /memory tmpfs", "exec", "client", "-c", "app", "--", "grep", " /memory ", "/proc/mounts")
	})
	t.Run("Dial a pod", func(t *testing.T) {
		dialed(t, c, kubectl(t, c, "", "get", "pods", "--selector=app=server", "-o", "jsonpath={.items[0].status.podIP}"))
	})
	t.Run("Dial a Service", func(t *testing.T) {
		dialed(t, c, kubectl(t, c, "", "get", "service", "server", "-o", "jsonpath={.spec.clusterIP}"))
	})
	t.Run("DNS", func(t *testing.T) {
		kubectl(t, c, "Address: 10.96.", "exec", "client", "-c", "app", "--", "nslookup", "server.default.svc.cluster.local")
	})
	t.Run("Expose", func(t *testing.T) { exposed(t, c) })
	t.Run("No way out", func(t *testing.T) {
		kubectl(t, c, "none", "exec", "client", "-c", "app", "--", "sh", "-c", "nc -w 2 198.51.100.1 80 </dev/null || echo none")
	})
	t.Run("Vault reviews a token", func(t *testing.T) { kubernetesLogin(t, c.Kubernetes) })
	must(t, c.Stop())
	must(t, c.Stop())
	expectNothing(t, root, pids, hostPort(c.URL()))
	groups, err := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/*/vaultk8s-lab-%d", os.Getpid()))
	if err != nil || len(groups) > 0 {
		t.Errorf("control groups are left: %v, %v", groups, err)
	}
}

// kubectl retries for a minute: names and Services appear a moment after the objects.
func kubectl(t *testing.T, c *lab.Cluster, want string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		out, err := c.Command(ctx, lab.TargetKubectl, args...)
		if err == nil && strings.Contains(out, want) {
			return strings.TrimSpace(out)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("kubectl %v: %v; want %q in:\n%s", args, err, want, out)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// dialed reads what the server says.
func dialed(t *testing.T, c *lab.Cluster, ip string) {
	t.Helper()
	var got string
	for range 100 { // the rules of kube-proxy come a moment after the Service
		conn, err := c.Dial(t.Context(), "tcp", net.JoinHostPort(ip, "8080"))
		if err != nil {
			continue
		}
		b, err := io.ReadAll(conn)
		must(t, errors.Join(err, conn.Close()))
		got = string(b)
		break
	}
	if got != "hello from a pod\n" {
		t.Errorf("got %q", got)
	}
}

// exposed listens on this machine, and a pod connects.
func exposed(t *testing.T, c *lab.Cluster) {
	var conf net.ListenConfig
	l, err := conf.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	heard := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			heard <- err.Error()
			return
		}
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, "welcome\n")
		heard <- line
	}()
	must(t, c.Expose(t.Context(), 9999, l.Addr().String()))
	kubectl(t, c, "welcome", "exec", "client", "-c", "app", "--", "sh", "-c", "echo knock | nc "+c.Address()+" 9999")
	if got := <-heard; got != "knock\n" {
		t.Errorf("heard %q", got)
	}
	must(t, l.Close())
}
