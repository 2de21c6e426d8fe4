package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// outage ends Vault while pods run, starts others, and starts Vault again.
func outage(s *stage) {
	s.secret(world.fragile, "outage/production", map[string]any{"db_pass": "s3cret"})
	s.play("outage-steady")
	s.rolledOut("outage-steady")
	s.kubectl("wait", "--for=condition=Ready", "pod/outage-steady-csi", "--timeout="+patience.String())
	before := s.steady()
	world.fragile.Kill()
	s.play("outage-start")
	s.stays(15*time.Second, func() error {
		if ready := s.kubectl("get", "pods", "--selector", "app in (outage-start, outage-start-csi)", "-o", "jsonpath={..containerStatuses[?(@.name=='app')].ready}"); ready != "" && ready != "false false" && ready != "false" {
			return fmt.Errorf("pods without their secrets are ready: %s", ready)
		}
		return expect(s.steady(), before)
	})
	if err := world.fragile.Restart(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.rolledOut("outage-start")
	s.kubectl("wait", "--for=condition=Ready", "pod/outage-start-csi", "--timeout="+patience.String())
	s.want("file", s.file(s.pod("outage-start"), "/vault/secrets/config"), "db_pass='s3cret'")
	s.want("file", s.file(s.pod("outage-start-csi"), "/mnt/secrets/db-password"), "s3cret")
	s.want("pods that ran all the time", s.steady(), before)
	s.secret(world.fragile, "outage/production", map[string]any{"db_pass": "changed"})
	s.eventually("pods that ran all the time follow again", func() error {
		return errors.Join(
			expect(s.file(s.pod("outage-steady"), "/vault/secrets/config"), "db_pass='changed'"),
			expect(s.file(s.pod("outage-steady-csi"), "/mnt/secrets/db-password"), "changed"),
		)
	})
}

// steady describes the pods that run all the time: which, how often they were started
// again, whether they are ready, and what they read.
func (s *stage) steady() string {
	var out string
	for app, path := range map[string]string{"outage-steady": "/vault/secrets/config", "outage-steady-csi": "/mnt/secrets/db-password"} {
		p := s.pod(app)
		ready := true
		for _, c := range p.Status.ContainerStatuses {
			ready = ready && c.Ready
		}
		line := fmt.Sprintf("%s %s restarts=%d ready=%t %q\n", app, p.Metadata.UID, p.restarts(), ready, s.file(p, path))
		if app == "outage-steady" {
			out = line + out
			continue
		}
		out += line
	}
	return out
}

// stays checks for a while that nothing goes wrong.
func (s *stage) stays(long time.Duration, check func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), long)
	defer cancel()
	for ctx.Err() == nil {
		if err := check(); err != nil {
			s.Fatal(err)
		}
	}
}
