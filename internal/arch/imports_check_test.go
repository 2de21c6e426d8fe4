package arch

import "testing"

func TestRoomsFindsViolations(t *testing.T) {
	cases := map[string]struct {
		sources sources
		want    []violation
	}{
		"Allowed": {sources: sources{
			"cmd/vaultk8s/main.go":    pkg("main", own("pkg/agent"), own("pkg/config")),
			"pkg/agent/agent.go":      pkg("agent", own("pkg/render"), own("pkg/config/agentfile"), own("pkg/sink/file")),
			"pkg/render/render.go":    pkg("render", own("pkg/secret"), "text/template"),
			"pkg/secret/secret.go":    pkg("secret", own("pkg/lease")),
			"pkg/config/config.go":    pkg("config", own("pkg/config/agentfile")),
			"pkg/config/agentfile.go": pkg("config"),
		}},
		"Up": {
			sources: sources{
				"cmd/vaultk8s/main.go": pkg("main", own("pkg/agent")),
				"pkg/agent/agent.go":   pkg("agent", own("pkg/render")),
				"pkg/render/render.go": pkg("render", "fmt", own("pkg/vault")),
			},
			want: []violation{"pkg/render/render.go:3: pkg/render may not import pkg/vault: cmd/vaultk8s -> pkg/agent -> pkg/render -> pkg/vault"},
		},
		"ModesDoNotMeet": {
			sources: sources{
				"pkg/agent/agent.go":      pkg("agent", own("pkg/csi")),
				"pkg/operator/op.go":      pkg("operator", own("pkg/injector/certs")),
				"pkg/injector/inject.go":  pkg("injector", own("pkg/injector/certs")),
				"pkg/injector/certs/c.go": pkg("certs", own("pkg/agent")),
			},
			want: []violation{
				"pkg/agent/agent.go:2: pkg/agent may not import pkg/csi: pkg/agent -> pkg/csi",
				"pkg/injector/certs/c.go:2: pkg/injector/certs may not import pkg/agent: pkg/injector/certs -> pkg/agent",
				"pkg/operator/op.go:2: pkg/operator may not import pkg/injector/certs: pkg/operator -> pkg/injector/certs",
			},
		},
		"SectionsOnly": {
			sources: sources{
				"pkg/auth/auth.go":       pkg("auth", own("pkg/config"), own("pkg/config/agentfile")),
				"pkg/telemetry/log.go":   pkg("telemetry", own("pkg/config")),
				"pkg/config/config.go":   pkg("config", own("pkg/telemetry")),
				"pkg/sensitive/s.go":     pkg("sensitive", own("pkg/config")),
				"pkg/sink/file/file.go":  pkg("file", own("pkg/sink/process")),
				"pkg/lease/lease.go":     pkg("lease", own("pkg/sensitive")),
				"pkg/lease/some_test.go": pkg("lease", own("internal/golden")),
			},
			want: []violation{
				"pkg/auth/auth.go:3: pkg/auth may not import pkg/config/agentfile: pkg/auth -> pkg/config/agentfile",
				"pkg/config/config.go:2: pkg/config may not import pkg/telemetry: pkg/config -> pkg/telemetry",
				"pkg/lease/lease.go:2: pkg/lease may not import pkg/sensitive: pkg/lease -> pkg/sensitive",
				"pkg/sensitive/s.go:2: pkg/sensitive may not import pkg/config: pkg/sensitive -> pkg/config",
				"pkg/sink/file/file.go:2: pkg/sink/file may not import pkg/sink/process: pkg/sink/file -> pkg/sink/process",
			},
		},
		"NoRow": {
			sources: sources{"pkg/leasehold/a.go": pkg("leasehold", own("pkg/lease")), "pkg/leasehold/b.go": pkg("leasehold")},
			want:    []violation{"pkg/leasehold: the package has no row in rooms of internal/arch/rules_test.go"},
		},
		"OutsideTheModule": {sources: sources{
			"test/lab/mod/vault/go.mod":  "module x",
			"test/lab/mod/vault/main.go": pkg("main", own("pkg/nowhere")),
			"pkg/lease/testdata/x.go":    pkg("x", own("pkg/vault")),
			".hidden/x.go":               "not Go at all",
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			diffViolations(t, tc.want, checkRooms(tc.sources.tree(t), rooms()))
		})
	}
}

func TestNamesFindsViolations(t *testing.T) {
	s := sources{
		"pkg/secret/good.go":  pkg("secret", own("pkg/auth")) + "type A struct{ t auth.Token }\n",
		"pkg/secret/bad.go":   pkg("secret", own("pkg/auth")) + "var b = auth.New\n",
		"pkg/secret/alias.go": "package secret\nimport who \"" + own("pkg/auth") + "\"\nvar c who.Method\n",
		"pkg/secret/other.go": "package secret\nvar d = auth.New // a variable of that name\n",
		"pkg/agent/agent.go":  pkg("agent", own("pkg/auth"), "log/slog") + "var e, f = auth.New, slog.Info\n",
		"pkg/vault/client.go": pkg("vault", "log/slog") + "var g slog.Value = slog.StringValue(\"\")\nvar h = slog.Default\n",
	}
	diffViolations(t, []violation{
		"pkg/secret/alias.go:3: pkg/secret may use only Token of pkg/auth, not Method",
		"pkg/secret/bad.go:3: pkg/secret may use only Token of pkg/auth, not New",
		"pkg/vault/client.go:4: pkg/vault may use only AnyValue, GroupValue, LogValuer, String, StringValue, Value of log/slog, not Default",
	}, checkNames(s.tree(t), narrowed()))
}

