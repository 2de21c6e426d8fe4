package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// accountDir is where a pod finds its service account.
	accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	// accountLife is more than any story takes.
	accountLife = time.Hour
)

// containerVariable holds a container, for the process that becomes it.
const containerVariable = "VAULTK8S_E2E_CONTAINER"

// container is what an agent sees in place of the machine.
type container struct {
	Volumes map[string]string // directories that it sees at these places; none: it sees the machine's files
	Root    string            // empty directory that becomes its root, where it has volumes
	Alone   bool              // it has a process namespace of its own, whose first process it is
	Beside  string            // name of an application that is the first process there, and that the agent runs beside
}

// contained runs the program in a container. Its root holds nothing but the
// volumes, the program, the folder of the pod, /dev and /proc: no shell and no library.
func (p *pod) contained(c container, args ...string) *agent {
	p.t.Helper()
	flags := uintptr(syscall.CLONE_NEWNS)
	if c.Alone = c.Alone || c.Beside != ""; c.Alone {
		flags |= syscall.CLONE_NEWPID
	}
	if c.Volumes != nil {
		c.Root = p.path("root")
		must(p.t, os.MkdirAll(c.Root, 0o755))
		for _, same := range []string{p.dir, filepath.Dir(world.program), "/dev"} {
			c.Volumes[same] = same
		}
	}
	text, err := json.Marshal(c)
	must(p.t, err)
	self, err := os.Executable()
	must(p.t, err)
	env := []string{roleVariable + "=container", containerVariable + "=" + string(text), hangupsVariable + "=" + p.path("hangups")}
	return p.execute(self, append([]string{world.program}, args...), env, namespaces(flags))
}

// namespaces puts a process into namespaces of its own. Who may not do so may in
// a user namespace, where he keeps his name.
func namespaces(flags uintptr) *syscall.SysProcAttr {
	how := attributes()
	how.Cloneflags = flags
	if os.Geteuid() != 0 {
		how.Cloneflags |= syscall.CLONE_NEWUSER
		how.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		how.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		how.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT}
	}
	return how
}

// playContainer sets the container up, and becomes the program that its
// arguments name or runs it beside the application.
func playContainer() int {
	var c container
	err := json.Unmarshal([]byte(os.Getenv(containerVariable)), &c)
	if err == nil {
		err = c.enter()
	}
	if err == nil && c.Beside != "" {
		return playPod(c.Beside)
	}
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], withoutRole())
	}
	fmt.Fprintln(os.Stderr, "container:", err)
	return 1
}

func withoutRole() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, roleVariable+"=container") })
}

func (c container) enter() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if c.Root == "" {
		return mountProc("/proc", c.Alone)
	}
	if err := unix.Mount("tmpfs", c.Root, "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	for to, from := range c.Volumes {
		if err := errors.Join(os.MkdirAll(c.Root+to, 0o755), unix.Mount(from, c.Root+to, "", unix.MS_BIND|unix.MS_REC, "")); err != nil {
			return fmt.Errorf("mount %q at %q: %w", from, to, err)
		}
	}
	if err := errors.Join(os.MkdirAll(c.Root+"/proc", 0o755), mountProc(c.Root+"/proc", c.Alone)); err != nil {
		return err
	}
	return errors.Join(unix.Chroot(c.Root), os.Chdir("/"))
}

// mountProc shows the processes of the namespace: those of the machine, or own ones.
func mountProc(at string, alone bool) error {
	if !alone {
		return unix.Mount("/proc", at, "", unix.MS_BIND|unix.MS_REC, "")
	}
	return unix.Mount("proc", at, "proc", 0, "")
}

// playPod is a server under a name of its own, which notes each SIGHUP, with the
// agent beside it, whose end is its own. It hands SIGTERM on to the agent.
func playPod(name string) int {
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM)
	// So servers such as nginx are found: by the name in the kernel, while their
	// command line says "nginx: master process".
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	beside := exec.Command(os.Args[1], os.Args[2:]...)
	beside.Env, beside.Stdin, beside.Stdout, beside.Stderr = withoutRole(), os.Stdin, os.Stdout, os.Stderr
	if err := beside.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ended := make(chan error, 1)
	go func() { ended <- beside.Wait() }()
	for {
		select {
		case <-ended:
			return beside.ProcessState.ExitCode()
		case s := <-signals:
			if s == syscall.SIGTERM {
				_ = beside.Process.Signal(s)
				continue
			}
			noteLine(os.Getenv(hangupsVariable), "hangup")
		}
	}
}

// account puts what a pod gets of the kubelet into a directory: a token of a
// service account for the API server, its authority and the namespace.
func (p *pod) account(name string) map[string]string {
	p.t.Helper()
	token, err := world.kubernetes.Token(p.t.Context(), "shop", name, "", accountLife)
	must(p.t, err)
	p.secretly(token)
	p.file("account/token", token)
	p.file("account/ca.crt", string(world.kubernetes.CACert()))
	p.file("account/namespace", "shop")
	return map[string]string{accountDir: p.path("account")}
}
