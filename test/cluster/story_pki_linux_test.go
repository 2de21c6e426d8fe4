package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// pki has certificates that live for 20 seconds, whatever the manifests ask for, so that
// they are replaced soon. Applications look at them all the time.
func pki(s *stage) {
	if err := world.vault.PKIRole(s.Context(), "pki_int", "web-servers", "internal.example.com", 20*time.Second, false); err != nil {
		s.Fatal(err)
	}
	s.play("pki")
	s.rolledOut("orders-pki")
	for _, name := range []string{"mounted", "synced"} {
		s.kubectl("wait", "--for=condition=Ready", "pod/"+name, "--timeout="+patience.String())
	}
	injected := s.pod("orders-pki").Metadata.Name
	s.rotates(injected, "app")
	s.rotates(injected, "bundle")
	s.rotates("mounted", "app")
	s.rotates("synced", "app")
	if n := s.pod("orders-pki").restarts(); n != 0 {
		s.Errorf("%d restarts", n)
	}
}

// rotates waits until an application has seen three certificates; none had the key of
// another one.
func (s *stage) rotates(of, container string) {
	s.Helper()
	s.eventually(of+"/"+container+" sees three certificates", func() error {
		out, err := s.try("logs", of, "-c", container)
		if err != nil {
			return err
		}
		var serials []string
		for line := range strings.Lines(out) {
			serial, whole := strings.CutPrefix(strings.TrimSpace(line), "pair ")
			if !whole {
				s.Fatalf("%s/%s: %s", of, container, out)
			}
			if !slices.Contains(serials, serial) {
				serials = append(serials, serial)
			}
		}
		if len(serials) < 3 {
			return fmt.Errorf("it logged:\n%s", out)
		}
		return nil
	})
}
