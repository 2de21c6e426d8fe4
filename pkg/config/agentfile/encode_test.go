package agentfile

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func roundTrip(t fataler, doc *Document) {
	t.Helper()
	out, err := Encode(doc)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	again, warnings, err := Decode("f", out)
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, out)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	if diff := cmp.Diff(doc, again); diff != "" {
		t.Errorf("-document +decoded\n%s\n%s", diff, out)
	}
}

// What the old injector wrote comes out as it went in.
func TestEncodeWritesWhatTheInjectorWrote(t *testing.T) {
	src, err := os.ReadFile(filepath.Join("testdata", "injected.json"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := Encode(decode(t, "f", src))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, src), tree(t, out)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func tree(t *testing.T, src []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(src, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEncodeOfANewDocument(t *testing.T) {
	doc := New()
	doc.Vault = &Vault{}
	doc.Templates = []Template{{Contents: "<&>", Destination: "/x"}}
	out, err := Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"exit_after_auth":false,` +
		`"template":[{"command_timeout":"0s","contents":"<&>","create_dest_dirs":false,"destination":"/x","error_fatal":false,"left_delimiter":"","right_delimiter":""}],` +
		`"template_config":{"exit_on_retry_failure":false},"vault":{"address":""}}`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeRefusesWhatJSONCannotHold(t *testing.T) {
	doc := New()
	doc.Telemetry = map[string]any{"disable_hostname": func() {}}
	if _, err := Encode(doc); err == nil || err.Error() != "encode agent document: json: unsupported type: func()" {
		t.Errorf("got %v", err)
	}
}

var (
	anyText = rapid.StringMatching(`[a-z/{}<>" ,']{0,8}`)
	filled  = rapid.StringMatching(`[a-z/_]{1,8}`)
	name    = rapid.StringMatching(`[A-Z_]{1,8}`)
	spans   = rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "ns")) })
	modes   = rapid.Custom(func(t *rapid.T) fs.FileMode { return fs.FileMode(rapid.Uint32Range(0, 0o777).Draw(t, "mode")) })
	tokens  = rapid.SampledFrom([]string{"", UseTokenTrue, UseTokenFalse, UseTokenForce})
	ids     = rapid.Ptr(rapid.IntRange(0, 70000), true)
	someOf  = rapid.Custom(func(t *rapid.T) []string { return nonEmpty(rapid.SliceOfN(filled, 0, 3).Draw(t, "list")) })
	anyBool = rapid.Bool()
)

func nonEmpty[T any](all []T) []T {
	if len(all) == 0 {
		return nil
	}
	return all
}

var templates = rapid.Custom(func(t *rapid.T) Template {
	one := Template{
		Source: anyText.Draw(t, "source"), Contents: rapid.String().Draw(t, "contents"), Destination: anyText.Draw(t, "destination"),
		CreateDestDirs: anyBool.Draw(t, "dirs"), Command: someOf.Draw(t, "command"), CommandTimeout: spans.Draw(t, "timeout"),
		ErrorOnMissingKey: anyBool.Draw(t, "missing"), ErrorFatal: anyBool.Draw(t, "fatal"), Perms: rapid.Ptr(modes, true).Draw(t, "perms"),
		User: anyText.Draw(t, "user"), Group: anyText.Draw(t, "group"), Backup: anyBool.Draw(t, "backup"),
		LeftDelim: filled.Draw(t, "left"), RightDelim: filled.Draw(t, "right"), SandboxPath: anyText.Draw(t, "sandbox"), FunctionDenylist: someOf.Draw(t, "deny"),
	}
	if anyBool.Draw(t, "wait?") {
		one.Wait = &Wait{Min: spans.Draw(t, "min"), Max: 1 + spans.Draw(t, "max")}
	}
	if anyBool.Draw(t, "exec?") {
		one.Exec = &TemplateExec{
			Command: someOf.Draw(t, "exec"), Timeout: spans.Draw(t, "exec timeout"), Enabled: rapid.Ptr(anyBool, true).Draw(t, "enabled"),
			KillSignal: anyText.Draw(t, "kill"), KillTimeout: spans.Draw(t, "kill timeout"), ReloadSignal: anyText.Draw(t, "reload"), Splay: spans.Draw(t, "splay"),
			Env: CommandEnv{Pristine: anyBool.Draw(t, "pristine"), Custom: someOf.Draw(t, "custom"), Allowlist: someOf.Draw(t, "allow"), Denylist: someOf.Draw(t, "deny env")},
		}
	}
	return one
})

