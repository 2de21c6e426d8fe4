package lab_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

func TestCluster(t *testing.T) {
	root := tempRoot(t)
	begin := time.Now()
	c, err := lab.StartCluster(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = c.Stop() })
	t.Logf("started in %v", time.Since(begin))
	i, err := lab.Busybox(t.Context(), "lab.local/busybox:1")
	must(t, err)
	archive, err := c.MakeImage(t.Context(), i)
	must(t, err)
	must(t, c.Load(t.Context(), archive))
	begin = time.Now()
	out, err := c.Command(t.Context(), lab.TargetKubectl, "run", "a", "--image=lab.local/busybox:1", "--restart=Never", "--", "sh", "-c", "echo hello; exec sleep 3600")
	t.Log(out, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err = c.Command(ctx, lab.TargetKubectl, "wait", "--for=condition=Ready", "pod/a", "--timeout=40s")
	t.Log(out, err, time.Since(begin))
	out, err = c.Command(ctx, lab.TargetKubectl, "logs", "a")
	t.Log(out, err)
	out, err = c.Command(ctx, lab.TargetKubectl, "exec", "a", "--", "cat", "/etc/resolv.conf")
	t.Log(out, err)
	out, err = c.Command(ctx, lab.TargetKubectl, "describe", "pod", "a")
	t.Log(strings.ToLower(out), err)
	begin = time.Now()
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	t.Log(c.InstallSecretsStore(ctx))
	t.Log(time.Since(begin))
	out, err = c.Command(t.Context(), lab.TargetKubectl, "-n", "kube-system", "logs", "ds/csi-secrets-store", "--all-containers")
	t.Log(out, err)
	begin = time.Now()
	must(t, c.Stop())
	t.Logf("stopped in %v", time.Since(begin))
	_ = root
}
