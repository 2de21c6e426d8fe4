package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/vaultk8s/vaultk8s/internal/golden"
)

// The names of keys, variables and flags are a promise to users.
func TestKeysGolden(t *testing.T) {
	var b strings.Builder
	for _, k := range Keys() {
		fmt.Fprintf(&b, "%s\n  type %s, default %q, flag %q\n  env %s\n  %s\n", k.Key, k.Type, k.Default, k.Flag, strings.Join(k.Env, " "), k.Effect)
	}
	golden.Compare(t, []byte(b.String()), "testdata/keys.golden")
}

func TestSettingsGolden(t *testing.T) {
	c, err := Load(LoadOptions{File: "testdata/full.yaml", LookupEnv: env(map[string]string{"VAULT_CLIENT_TIMEOUT": "90"})})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range c.Settings() {
		fmt.Fprintf(&b, "%s=%q from %s\n", s.Key, s.Value, s.Source)
	}
	golden.Compare(t, []byte(b.String()), "testdata/settings.golden")
}

func TestKeysAreWellFormed(t *testing.T) {
	seen := map[string]string{}
	once := func(name, key string) {
		if other, ok := seen[name]; ok {
			t.Errorf("%q belongs to %s and %s", name, other, key)
		}
		seen[name] = key
	}
	for _, k := range keys() {
		once(k.Key, k.Key)
		if k.Flag != "" {
			once("--"+k.Flag, k.Key)
		}
		for _, name := range k.Env {
			once(name, k.Key)
		}
		if (k.read == nil) == (k.decode == nil) {
			t.Errorf("%s: exactly one of read and decode must be set", k.Key)
		}
		if k.Effect == "" || strings.HasSuffix(k.Effect, ".") {
			t.Errorf("%s: effect %q", k.Key, k.Effect)
		}
		if k.read != nil && k.Default != "" {
			if _, err := k.read(&Config{}, k.Default); err != nil {
				t.Errorf("%s: default: %v", k.Key, err)
			}
		}
	}
}

func TestSettingsAreACopy(t *testing.T) {
	c, err := Load(LoadOptions{LookupEnv: env(nil)})
	if err != nil {
		t.Fatal(err)
	}
	c.Settings()[0].Value = "changed"
	if c.Settings()[0].Value != "https://127.0.0.1:8200" {
		t.Error("a caller can change the settings")
	}
}

func TestAddFlagsTakesOnlyTheNamedSections(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags, "log", "agent")
	var got []string
	flags.VisitAll(func(f *pflag.Flag) { got = append(got, f.Name+"="+f.DefValue) })
	want := []string{
		"exit-after-auth=false", "log-file=", "log-format=text", "log-level=info",
		"log-rotate-bytes=0", "log-rotate-duration=24h", "log-rotate-max-files=0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHoldsSecret(t *testing.T) {
	cases := map[string]bool{
		"role": false, "token_path": false, "role_id_file_path": false, "password_file": false, "region": false,
		"secret_id": true, "Password": true, "access_key": true, "session_token": true, "credentials": true, "nonce": true, "jwt": true,
	}
	for name, want := range cases {
		if got := holdsSecret(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