var sinks = rapid.Custom(func(t *rapid.T) Sink {
	return Sink{
		Type: filled.Draw(t, "type"), WrapTTL: spans.Draw(t, "wrap"), DHType: anyText.Draw(t, "dh type"), DHPath: anyText.Draw(t, "dh path"),
		DeriveKey: anyBool.Draw(t, "derive"), AAD: anyText.Draw(t, "aad"), AADEnvVar: anyText.Draw(t, "aad env"), Path: anyText.Draw(t, "path"),
		Mode: modes.Draw(t, "mode"), UID: ids.Draw(t, "uid"), GID: ids.Draw(t, "gid"),
	}
})

var methods = rapid.Custom(func(t *rapid.T) Method {
	return Method{
		Type: filled.Draw(t, "type"), MountPath: "auth/" + name.Draw(t, "mount"), Namespace: anyText.Draw(t, "namespace"),
		WrapTTL: spans.Draw(t, "wrap"), MinBackoff: spans.Draw(t, "min"), MaxBackoff: spans.Draw(t, "max"), ExitOnErr: anyBool.Draw(t, "exit"),
		Config: rapid.MapOfN(filled, anyText, 1, 3).Draw(t, "config"),
	}
})

var autoAuths = rapid.Custom(func(t *rapid.T) *AutoAuth {
	return &AutoAuth{
		Method:                 methods.Draw(t, "method"),
		Sinks:                  nonEmpty(rapid.SliceOfN(sinks, 0, 2).Draw(t, "sinks")),
		ReauthOnNewCredentials: anyBool.Draw(t, "reauth"),
	}
})

var identities = rapid.Custom(func(t *rapid.T) Identity {
	return Identity{Name: filled.Draw(t, "name"), Vault: maybe(t, "vault", vaults), Method: methods.Draw(t, "method")}
})

var listeners = rapid.Custom(func(t *rapid.T) Listener {
	return Listener{
		Type: filled.Draw(t, "type"), Address: filled.Draw(t, "address"), TLSDisable: anyBool.Draw(t, "plain"), TLSCertFile: anyText.Draw(t, "cert"),
		TLSKeyFile: anyText.Draw(t, "key"), TLSMinVersion: anyText.Draw(t, "min"), TLSMaxVersion: anyText.Draw(t, "max"), TLSCipherSuites: someOf.Draw(t, "suites"),
		TLSClientCAFile: anyText.Draw(t, "ca"), RequireClientCert: anyBool.Draw(t, "require"), DisableClientCerts: anyBool.Draw(t, "disable"),
		SocketMode: anyText.Draw(t, "mode"), SocketUser: anyText.Draw(t, "user"), SocketGroup: anyText.Draw(t, "group"),
		RequireRequestHeader: anyBool.Draw(t, "header"), Role: anyText.Draw(t, "role"), EnableQuit: anyBool.Draw(t, "quit"),
	}
})

var envTemplates = rapid.Custom(func(t *rapid.T) EnvTemplate {
	return EnvTemplate{
		Name: name.Draw(t, "name"), Source: anyText.Draw(t, "source"), Contents: rapid.String().Draw(t, "contents"),
		ErrorOnMissingKey: anyBool.Draw(t, "missing"), ErrorFatal: anyBool.Draw(t, "fatal"),
		LeftDelim: filled.Draw(t, "left"), RightDelim: filled.Draw(t, "right"), FunctionDenylist: someOf.Draw(t, "deny"),
		Identity: anyText.Draw(t, "identity"),
	}
})

var caches = rapid.Custom(func(t *rapid.T) *Cache {
	return &Cache{
		UseAutoAuthToken: tokens.Draw(t, "use"), EnforceConsistency: anyText.Draw(t, "enforce"), WhenInconsistent: anyText.Draw(t, "when"),
		Persist: rapid.Ptr(rapid.Custom(func(t *rapid.T) Persist {
			return Persist{
				Type: filled.Draw(t, "type"), Path: anyText.Draw(t, "path"), KeepAfterImport: anyBool.Draw(t, "keep"), ExitOnErr: anyBool.Draw(t, "exit"),
				ServiceAccountTokenFile: anyText.Draw(t, "token"),
			}
		}), true).Draw(t, "persist"),
	}
})

var vaults = rapid.Custom(func(t *rapid.T) *Vault {
	return &Vault{
		Address: anyText.Draw(t, "address"), CACert: anyText.Draw(t, "ca cert"), CAPath: anyText.Draw(t, "ca path"), ClientCert: anyText.Draw(t, "cert"),
		ClientKey: anyText.Draw(t, "key"), TLSSkipVerify: anyBool.Draw(t, "skip"), TLSServerName: anyText.Draw(t, "sni"), Namespace: anyText.Draw(t, "ns"),
		NumRetries: rapid.IntRange(-1, 100).Draw(t, "retries"),
	}
})