func TestLibrariesFindsViolations(t *testing.T) {
	s := sources{
		"cmd/vaultk8s/main.go":    pkg("main", "github.com/spf13/cobra", own("pkg/agent")),
		"pkg/agent/agent.go":      pkg("agent", "github.com/spf13/cobra/doc", "github.com/spf13/cobrasnake"),
		"pkg/agent/viper_test.go": pkg("agent", "github.com/spf13/viper"),
		"pkg/config/load.go":      pkg("config", "github.com/spf13/viper"),
		"pkg/auth/kubernetes.go":  pkg("auth", "k8s.io/client-go/kubernetes", "github.com/hashicorp/vault/api"),
		"pkg/csi/server.go":       pkg("csi", "sigs.k8s.io/secrets-store-csi-driver/provider/v1alpha1", "sigs.k8s.io/yaml"),
		"pkg/operator/secret.go":  pkg("operator", "k8s.io/api/core/v1"),
		"pkg/vault/client.go":     pkg("vault", "github.com/hashicorp/vault/sdk/helper", "log/slog", "log"),
		"pkg/vault/lab_test.go":   pkg("vault", own("test/lab"), "log", "log/slog"),
		"pkg/telemetry/log.go":    pkg("telemetry", "log/slog"),
		"test/e2e/agent_test.go":  pkg("e2e", own("test/lab")),
	}
	diffViolations(t, []violation{
		"pkg/agent/agent.go:2: may not import github.com/spf13/cobra/doc, only cmd knows cobra: cmd/vaultk8s -> pkg/agent -> github.com/spf13/cobra/doc",
		"pkg/agent/viper_test.go:2: may not import github.com/spf13/viper, only config knows viper: cmd/vaultk8s -> pkg/agent -> github.com/spf13/viper",
		"pkg/auth/kubernetes.go:2: may not import k8s.io/client-go/kubernetes, only operator and injector know Kubernetes libraries; others ask the API server through pkg/kube: pkg/auth -> k8s.io/client-go/kubernetes",
		"pkg/csi/server.go:3: may not import sigs.k8s.io/yaml, only operator and injector know Kubernetes libraries; others ask the API server through pkg/kube: pkg/csi -> sigs.k8s.io/yaml",
		"pkg/vault/client.go:2: may not import github.com/hashicorp/vault/sdk/helper, its license does not allow it; the module vault/api does: pkg/vault -> github.com/hashicorp/vault/sdk/helper",
		"pkg/vault/client.go:4: may not import log, log/slog is our logger: pkg/vault -> log",
		"pkg/vault/lab_test.go:2: may not import test/lab, real servers are started only below test/: pkg/vault -> test/lab",
	}, checkLibraries(s.tree(t), libraries()))
}

func TestDistancesFindsViolations(t *testing.T) {
	s := sources{
		"pkg/injector/inject.go":      pkg("injector", own("pkg/config")),
		"pkg/injector/inject_test.go": pkg("injector", own("pkg/vault")),
		"pkg/injector/certs/certs.go": pkg("certs", own("pkg/telemetry")),
		"pkg/telemetry/telemetry.go":  pkg("telemetry", own("pkg/vault"), own("pkg/config")),
		"pkg/vault/vault.go":          pkg("vault", "github.com/hashicorp/vault/api"),
		"pkg/config/config.go":        pkg("config", own("pkg/injector")), // a cycle must not hang
	}
	diffViolations(t, []violation{
		"pkg/injector/certs: may not reach github.com/hashicorp/vault/api, the injector never contacts Vault: pkg/injector/certs -> pkg/telemetry -> pkg/vault -> github.com/hashicorp/vault/api",
		"pkg/injector/certs: may not reach pkg/vault, the injector never contacts Vault: pkg/injector/certs -> pkg/telemetry -> pkg/vault",
	}, checkDistances(s.tree(t), distances()))
}

func TestStandardOnlyFindsViolations(t *testing.T) {
	s := sources{
		"pkg/lease/lease.go":      pkg("lease", "time", "container/heap", "golang.org/x/time/rate"),
		"pkg/lease/lease_test.go": pkg("lease", "pgregory.net/rapid"),
		"pkg/vault/vault.go":      pkg("vault", "golang.org/x/time/rate"),
	}
	diffViolations(t, []violation{
		"pkg/lease/lease.go:4: pkg/lease uses the standard library only, not golang.org/x/time/rate",
	}, checkStandardOnly(s.tree(t), standardOnly()))
}

func TestLoadReportsBadSource(t *testing.T) {
	s := sources{"pkg/a/a.go": "package a\nfunc {"}
	root := s.files()
	if _, err := load(root); err == nil || err.Error() != "parse: pkg/a/a.go:2:6: expected 'IDENT', found '{'" {
		t.Errorf("error %v", err)
	}
}
