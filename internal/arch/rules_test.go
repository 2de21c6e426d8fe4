package arch

import "slices"

// room is one row of the map: a folder and what it may use of ours.
type room struct {
	dir string   // pattern; the packages of one room may use each other
	use []string // patterns
}

// rooms follows the way of the data: config, auth, vault, lease and secret,
// render, sink; the modes only arrange those. Arrows go down, never up.
func rooms() []room {
	const (
		sensitive = "pkg/sensitive"
		config    = "pkg/config/..."
		section   = "pkg/config" // typed sections, without the agent document
		lease     = "pkg/lease"
		auth      = "pkg/auth"
		vault     = "pkg/vault/..."
		secret    = "pkg/secret"
		render    = "pkg/render/..."
		sinks     = "pkg/sink/..."
		telemetry = "pkg/telemetry/..."
		serve     = "pkg/serve"
		proxy     = "pkg/proxy"
		kube      = "pkg/kube"
		pause     = "pkg/pause"
	)
	core := []string{config, auth, vault, lease, secret, render, sinks, telemetry, sensitive, serve, proxy, kube, pause}
	return []room{
		{dir: sensitive},
		{dir: lease},
		{dir: pause},
		{dir: config, use: []string{sensitive}},
		{dir: telemetry, use: []string{section}},
		{dir: auth, use: []string{sensitive, section}},
		{dir: vault, use: []string{auth, section, lease, sensitive, pause}},
		{dir: secret, use: []string{vault, lease, auth, sensitive}},
		{dir: render, use: []string{secret, sensitive}},
		{dir: "pkg/serve", use: []string{sensitive}},
		{dir: "pkg/proxy", use: []string{vault, lease, auth, sensitive, section}},
		{dir: "pkg/sink/file/...", use: []string{sensitive}},
		{dir: "pkg/sink/process/...", use: []string{sensitive}},
		{dir: "pkg/sink/token", use: []string{sensitive, "pkg/sink/file/..."}},
		{dir: kube, use: []string{sensitive}},
		{dir: "pkg/startup"},
		{dir: "pkg/inventory", use: []string{kube}},
		{dir: "pkg/sink/kubesecret/...", use: []string{sensitive, kube}},

		{dir: "pkg/injector/...", use: []string{config, telemetry, sensitive, serve, kube, pause}},
		{dir: "pkg/preview", use: core},
		{dir: "pkg/agent/...", use: slices.Concat(core, []string{"pkg/startup"})},
		{dir: "pkg/csi/...", use: core},
		{dir: "pkg/operator/...", use: core},
		{dir: "pkg/check/...", use: append(core, "pkg/inventory")},
		// What annotations become is the injector's own answer.
		{dir: "pkg/migrate/...", use: []string{config, kube, "charts", "pkg/inventory", "pkg/injector", "pkg/injector/manifest"}},

		{dir: "cmd/...", use: []string{
			config, telemetry, "pkg/injector/...", "pkg/agent/...", "pkg/preview", "pkg/csi/...", "pkg/operator/...",
			"pkg/check/...", "pkg/migrate/...", kube, "pkg/startup",
		}},
		{dir: "charts"},
		{dir: "internal/arch"},
		{dir: "internal/golden"},
		{dir: "internal/pages"},
		{dir: "internal/chart", use: []string{telemetry}},
		{dir: "internal/testcount"},
		{dir: "internal/fakecloud"},
		{dir: "internal/fakevault/..."},
		{dir: "test/...", use: []string{"..."}},
	}
}

// names narrows what a room may use of an import: only these names.
type names struct {
	dirs    []string // patterns
	use     string   // import path
	allowed []string
}

func narrowed() []names {
	return []names{
		// A store must not log in, or it would do so behind its session's back.
		{dirs: []string{"pkg/secret"}, use: module + "/pkg/auth", allowed: []string{"Token"}},
		// Only the top logs; what lies below it returns errors, and may tell how its
		// types look in a log.
		{dirs: []string{
			"pkg/auth/...", "pkg/config/...", "pkg/inventory", "pkg/kube", "pkg/lease", "pkg/render/...", "pkg/secret/...", "pkg/sensitive", "pkg/sink/...", "pkg/vault/...",
		}, use: "log/slog", allowed: []string{"AnyValue", "GroupValue", "LogValuer", "String", "StringValue", "Value"}},
	}
}

// tests is the pattern of all test files.
const tests = "*_test.go"

// library is a row of the second map: who may import a library. The row with
// the longest matching prefix counts, so an exception is a row of its own.
type library struct {
	prefix string   // of import paths: the path itself or what is below it
	by     []string // patterns of folders or files; none: nobody
	why    string
}

func libraries() []library {
	kubernetes := []string{"pkg/operator/...", "pkg/injector/...", "pkg/migrate/converters_test.go", "test/..."}
	const fewKnow = "only operator and injector know Kubernetes libraries; others ask the API server through pkg/kube"
	return []library{
		{"github.com/spf13/cobra", []string{"cmd/..."}, "only cmd knows cobra"},
		{"github.com/go-json-experiment/json", []string{"pkg/injector/..."}, "reviews and patches only; where nobody waits, encoding/json does"},
		{"github.com/spf13/viper", []string{"pkg/config"}, "only config knows viper"},
		{"github.com/hashicorp/hcl", []string{"pkg/config/..."}, "only config reads HCL"},
		{"k8s.io", kubernetes, fewKnow},
		{"sigs.k8s.io", kubernetes, fewKnow},
		{"sigs.k8s.io/secrets-store-csi-driver/provider", []string{"pkg/csi/...", "test/..."}, "only csi speaks to the driver"},
		{"mvdan.cc/sh", []string{"pkg/sink/process/...", "internal/pages"}, "only sink/process runs commands"},
		{"github.com/hashicorp/vault", nil, "its license does not allow it; the module vault/api does"},
		{"github.com/hashicorp/vault/api", []string{"pkg/auth/...", "pkg/vault/...", "internal/fakevault/...", "test/..."}, "only auth and vault talk to Vault"},
		{"github.com/hashicorp/vault-secrets-operator", nil, "its license does not allow it"},
		{"github.com/hashicorp/consul-template", nil, "pkg/render has a dialect of its own"},
		{"go.opentelemetry.io", []string{tests}, "pkg/telemetry/trace speaks OTLP without the SDK, which costs each process 0.8 ms"},
		{"google.golang.org/grpc", []string{"pkg/csi/...", tests}, "only csi serves gRPC; it is initialized in every process that links it"},
		{"github.com/stretchr/testify", nil, "tests use testing and go-cmp"},
		{"log", []string{tests}, "log/slog is our logger"},
		{"log/slog", []string{"..."}, "narrowed says who logs"},
		{module + "/test/lab", []string{"test/...", "internal/fakevault/conformance/real_test.go"}, "real servers are started only below test/"},
	}
}

// distance is a rule about the whole way: from may not reach to, not even
// through other packages of ours.
type distance struct {
	from, to string // to: a folder of ours or a prefix of import paths
	why      string
}

func distances() []distance {
	const noClient = "the injector never contacts Vault"
	return []distance{
		{"pkg/injector/...", "github.com/hashicorp/vault/api", noClient},
		{"pkg/injector/...", module + "/pkg/vault", noClient},
		{"pkg/injector/...", module + "/pkg/auth", noClient},
	}
}

// standardOnly lists rooms that use nothing but the standard library.
func standardOnly() []string {
	return []string{"pkg/lease", "pkg/pause", "pkg/sensitive", "internal/fakecloud", "internal/fakevault", "internal/testcount"}
}