// maybe draws nil as often as a value.
func maybe[T any](t *rapid.T, label string, g *rapid.Generator[*T]) *T {
	if !anyBool.Draw(t, label+"?") {
		return nil
	}
	return g.Draw(t, label)
}

var documents = rapid.Custom(func(t *rapid.T) *Document {
	return &Document{
		Vault: maybe(t, "vault", vaults), AutoAuth: maybe(t, "auto_auth", autoAuths), Cache: maybe(t, "cache", caches),
		APIProxy: maybe(t, "api_proxy", rapid.Custom(func(t *rapid.T) *APIProxy {
			return &APIProxy{UseAutoAuthToken: tokens.Draw(t, "use"), PrependConfiguredNamespace: anyBool.Draw(t, "prepend")}
		})),
		Exec: maybe(t, "exec", rapid.Custom(func(t *rapid.T) *Exec {
			return &Exec{Command: someOf.Draw(t, "command"), RestartOnChange: filled.Draw(t, "restart"), RestartStopSignal: anyText.Draw(t, "signal"), Stdout: anyText.Draw(t, "out")}
		})),
		Identities:   nonEmpty(rapid.SliceOfN(identities, 0, 2).Draw(t, "identities")),
		Listeners:    nonEmpty(rapid.SliceOfN(listeners, 0, 2).Draw(t, "listeners")),
		Templates:    nonEmpty(rapid.SliceOfN(templates, 0, 2).Draw(t, "templates")),
		EnvTemplates: nonEmpty(rapid.SliceOfN(envTemplates, 0, 2).Draw(t, "env templates")),
		TemplateConfig: TemplateConfig{
			ExitOnRetryFailure: anyBool.Draw(t, "exit"), StaticSecretRenderInterval: 1 + spans.Draw(t, "interval"),
			MaxConnectionsPerHost: rapid.IntRange(1, 99).Draw(t, "connections"), LeaseRenewalThreshold: rapid.Float64Range(0.01, 0.99).Draw(t, "threshold"),
		},
		Telemetry: rapid.SampledFrom([]map[string]any{
			nil, {"disable_hostname": false, "maximum_gauge_cardinality": int64(7)}, {"prefix_filter": []string{"+a", "-b"}, "usage_gauge_period": "1m0s"},
		}).Draw(t, "telemetry"),
		Log: Log{
			Level: anyText.Draw(t, "level"), Format: anyText.Draw(t, "format"), File: anyText.Draw(t, "file"), RotateBytes: rapid.IntRange(0, 1<<40).Draw(t, "bytes"),
			RotateDuration: spans.Draw(t, "rotate"), RotateMaxFiles: rapid.IntRange(-1, 9).Draw(t, "files"),
		},
		PIDFile: anyText.Draw(t, "pid"), ExitAfterAuth: anyBool.Draw(t, "once"), RevokeOnShutdown: anyBool.Draw(t, "revoke"),
		ReloadOnChange:         rapid.Ptr(anyBool, true).Draw(t, "reload"),
		DisableIdleConnections: someOf.Draw(t, "idle"), DisableKeepAlives: someOf.Draw(t, "alive"),
	}
})

func TestEncodeThenDecodeGivesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { roundTrip(t, documents.Draw(t, "document")) })
}

func FuzzDecode(f *testing.F) {
	for _, file := range []string{"configmap.hcl", "injected.json", "full.hcl", "process.hcl"} {
		src, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	for _, seed := range []string{"a = <<-X\nX", "a = <<X\n", "a = 0x", "a \"b\" \"c\" {}", "a.b = [1, {c = 2}]", `{"template": [[{"contents": null}]]}`, "env_template \"A\" { identity = \"b\" }", `{"a":1}{`, "a = -1e400"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, _, err := Decode("f", src)
		if err != nil {
			if err.Error() == "" || doc != nil {
				t.Errorf("document %v, error %q", doc, err)
			}
			return
		}
		_ = doc.Validate()
		if lines := Diff(doc, doc); len(lines) > 0 {
			t.Errorf("a document differs from itself: %q", lines)
		}
		_ = Diff(New(), doc)
		if utf8.Valid(src) {
			settles(t, doc)
		}
	})
}

// settles checks that what was written once is read and written the same ever after.
func settles(t *testing.T, doc *Document) {
	first, err := Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := Decode("f", first)
	if err != nil {
		t.Fatalf("%v\n%s", err, first)
	}
	second, err := Encode(again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("first %s\nthen  %s", first, second)
	}
}
