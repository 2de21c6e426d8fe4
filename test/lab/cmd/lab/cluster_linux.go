package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// vaultPort is where pods find the Vault of a cluster.
const vaultPort = 8200

// clusterDir is where the one cluster of `lab cluster` tells of itself: files pid, log
// and usage, and a folder of programs.
func clusterDir() (string, error) {
	cache, err := lab.CacheDir()
	return filepath.Join(cache, "cluster"), err
}

// cluster starts a process that runs a cluster until clusterDown, and shows how to use it.
func cluster(ctx context.Context, w io.Writer) error {
	dir, err := clusterDir()
	if err != nil {
		return err
	}
	if pid := clusterPID(dir); pid != 0 {
		fmt.Fprintf(w, "the cluster runs already (process %d)\n\n", pid)
		return show(w, filepath.Join(dir, "usage"))
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	fmt.Fprintln(w, "starting a cluster, with the Secrets Store CSI Driver, and Vault")
	server, ended, err := detach(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	for {
		if err := show(w, filepath.Join(dir, "usage")); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-ctx.Done():
			err := errors.Join(context.Cause(ctx), server.Signal(syscall.SIGTERM))
			<-ended
			return err
		case <-ended:
			return errors.Join(errors.New("the cluster did not start"), show(w, filepath.Join(dir, "log")))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func show(w io.Writer, file string) error {
	content, err := os.ReadFile(file)
	if err == nil {
		_, err = w.Write(content)
	}
	return err
}

// detach starts this program with `cluster-serve`, away from the terminal. The channel
// is closed when it ends while this process still runs.
func detach(log string) (*os.Process, <-chan struct{}, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	out, err := os.Create(log)
	if err != nil {
		return nil, nil, err
	}
	defer out.Close()
	cmd := exec.Command(self, serveWord) // without a context: it outlives this process
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	return cmd.Process, ended, nil
}

const serveWord = "cluster-serve"

// clusterServe runs the cluster until a signal ends ctx.
func clusterServe(ctx context.Context) (err error) {
	dir, err := clusterDir()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pid"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(filepath.Join(dir, "pid"))) }()
	start, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	c, err := lab.StartCluster(start)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	v, err := lab.StartVault(start, lab.VaultOptions{InMemory: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Stop()) }()
	if err := furnish(start, dir, c, v); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func furnish(ctx context.Context, dir string, c *lab.Cluster, v *lab.Vault) error {
	err := errors.Join(
		c.Expose(ctx, vaultPort, strings.TrimPrefix(v.Address(), "http://")),
		v.ConnectKubernetes(ctx, "kubernetes", c.Kubernetes),
		c.InstallSecretsStore(ctx),
		linkPrograms(ctx, filepath.Join(dir, "bin"), lab.TargetKubectl, lab.TargetHelm),
	)
	if err != nil {
		return err
	}
	image := loadOurs(ctx, c)
	usage := fmt.Sprintf(clusterUsage, filepath.Join(dir, "bin"), c.Kubeconfig(), strings.Join(v.Env(), " "), c.Address(), vaultPort, image)
	// In one step, for somebody waits for it.
	tmp := filepath.Join(dir, "usage.tmp")
	if err := os.WriteFile(tmp, []byte(usage), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, "usage"))
}

const clusterUsage = `
export PATH=%s:$PATH KUBECONFIG=%s
export %s

Pods reach this Vault at http://%s:%d, which knows the cluster at auth/kubernetes.
%s
make cluster-down ends it.
`

func linkPrograms(ctx context.Context, dir string, targets ...lab.Target) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, t := range targets {
		path, err := lab.Binary(ctx, t)
		if err != nil {
			return err
		}
		if err := os.Symlink(path, filepath.Join(dir, string(t))); err != nil {
			return err
		}
	}
	return nil
}

// loadOurs puts the program of `make build` into the node, if it is there, and says so.
func loadOurs(ctx context.Context, c *lab.Cluster) string {
	const name, program = "vaultk8s/vaultk8s:dev", "bin/vaultk8s"
	if _, err := os.Stat(program); err != nil {
		return "There is no " + program + ", so the node has no image of it."
	}
	if err := c.LoadImage(ctx, lab.OurImage(name, program)); err != nil {
		return err.Error()
	}
	return "The node has the image " + name + " of " + program + `:

helm install vaultk8s charts/vaultk8s -n vaultk8s --create-namespace --wait \
  --set image.tag=dev --set csi.enabled=true --set vault.address=http://` + c.Address() + ":" + strconv.Itoa(vaultPort)
}

// clusterDown ends the cluster of `lab cluster`, if there is one.
func clusterDown(ctx context.Context, w io.Writer) error {
	dir, err := clusterDir()
	if err != nil {
		return err
	}
	pid := clusterPID(dir)
	if pid == 0 {
		fmt.Fprintln(w, "no cluster runs")
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("end process %d: %w", pid, err)
	}
	for clusterPID(dir) != 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	fmt.Fprintln(w, "the cluster has ended")
	return nil
}

// clusterPID is the process that runs the cluster; 0 if there is none. A file that a
// killed one left behind counts only if the process is one of ours.
func clusterPID(dir string) int {
	content, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(content))
	if err != nil {
		return 0
	}
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(words), "\x00"+serveWord+"\x00") {
		return 0
	}
	return pid
}
