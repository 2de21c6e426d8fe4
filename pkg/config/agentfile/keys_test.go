package agentfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyBlock opens each block once.
const everyBlock = `
vault { retry {} }
auto_auth {
  method "jwt" { config {} }
  sink "file" { config {} }
}
identity "a" {
  vault { retry {} }
  method "jwt" {}
}
api_proxy {}
cache { persist "kubernetes" {} }
listener "tcp" { agent_api {} }
template {
  wait {}
  exec { env {} }
  keystore {}
  kubernetes_secret {}
}
template_config {}
env_template "A" {}
exec {}
telemetry {}
`

// offers returns the paths of all keys that the decoder looks for.
func offers(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	d := &decoder{offered: func(path string, known readers) {
		for name := range known {
			found[strings.TrimPrefix(path+"."+name, ".")] = true
		}
	}}
	d.decode(New(), "f", []byte(everyBlock))
	if err := d.problems.Err(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for path := range found {
		if !strings.HasPrefix(path, "identity.vault.") && !strings.HasPrefix(path, "identity.method.") {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return all
}

// What the decoder reads and what the table describes is the same.
func TestKeysAreWhatIsDecoded(t *testing.T) {
	var described []string
	for _, k := range Keys() {
		described = append(described, k.Path)
	}
	slices.Sort(described)
	if diff := cmp.Diff(offers(t), described); diff != "" {
		t.Errorf("-decoded +described\n%s", diff)
	}
}

// An identity takes the keys of the blocks that the table refers to.
func TestKeysOfAnIdentityAreThoseOfItsBlocks(t *testing.T) {
	keys := map[string][]string{}
	d := &decoder{offered: func(path string, known readers) { keys[path] = slices.Sorted(maps.Keys(known)) }}
	d.decode(New(), "f", []byte(everyBlock))
	for of, block := range map[string]string{"identity.vault": "vault", "identity.method": "auto_auth.method"} {
		if diff := cmp.Diff(keys[block], keys[of]); diff != "" || len(keys[of]) == 0 {
			t.Errorf("%s and %s differ:\n%s", block, of, diff)
		}
	}
}

// labels are what stands between the name of a block and its brace.
func labels() map[string]string {
	return map[string]string{
		"auto_auth.method": ` "kubernetes"`, "auto_auth.sink": ` "file"`, "auto_auth.sinks": ` "file"`, "identity": ` "other"`,
		"env_template": ` "NAME"`, "listener": ` "tcp"`, "cache.persist": ` "kubernetes"`, "identity.method": ` "jwt"`,
	}
}

// within writes a key with the blocks around it, and what those require.
func within(k KeyDoc, value string) string {
	src := k.Name() + labels()[k.Path] + " = " + value
	if k.Type == "block" || k.Type == "blocks" {
		src = k.Name() + labels()[k.Path] + " " + required(k.Path, k.Name())
	}
	for inner := k; inner.Block() != ""; {
		outer := KeyDoc{Path: inner.Block()}
		src = fmt.Sprintf("%s%s {\n%s\n%s}", outer.Name(), labels()[outer.Path], src, strings.Trim(required(outer.Path, inner.Name()), "{}"))
		inner = outer
	}
	return src + "\n"
}

// required is the least that a block must hold besides the key that it is for.
func required(block, besides string) string {
	if (block == "auto_auth" || block == "identity") && besides != "method" {
		return "{\nmethod \"kubernetes\" {}\n}"
	}
	return "{}"
}

func TestExamplesDecodeAndHaveAnEffect(t *testing.T) {
	for _, k := range Keys() {
		src := within(k, k.Example)
		doc, warnings, err := Decode("f", []byte(src))
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %v\n%s", k.Path, err, warnings, src)
			continue
		}
		if k.Type == "block" || k.Type == "blocks" {
			continue
		}
		plain, _, err := Decode("f", []byte(strings.Replace(src, k.Name()+" = "+k.Example, "", 1)))
		if err != nil {
			t.Errorf("%s: %v\n%s", k.Path, err, src)
			continue
		}
		if said := cmp.Diff(plain, doc); said == "" && !labelSaysIt(k) {
			t.Errorf("%s: the example %s says nothing: choose one that is not the default", k.Path, k.Example)
		}
	}
}

// labelSaysIt tells keys that stand for the label that the test writes anyway.
func labelSaysIt(k KeyDoc) bool {
	return k.Name() == "type" && labels()[k.Block()] != ""
}

// A default that is written says the same as nothing, where the decoder knows it.
// The others are known to those who use the document.
func TestDefaultsAreTheDefaults(t *testing.T) {
	elsewhere := strings.Fields(`
		reload_on_change log_level log_format log_rotate_duration vault.address auto_auth.method.mount_path
		auto_auth.method.min_backoff auto_auth.method.max_backoff template.format template.keystore.alias
		cache.use_auto_auth_token cache.enforce_consistency cache.when_inconsistent
		api_proxy.use_auto_auth_token api_proxy.enforce_consistency api_proxy.when_inconsistent
		listener.tls_min_version listener.tls_max_version listener.role
		telemetry.disable_hostname telemetry.prometheus_retention_time telemetry.filter_default`)
	for _, k := range Keys() {
		if k.Default == "" {
			continue
		}
		value := k.Default
		if k.Type == "string" || k.Type == "duration" {
			value = fmt.Sprintf("%q", k.Default)
		}
		said, _, err := Decode("f", []byte(within(k, value)))
		silent, _, silentErr := Decode("f", []byte(strings.Replace(within(k, value), k.Name()+" = "+value, "", 1)))
		if err := errors.Join(err, silentErr); err != nil {
			t.Errorf("%s: %v", k.Path, err)
			continue
		}
		if same := cmp.Diff(silent, said) == ""; same == slices.Contains(elsewhere, k.Path) {
			t.Errorf("%s: written, the default %s changes nothing: %v", k.Path, k.Default, same)
		}
	}
}

func TestKeysAreDescribedInOneWay(t *testing.T) {
	types := strings.Fields("string bool int number duration mode list map block blocks")
	for _, k := range Keys() {
		switch {
		case k.Path == "" || k.Effect == "" || k.Example == "":
			t.Errorf("%+v: something is missing", k)
		case strings.HasSuffix(k.Effect, ".") || strings.ToLower(k.Effect[:1]) != k.Effect[:1] && !strings.HasPrefix(k.Effect, "URL") && !strings.HasPrefix(k.Effect, "HOST") && !strings.HasPrefix(k.Effect, "POST") && !strings.HasPrefix(k.Effect, "Vault"):
			t.Errorf("%s: %q: lower case, without a period", k.Path, k.Effect)
		case !slices.Contains(types, k.Type):
			t.Errorf("%s: type %q", k.Path, k.Type)
		case strings.ContainsAny(k.Effect, "|\n"):
			t.Errorf("%s: %q breaks a table", k.Path, k.Effect)
		}
	}
}
