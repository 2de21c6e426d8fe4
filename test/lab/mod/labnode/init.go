package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// config is what the lab tells about the node.
type config struct {
	Dir      string // for what the kubelet and containerd keep
	Name     string // of the node
	Address  string // of the node
	Services string // the range of the Services' addresses
	CGroup   string // name of the group of all pods
	Ready    string // file that is made when all is done
}

// initialize furnishes the namespaces and then reaps until it is killed, which ends
// everything in them.
func initialize(args []string) error {
	if len(args) != 1 {
		return errors.New("expected the path of a configuration")
	}
	content, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var c config
	if err := json.Unmarshal(content, &c); err != nil {
		return err
	}
	for _, step := range []func(config) error{mountAll, hideSettings, network, groups} {
		if err := step(c); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.Ready, nil, 0o644); err != nil {
		return err
	}
	reap()
	return nil
}

// mountAll serves the well-known folders of Kubernetes from the lab's. Nothing of it
// is seen outside of this mount namespace.
func mountAll(c config) error {
	mounts := []struct {
		from, at, kind string
		flags          uintptr
	}{
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"run", "/run", "tmpfs", 0},
		{"lib", "/var/lib", "tmpfs", 0},
		{c.Dir + "/kubelet", "/var/lib/kubelet", "", syscall.MS_BIND},
		{c.Dir + "/log", "/var/log", "", syscall.MS_BIND},
		// Containers that mount something for others need it to spread.
		{"", "/", "", syscall.MS_REC | syscall.MS_SHARED},
	}
	for _, m := range mounts {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if m.flags&syscall.MS_BIND != 0 {
			if err := os.MkdirAll(m.from, 0o755); err != nil {
				return err
			}
		}
		if err := syscall.Mount(m.from, m.at, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %q at %q: %w", m.from, m.at, err)
		}
	}
	return nil
}

// hideSettings shows the kubelet the settings of the kernel that it wants. It reads
// them first and would write them, for the whole machine.
func hideSettings(config) error {
	settings := map[string]string{
		"vm/overcommit_memory":      "1",
		"vm/panic_on_oom":           "0",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/keys/root_maxbytes": "25000000",
	}
	for name, value := range settings {
		real := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(real); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		fake := filepath.Join("/run", strings.ReplaceAll(name, "/", "."))
		if err := os.WriteFile(fake, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(fake, real, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("hide %q: %w", real, err)
		}
	}
	return nil
}

// network gives the node its address. An address of a Service needs some route
// before the rules of kube-proxy rewrite it. There is no way out of here.
func network(c config) error {
	if err := syscall.Sethostname([]byte(c.Name)); err != nil {
		return err
	}
	for _, command := range []string{
		"ip link set lo up",
		"ip address add " + c.Address + "/32 dev lo",
		"ip route add " + c.Services + " dev lo src " + c.Address,
	} {
		words := strings.Fields(command)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// groups makes the root of the pods' control groups, which the kubelet wants to
// exist in every hierarchy.
func groups(c config) error {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
		return os.MkdirAll(filepath.Join(root, c.CGroup), 0o755)
	}
	hierarchies, err := filepath.Glob(root + "/*/cgroup.procs")
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		parent := filepath.Dir(h)
		group := filepath.Join(parent, c.CGroup)
		if err := os.MkdirAll(group, 0o755); err != nil {
			return err
		}
		// A new group has no processors until it is told of some.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := copyValue(filepath.Join(parent, name), filepath.Join(group, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyValue(from, to string) error {
	content, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
