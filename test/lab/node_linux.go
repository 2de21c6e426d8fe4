package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// node is a set of namespaces of this machine: mounts, network, processes, host name.
// Its first process is labnode; when that is killed, the kernel ends everything in
// them, so nothing outlives it.
type node struct {
	dir     string
	first   *process
	network *os.File // a reference to its network namespace
}

// startNode makes the namespaces and furnishes them.
func startNode(ctx context.Context, dir, labnode string) (*node, error) {
	n := &node{dir: dir}
	conf, err := n.configuration()
	if err != nil {
		return nil, err
	}
	n.first, err = start(command{
		name: "labnode", dir: dir, log: n.file("labnode.log"), argv: []string{labnode, "init", conf},
		namespaces: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	})
	if err != nil {
		return nil, fmt.Errorf("make a node (it takes root): %w", err)
	}
	n.network, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", n.first.pid()))
	if err == nil {
		err = n.first.await(ctx, 10*time.Millisecond, func(context.Context) error {
			_, err := os.Stat(n.file("ready"))
			return err
		})
	}
	if err != nil {
		n.stop()
		return nil, fmt.Errorf("furnish the node: %w", err)
	}
	return n, nil
}

func (n *node) configuration() (path string, err error) {
	content, err := jsonText(map[string]any{
		"Dir": n.dir, "Name": nodeName, "Address": nodeAddress, "Services": serviceRange, "CGroup": n.group(), "Ready": n.file("ready"),
	})
	if err != nil {
		return "", err
	}
	path = n.file("labnode.json")
	return path, os.WriteFile(path, content, 0o600)
}

// group is the name of the control group of all pods: of the process that owns the
// node, so that a later one can tell which are left over.
func (n *node) group() string { return groupPrefix + strconv.Itoa(os.Getpid()) }

func (n *node) file(name string) string { return filepath.Join(n.dir, name) }

// inside makes a command run in the namespaces.
func (n *node) inside(c command) command {
	c.argv = append([]string{"nsenter", "--target", strconv.Itoa(n.first.pid()), "--mount", "--net", "--pid", "--uts", "--ipc", "--"}, c.argv...)
	return c
}

// enter calls do on a thread in the node's network. Sockets made there stay in it.
// The thread ends with the goroutine, as it can be used for nothing else.
func (n *node) enter(do func()) error {
	entered := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(n.network.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			do()
		}
		entered <- err
	}()
	if err := <-entered; err != nil {
		return fmt.Errorf("enter the node's network: %w", err)
	}
	return nil
}

// dial connects to an address that the node can reach: a pod's, a Service's, its own.
func (n *node) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	var d net.Dialer
	if wrong := n.enter(func() { conn, err = d.DialContext(ctx, network, address) }); wrong != nil {
		return nil, wrong
	}
	return conn, err
}

// listen listens at an address of the node.
func (n *node) listen(ctx context.Context, address string) (l net.Listener, err error) {
	var c net.ListenConfig
	if wrong := n.enter(func() { l, err = c.Listen(ctx, "tcp", address) }); wrong != nil {
		return nil, wrong
	}
	return l, err
}

// stop kills everything in the namespaces. Their control groups are empty then, and
// removed.
func (n *node) stop() {
	n.first.kill()
	if n.network != nil {
		_ = n.network.Close()
	}
	removeGroups(func(name string) bool { return name == n.group() })
}

const groupPrefix = "vaultk8s-lab-"

// removeLeftGroups removes the control groups of nodes whose owner was killed.
func removeLeftGroups() {
	removeGroups(func(name string) bool {
		pid, err := strconv.Atoi(name[len(groupPrefix):])
		return err == nil && syscall.Kill(pid, 0) != nil
	})
}

// removeGroups removes groups with all that are in them. One that still has a process
// stays, and the next node tries again.
func removeGroups(which func(name string) bool) {
	const root = "/sys/fs/cgroup/"
	for _, pattern := range []string{root + groupPrefix + "*", root + "*/" + groupPrefix + "*"} {
		groups, err := filepath.Glob(pattern)
		if err != nil {
			return
		}
		for _, g := range groups {
			if which(filepath.Base(g)) {
				removeGroup(g)
			}
		}
	}
}

// removeGroup removes the deepest first. Groups have files, but those cannot be
// removed.
func removeGroup(path string) {
	inner, err := os.ReadDir(path)
	if err != nil {
		return
	}
	for _, g := range inner {
		if g.IsDir() {
			removeGroup(filepath.Join(path, g.Name()))
		}
	}
	_ = syscall.Rmdir(path)
}
