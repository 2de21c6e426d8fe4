// Command vault is a real HashiCorp Vault server (the core, HTTP handler and
// plugins of module github.com/hashicorp/vault, unmodified) with only the
// plugins that a Kubernetes secrets project needs. It is a test tool: it starts
// initialized and unsealed, with a root token of the caller's choice.
//
// It differs from `vault server -dev` in four ways: it carries few plugins (so
// it builds quickly), it can keep its storage on disk (-data) so that a test can
// kill and restart it, it can serve TLS with given files, and it writes its
// unseal key to a file so that a test can seal and unseal it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

type options struct {
	listen, token    string
	data, keyFile    string
	tlsCert, tlsKey  string
	level, readyFile string
	defTTL, maxTTL   time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8200", "address to serve the API on; port 0 picks one")
	flag.StringVar(&o.token, "root-token", "root", "root token")
	flag.StringVar(&o.data, "data", "", "keep storage in this directory, so that a restart finds it; empty: in memory")
	flag.StringVar(&o.keyFile, "key-file", "", "write the base64 unseal key to this file; default with -data: unseal.key in it")
	flag.StringVar(&o.tlsCert, "tls-cert", "", "serve TLS with this certificate file")
	flag.StringVar(&o.tlsKey, "tls-key", "", "key of -tls-cert")
	flag.StringVar(&o.level, "log-level", "warn", "log level")
	flag.StringVar(&o.readyFile, "ready-file", "", "write the API's URL to this file once unsealed and serving")
	flag.DurationVar(&o.defTTL, "default-lease-ttl", 0, "system default lease TTL")
	flag.DurationVar(&o.maxTTL, "max-lease-ttl", 0, "system max lease TTL")
	showVersion := flag.Bool("version", false, "print Vault's version")
	flag.Parse()
	if *showVersion {
		fmt.Println(moduleVersion())
		return
	}
	if o.keyFile == "" && o.data != "" {
		o.keyFile = filepath.Join(o.data, "unseal.key")
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

// moduleVersion is the version of module github.com/hashicorp/vault compiled in.
func moduleVersion() string {
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, d := range bi.Deps {
			if d.Path == "github.com/hashicorp/vault" {
				return strings.TrimPrefix(d.Version, "v")
			}
		}
	}
	return "unknown"
}
