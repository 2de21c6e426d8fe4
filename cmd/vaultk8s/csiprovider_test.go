package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// TestFlagsOfTheOldProviders gives every flag of the old provider, with one dash,
// and looks at what it comes to.
func TestFlagsOfTheOldProviders(t *testing.T) {
	for _, name := range []string{"vault", "openbao"} {
		t.Run(name, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(`csi-provider -endpoint=/provider/vault.sock -log-level=debug -debug=false -health-addr=:9999
				-hmac-secret-name=hmac -cache-size=0 -NAME-addr=https://v:1 -NAME-mount=k8s -NAME-namespace=ns -NAME-tls-ca-cert=/ca -NAME-tls-ca-directory=/cas
				-NAME-tls-server-name=sni -NAME-tls-client-cert=/c -NAME-tls-client-key=/k -NAME-tls-skip-verify=true -output json`, "NAME", name))
			c := newCSIProviderCommand()
			if err := c.ParseFlags(doubleDashes(args)[1:]); err != nil {
				t.Fatal(err)
			}
			got, err := config.Load(config.LoadOptions{Flags: c.Flags(), LookupEnv: func(string) (string, bool) { return "", false }})
			if err != nil {
				t.Fatal(err)
			}
			want := config.Vault{
				Address: "https://v:1", Namespace: "ns", CACert: "/ca", CAPath: "/cas", TLSServerName: "sni", ClientCert: "/c", ClientKey: "/k",
				TLSSkipVerify: true, Timeout: got.Vault.Timeout,
			}
			if diff := cmp.Diff(want, got.Vault); diff != "" {
				t.Error(diff)
			}
			if c := got.CSI; c.AuthMount != "k8s" || c.Endpoints[0] != "/provider/vault.sock" || c.HealthAddress != ":9999" || c.HMACSecret != "hmac" || c.CacheSize != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// TestD11DebugHasAnEffect: and the level keeps the old words.
func TestD11DebugHasAnEffect(t *testing.T) {
	cases := map[string]struct {
		args  []string
		level string
		quiet bool
	}{
		"none":          {nil, "info", false},
		"debug":         {[]string{"--debug"}, "debug", false},
		"level wins":    {[]string{"--debug", "--log-level=warn"}, "warn", false},
		"trace":         {[]string{"--log-level=trace"}, "trace", false},
		"off":           {[]string{"--log-level=off"}, "error", true},
		"unknown":       {[]string{"--log-level=loud"}, "info", false},
		"other letters": {[]string{"--log-level=DEBUG"}, "DEBUG", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCSIProviderCommand()
			if err := c.ParseFlags(tc.args); err != nil {
				t.Fatal(err)
			}
			debug, _ := c.Flags().GetBool("debug")
			quiet, err := oldLevel(c.Flags(), debug)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Flags().Lookup("log-level").Value.String(); got != tc.level || quiet != tc.quiet {
				t.Errorf("level %q, quiet %v", got, quiet)
			}
		})
	}
}

func TestVersionOfTheCSIProvider(t *testing.T) {
	for form, begin := range map[string]string{"json": `{"goVersion":`, "json-pretty": "{\n  \"goVersion\":", "yaml": "goVersion: "} {
		var out bytes.Buffer
		c := newRootCommand()
		c.SetOut(&out)
		c.SetArgs(doubleDashes([]string{"csi-provider", "-version", "-output", form}))
		if err := c.Execute(); err != nil || !strings.HasPrefix(out.String(), begin) {
			t.Errorf("%s: %q %v", form, out.String(), err)
		}
	}
	c := newRootCommand()
	c.SetArgs(doubleDashes([]string{"csi-provider", "-version", "-output=toml"}))
	if err := c.Execute(); err == nil || err.Error() != `output "toml" is unknown: use json, json-pretty or yaml` {
		t.Error(err)
	}
}

func TestCSIProviderRefuses(t *testing.T) {
	c := newRootCommand()
	c.SetArgs(doubleDashes([]string{"csi-provider", "-share=all", "-endpoint=/nothing/v.sock"}))
	if err := c.Execute(); err == nil || err.Error() != `flag --share: key "csi.share": "all" is none of service-account, pod` {
		t.Error(err)
	}
}
