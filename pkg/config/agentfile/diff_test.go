package agentfile

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	const before = `
log_level = "info"
vault { address = "https://u:canary@a:8200" }
auto_auth {
  method "approle" { config {
    role = "a"
    secret_id_file_path = "/a"
    secret_id = "canary"
    token = "canary-same"
  } }
  sink "file" { config { path = "/home/vault/.vault-token" } }
  sink "file" { config { path = "/kept" mode = 0600 } }
}
identity "x" { method "jwt" { config { nonce = "canary" } } }
cache {}
listener "tcp" { address = "127.0.0.1:1" tls_disable = true }
template { contents = "canary" destination = "/vault/secrets/db" perms = "0400" command = "canary" }
template { contents = "b" destination = "/gone" }
template { contents = "1" destination = "/twice" }
template { contents = "2" destination = "/twice" }
env_template "A" { contents = "a" }
exec { command = "canary a" }
telemetry { circonus_api_token = "canary" prefix_filter = ["a"] }
`
	const after = `
log_level = "debug"
disable_keep_alives = ["caching"]
vault { address = "https://u:other-canary@b:8200" retry { num_retries = 3 } }
auto_auth {
  method "approle" { min_backoff = "2s" config {
    role = "b"
    secret_id_file_path = "/b"
    secret_id = "other canary"
    token = "canary-same"
    password = "canary"
  } }
  sink "file" { config { path = "/kept" mode = 0640 uid = 5 } }
}
identity "x" { method "jwt" { config { nonce = "canary2" } } }
identity "y" { method "jwt" {} }
listener "tcp" { address = "127.0.0.1:1" tls_disable = true agent_api { enable_quit = true } }
template { contents = "new" destination = "/x" }
template { contents = "canary 2" destination = "/vault/secrets/db" perms = "0440" command = ["canary", "2"] wait { min = 5 } }
template { contents = "1" destination = "/twice" }
template { contents = "3" destination = "/twice" }
env_template "A" { contents = "b" error_fatal = false identity = "y" }
exec { command = "canary b" }
telemetry { circonus_api_token = "canary 2" prefix_filter = ["a", "b"] }
`
	want := []string{
		`vault.address: "https://u:xxxxx@a:8200" -> "https://u:xxxxx@b:8200"`,
		`vault.retry: added`,
		`auto_auth.method.min_backoff: 1s (default) -> "2s"`,
		`auto_auth.method.config.password changed`,
		`auto_auth.method.config.role: "a" -> "b"`,
		`auto_auth.method.config.secret_id changed`,
		`auto_auth.method.config.secret_id_file_path: "/a" -> "/b"`,
		`sink "/kept": config.mode: 0600 -> 0640 (default)`,
		`sink "/kept": config.uid: not set -> 5`,
		`sink "/home/vault/.vault-token": removed`,
		`identity "x": method.config.nonce changed`,
		`identity "y": added`,
		`template "/x": added`,
		`template "/vault/secrets/db": contents changed`,
		`template "/vault/secrets/db": perms: "0400" -> "0440"`,
		`template "/vault/secrets/db": command changed`,
		`template "/vault/secrets/db": wait: added`,
		`template "/twice" (2): contents changed`,
		`template "/gone": removed`,
		`env_template "A": contents changed`,
		`env_template "A": identity: not set -> "y"`,
		`env_template "A": error_fatal: true (default) -> false`,
		`exec.command changed`,
		`cache: removed`,
		`listener "127.0.0.1:1": agent_api: added`,
		`telemetry.prefix_filter: ["a"] -> ["a" "b"]`,
		`telemetry.circonus_api_token changed`,
		`disable_keep_alives: not set -> ["caching"]`,
		`log_level: "info" -> "debug"`,
	}
	got := Diff(decode(t, "old", []byte(before)), decode(t, "new", []byte(after)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if strings.Contains(strings.Join(got, "\n"), "canary") {
		t.Error("a secret is shown")
	}
}

func TestDiffOfTheSame(t *testing.T) {
	src := "template { contents = \"a\" destination = \"/a\" }\ntemplate { contents = \"b\" destination = \"/b\" }\n"
	swapped := "template { contents = \"b\" destination = \"/b\" }\ntemplate { contents = \"a\" destination = \"/a\" }\n"
	for _, other := range []string{src, swapped} {
		if got := Diff(decode(t, "f", []byte(src)), decode(t, "f", []byte(other))); len(got) > 0 {
			t.Errorf("got %q", got)
		}
	}
}

func TestDiffOfLongTexts(t *testing.T) {
	old, changed := New(), New()
	changed.PIDFile = strings.Repeat("x", longest+1)
	if diff := cmp.Diff([]string{"pid_file changed"}, Diff(old, changed)); diff != "" {
		t.Error(diff)
	}
}

// Whatever can be said in a document makes a line when it changes: a field that
// Encode or Diff forgets is found here.
func TestDiffForgetsNoField(t *testing.T) {
	var whole Document
	paths := fill(reflect.ValueOf(&whole).Elem(), "Document")
	if len(paths) < 100 {
		t.Fatalf("only %d fields", len(paths))
	}
	for i, path := range paths {
		var changed Document
		fill(reflect.ValueOf(&changed).Elem(), "Document")
		change(reflect.ValueOf(&changed).Elem(), new(int), i)
		if lines := Diff(&whole, &changed); len(lines) == 0 {
			t.Errorf("a change of %s makes no line", path)
		}
	}
}

// fill sets every field to something that is no default, and names the leaves.
func fill(v reflect.Value, path string) []string {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), path)
	case reflect.Struct:
		var all []string
		for i := range v.NumField() {
			all = append(all, fill(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
		return all
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fill(v.Index(0), path+"[0]")
	case reflect.Map:
		name, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		name.SetString("disable_hostname")
		if value.Kind() == reflect.Interface {
			value.Set(reflect.ValueOf("text"))
		} else {
			fill(value, path)
		}
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(name, value)
	default:
		set(v, 2)
	}
	return []string{path}
}

func set(v reflect.Value, n int64) {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		v.SetInt(n * 3e9)
	case v.CanInt():
		v.SetInt(n + 1)
	case v.CanUint():
		v.SetUint(uint64(n) + 1)
	case v.CanFloat():
		v.SetFloat(float64(n) / 10)
	case v.Kind() == reflect.Bool:
		v.SetBool(n == 2)
	default:
		v.SetString(fmt.Sprintf("text%d", n))
	}
}

// change changes the leaf with that number, in the order of fill.
func change(v reflect.Value, at *int, number int) {
	switch v.Kind() {
	case reflect.Pointer:
		change(v.Elem(), at, number)
		return
	case reflect.Struct:
		for i := range v.NumField() {
			change(v.Field(i), at, number)
		}
		return
	case reflect.Slice:
		change(v.Index(0), at, number)
		return
	}
	if *at == number {
		if v.Kind() == reflect.Map {
			v.SetMapIndex(reflect.ValueOf("disable_hostname"), reflect.Zero(v.Type().Elem()))
		} else {
			set(v, 3)
		}
	}
	*at++
}
