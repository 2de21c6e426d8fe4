package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// oldFlags are flags of the Vault Agent beyond those of the settings. Command
// lines of users have them, so they are taken; help does not list them.
type oldFlags struct {
	headers []string // name=value, sent with every request
}

func (o *oldFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.headers, "header", nil, "")
	// What follows is about output, input or requests that an agent does not have.
	for _, name := range []string{"combine-logs", "disable-gated-logs", "disable-redirects", "non-interactive", "policy-override"} {
		flags.Bool(name, false, "")
		o.hide(flags, name)
	}
	for _, name := range []string{"agent-address", "mfa", "unlock-key", "wrap-ttl"} {
		flags.StringArray(name, nil, "")
		o.hide(flags, name)
	}
	o.hide(flags, "header")
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "ns" {
			name = "namespace"
		}
		return pflag.NormalizedName(name)
	})
}

func (o *oldFlags) hide(flags *pflag.FlagSet, name string) {
	if err := flags.MarkHidden(name); err != nil {
		panic(err) // the flag was just added
	}
}

// apply adds the headers to those of the settings.
func (o *oldFlags) apply(c *config.Config) error {
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return fmt.Errorf("flag -header: %q is not NAME=VALUE", name)
		}
		c.Vault.Headers = append(c.Vault.Headers, config.Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	return nil
}
