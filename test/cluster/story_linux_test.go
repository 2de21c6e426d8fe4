package cluster_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestStories tells first what does not disturb each other, and then what changes the
// release for all.
func TestStories(t *testing.T) {
	t.Run("Installed", installed)
	t.Run("Apart", func(t *testing.T) {
		for name, story := range map[string]func(*stage){
			"static": static, "dynamic": dynamic, "sidecar": sidecar, "job": job, "environment": environment, "csi": csi, "operator": operator, "outage": outage,
			"agent-configmap": agentConfigMap, "agent-killed": agentKilled, "agent-alone": agentAlone, "mounts": mounts, "pki": pki, "certmanager": certManager,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				story(open(t, name))
			})
		}
	})
	t.Run("provider-killed", func(t *testing.T) { providerKilled(open(t, "provider-killed")) })
	t.Run("rollout", func(t *testing.T) { rollout(open(t, "rollout")) })
	t.Run("upgrade", func(t *testing.T) { upgrade(open(t, "upgrade")) })
	t.Run("uninstall", func(t *testing.T) { uninstall(open(t, "uninstall")) })
}

// installed tells what helm install took until every pod of the release was ready. On
// two idle processors that is a quarter of a minute; others use them, too, so only Helm's
// own limit counts.
func installed(t *testing.T) {
	t.Logf("helm install took %.1f s until all pods were ready", world.installed.Seconds())
	if world.installed == 0 {
		t.Error("it was not measured")
	}
}

func static(s *stage) {
	s.secret(world.vault, "static/production", map[string]any{"db_host": "db.internal", "db_pass": "s3cret"})
	s.play("static")
	s.rolledOut("orders-static")
	p := s.pod("orders-static")
	s.want("init containers", names(p.Spec.InitContainers), "vault-agent-init")
	s.want("containers", names(p.Spec.Containers), "app")
	s.want("log", s.logged(p.Metadata.Name, "app", "DB_HOST"), "DB_HOST=db.internal")
	s.want("log", s.logged(p.Metadata.Name, "app", "DB_PASS"), "DB_PASS=s3cret")
}

// dynamic takes credentials that live for ten seconds, and 20 when they are renewed, so
// that they are replaced soon.
func dynamic(s *stage) {
	if err := world.vault.DynamicRole(s.Context(), "database", "orders-readonly", 10*time.Second, 20*time.Second); err != nil {
		s.Fatal(err)
	}
	s.secret(world.vault, "dynamic/production", map[string]any{"region": "eu"})
	s.play("dynamic")
	s.rolledOut("orders-dynamic")
	p := s.pod("orders-dynamic")
	s.want("init containers", names(p.Spec.InitContainers), "vault-agent-init")
	s.want("containers", names(p.Spec.Containers), "app,vault-agent")
	if config := s.file(p, "/vault/secrets/config"); !strings.Contains(config, "region:eu") {
		s.Errorf("config is %q", config)
	}
	first := s.login(p, "")
	s.login(p, first)
	s.eventually("the application has read them", func() error {
		if line := s.logged(p.Metadata.Name, "app", "reloaded"); !strings.Contains(line, "postgresql://") {
			return fmt.Errorf("it logged %q", line)
		}
		return nil
	})
	if n := s.pod("orders-dynamic").restarts(); n != 0 {
		s.Errorf("%d restarts", n)
	}
}

// login waits until an application finds credentials in its file, other than the former
// ones, with which it gets into PostgreSQL. Those that it has just read may end meanwhile.
func (s *stage) login(p pod, former string) (text string) {
	s.Helper()
	s.eventually("the login works", func() error {
		if text = s.file(p, "/vault/secrets/db"); text == former {
			return errors.New("the credentials are the former ones")
		}
		return s.enter(text)
	})
	return text
}

// connect logs in to PostgreSQL with what an application found in its file.
func (s *stage) connect(text string) {
	s.Helper()
	if err := s.enter(text); err != nil {
		s.Error(err)
	}
}

func (s *stage) enter(text string) error {
	u, err := url.Parse(strings.TrimPrefix(strings.TrimSpace(text), "DATABASE_URL="))
	if err != nil {
		return err
	}
	password, _ := u.User.Password()
	got, err := world.postgres.QueryAs(s.Context(), u.User.Username(), password, "SELECT current_user")
	if err != nil || got != u.User.Username() {
		return fmt.Errorf("the login %q does not work: %q, %w", u.User.Username(), got, err)
	}
	return nil
}

