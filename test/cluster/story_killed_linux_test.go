package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// provider selects the pods of the CSI provider.
const provider = "app.kubernetes.io/component=csi"

// providerKilled kills the process of the provider, and then its pod. It has no state,
// so everything that it knows comes with the calls for volumes that are there.
func providerKilled(s *stage) {
	s.secret(world.vault, "provider-killed/production", map[string]any{"db_pass": "first"})
	s.play("provider-killed")
	s.kubectl("wait", "--for=condition=Ready", "pod/steady", "--timeout="+patience.String())
	before := s.generation("steady")

	old := s.provider()
	s.kill(old.Status.ContainerStatuses[0])
	s.eventually("the kubelet starts the process again", func() error {
		if p := s.provider(); p.restarts() <= old.restarts() || !p.Status.ContainerStatuses[0].Ready {
			return fmt.Errorf("%d restarts, %d before", p.restarts(), old.restarts())
		}
		return nil
	})
	s.republished("steady", before)

	s.kubectl("delete", "pod", old.Metadata.Name, "--namespace", release, "--grace-period=0", "--force", "--wait=false")
	s.play("provider-killed-late")
	s.kubectl("wait", "--for=condition=Ready", "pod/late", "--timeout="+patience.String())
	s.want("file of the pod that started meanwhile", s.file(s.pod("late"), "/mnt/secrets/db-password"), "first")
	s.republished("steady", before)

	s.secret(world.vault, "provider-killed/production", map[string]any{"db_pass": "second"})
	for _, name := range []string{"steady", "late"} {
		s.eventually("the volume of "+name+" follows again", func() error {
			return expect(s.file(s.pod(name), "/mnt/secrets/db-password"), "second")
		})
	}
}

// generation describes a pod and the files of its volume: a set that is written anew is
// in another directory, even if it is the same.
func (s *stage) generation(name string) string {
	s.Helper()
	p := s.pod(name)
	inside := s.kubectl("exec", name, "--", "sh", "-c", "readlink /mnt/secrets/..data; stat -L -c '%i %Y' /mnt/secrets/db-password; cat /mnt/secrets/db-password")
	return fmt.Sprintf("%s restarts=%d %q", p.Metadata.UID, p.restarts(), inside)
}

// provider is the pod of the CSI provider: there is one node.
func (s *stage) provider() (found pod) {
	s.Helper()
	s.eventually("there is a provider", func() error {
		all := s.selected(provider, "--namespace", release, "--field-selector=status.phase=Running")
		if len(all) != 1 || len(all[0].Status.ContainerStatuses) != 1 {
			return fmt.Errorf("%d pods", len(all))
		}
		found = all[0]
		return nil
	})
	return found
}

// republished waits until the process that serves now has delivered to a pod, and for
// what the driver makes of that.
func (s *stage) republished(name, before string) {
	s.Helper()
	s.eventually("the driver asks for the volume of "+name, func() error {
		out, err := s.try("logs", s.provider().Metadata.Name, "--namespace", release)
		if err == nil && !strings.Contains(out, `msg="secrets delivered" pod=`+s.namespace+"/"+name+" ") {
			err = fmt.Errorf("it logged:\n%s", out)
		}
		return err
	})
	s.stays(3*time.Second, func() error { return expect(s.generation(name), before) })
}

// agentKilled kills the sidecars beside applications, of both kinds.
func agentKilled(s *stage) {
	if err := world.vault.DynamicRole(s.Context(), "database", "orders-killed", time.Hour, time.Hour); err != nil {
		s.Fatal(err)
	}
	s.secret(world.vault, "killed/production", map[string]any{"a": "1"})
	s.play("agent-killed")
	apps := []string{"agent-killed", "agent-killed-native"}
	logins := make(map[string]string)
	before := make(map[string]pod)
	for _, app := range apps {
		s.rolledOut(app)
		before[app] = s.pod(app)
		logins[app] = s.file(before[app], "/vault/secrets/db")
		s.kill(before[app].container(s, "vault-agent"))
		s.want("the file of a dead agent", s.file(before[app], "/vault/secrets/db"), logins[app])
	}
	for _, app := range apps {
		s.eventually("the kubelet starts the agent again", func() error {
			if agent := s.pod(app).container(s, "vault-agent"); agent.RestartCount != 1 || !agent.Ready {
				return fmt.Errorf("%d restarts, ready: %t", agent.RestartCount, agent.Ready)
			}
			return nil
		})
	}
	s.secret(world.vault, "killed/production", map[string]any{"a": "2"})
	for _, app := range apps {
		s.eventually("files follow again", func() error { return expect(s.file(before[app], "/vault/secrets/config"), "a='2'") })
		s.want("login, which its agent took over", s.file(before[app], "/vault/secrets/db"), logins[app])
		s.connect(logins[app])
		after := s.pod(app)
		s.want("pod", after.Metadata.UID, before[app].Metadata.UID)
		if n := after.container(s, "app").RestartCount; n != 0 {
			s.Errorf("the application was started again %d times", n)
		}
	}
}

// container is the state of one of a pod's containers.
func (p pod) container(s *stage, name string) containerStatus {
	s.Helper()
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if c.Name == name {
			return c
		}
	}
	s.Fatalf("%s has no container %q", p.Metadata.Name, name)
	return containerStatus{}
}

// kill ends all processes of a container, without a chance to say goodbye. Its control
// group has its name.
func (s *stage) kill(c containerStatus) {
	s.Helper()
	_, id, _ := strings.Cut(c.ContainerID, "://")
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil || id == "" {
		s.Fatalf("container %q: %v", c.ContainerID, err)
	}
	killed := 0
	for _, g := range groups {
		// One that ended meanwhile has no group.
		text, err := os.ReadFile(g)
		if err != nil || !strings.Contains(string(text), id) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(g)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			s.Fatalf("kill process %d of container %s: %v", pid, c.Name, err)
		}
		killed++
	}
	if killed == 0 {
		s.Fatalf("container %s has no process", c.Name)
	}
}