func sidecar(s *stage) {
	s.secret(world.vault, "sidecar/production", map[string]any{"a": "1"})
	s.play("sidecar")
	s.rolledOut("orders-sidecar")
	p := s.pod("orders-sidecar")
	s.want("init containers", names(p.Spec.InitContainers), "")
	s.want("containers", names(p.Spec.Containers), "app,vault-agent")
	s.want("log", s.logged(p.Metadata.Name, "app", "reloaded {"), `reloaded {"a":"1"}`)
	s.secret(world.vault, "sidecar/production", map[string]any{"a": "2"})
	s.want("log", s.logged(p.Metadata.Name, "app", `reloaded {"a":"2`), `reloaded {"a":"2"}`)
	if n := s.pod("orders-sidecar").restarts(); n != 0 {
		s.Errorf("%d restarts", n)
	}
}

func job(s *stage) {
	s.secret(world.vault, "job/production", map[string]any{"MONTH": "may"})
	s.play("job")
	s.kubectl("wait", "--for=condition=Complete", "job/report", "--timeout="+patience.String())
	p := s.pod("report")
	s.want("init containers", names(p.Spec.InitContainers), "vault-agent")
	s.want("restart policy of the agent", p.Spec.InitContainers[0].RestartPolicy, "Always")
	s.want("containers", names(p.Spec.Containers), "app")
	s.want("log", s.logged(p.Metadata.Name, "app", "MONTH"), "MONTH='may'")
}

func environment(s *stage) {
	s.secret(world.vault, "environment/production", map[string]any{"db_pass": "first"})
	s.play("environment")
	s.rolledOut("orders-env")
	p := s.pod("orders-env")
	s.want("log", s.logged(p.Metadata.Name, "app", "DB_PASS=first"), "DB_PASS=first")
	s.secret(world.vault, "environment/production", map[string]any{"db_pass": "second"})
	s.want("log", s.logged(p.Metadata.Name, "app", "DB_PASS=second"), "DB_PASS=second")
	if n := s.pod("orders-env").restarts(); n != 0 {
		s.Errorf("%d restarts of the container: the agent starts the application again itself", n)
	}
	if spec := s.kubectl("get", "pods", "-o", "yaml"); strings.Contains(spec, "first") || strings.Contains(spec, "second") {
		s.Error("the value is in the pod's specification")
	}
}

func csi(s *stage) {
	s.secret(world.vault, "csi/production", map[string]any{"db_pass": "s3cret", "payment_api_key": "k1"})
	s.play("csi")
	s.kubectl("wait", "--for=condition=Ready", "pod/orders", "--timeout="+patience.String())
	p := s.pod("orders")
	s.want("file", s.file(p, "/mnt/secrets/db-password"), "s3cret")
	s.want("file", s.file(p, "/mnt/secrets/api-key"), "k1")
	s.want("variable", s.logged("orders", "app", "DB_PASS"), "DB_PASS=s3cret")
	s.secret(world.vault, "csi/production", map[string]any{"db_pass": "changed", "payment_api_key": "k1"})
	s.eventually("the file follows", func() error { return expect(s.file(p, "/mnt/secrets/db-password"), "changed") })
	s.eventually("the Secret follows", func() error {
		// Base64 of the value.
		return expect(s.kubectl("get", "secret", "orders-env", "-o", "jsonpath={.data.DB_PASS}"), "Y2hhbmdlZA==")
	})
	s.kubectl("delete", "pod", "orders", "--timeout="+patience.String())
	s.eventually("the Secret goes with its last pod", func() error {
		return expect(s.kubectl("get", "secrets", "-o", "name"), "")
	})
}

// operator keeps a Secret and starts the application again when it changes.
func operator(s *stage) {
	s.secret(world.vault, "operator/production", map[string]any{"db_pass": "first"})
	s.play("operator")
	s.rolledOut("orders")
	s.want("variable", s.logged("deployment/orders", "app", "DB_PASS="), "DB_PASS=first")
	s.secret(world.vault, "operator/production", map[string]any{"db_pass": "second"})
	s.want("variable", s.logged("deployment/orders", "app", "DB_PASS=second"), "DB_PASS=second")
	s.kubectl("delete", "vaultstaticsecret", "orders-secrets", "--timeout="+patience.String())
	s.eventually("the Secret goes with its custom resource", func() error {
		return expect(s.kubectl("get", "secrets", "-o", "name"), "")
	})
}

func expect(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}
