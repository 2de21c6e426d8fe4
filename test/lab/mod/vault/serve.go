package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	log "github.com/hashicorp/go-hclog"
	logicalKv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	logicalDb "github.com/hashicorp/vault/builtin/logical/database"
	"github.com/hashicorp/vault/builtin/plugin"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/logging"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	physFile "github.com/hashicorp/vault/sdk/physical/file"
	physInmem "github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/version"
)

// run serves until the process is asked to end.
func run(o options) error {
	if version.Version == "" || version.Version == "unknown" {
		version.Version = moduleVersion()
	}
	logger := logging.NewVaultLoggerWithWriter(os.Stderr, log.LevelFromString(o.level))
	ln, addr, err := listen(o)
	if err != nil {
		return err
	}
	core, err := newCore(o, addr, logger)
	if err != nil {
		return err
	}
	if err := unseal(core, o); err != nil {
		return err
	}
	srv := newServer(core, ln.Addr().String(), logger)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	fmt.Printf("vault %s unsealed, serving on %s\n", version.Version, addr)
	if err := announce(o.readyFile, addr); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	select {
	case err := <-served:
		return err
	case <-stop:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = srv.Shutdown(ctx)
	return core.Shutdown()
}

func listen(o options) (net.Listener, string, error) {
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, "", err
	}
	if o.tlsCert == "" {
		return ln, "http://" + ln.Addr().String(), nil
	}
	pair, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
	if err != nil {
		return nil, "", err
	}
	// Client certificates are asked for, not demanded: the cert auth method
	// looks at them, everybody else comes without.
	ln = tls.NewListener(ln, &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequestClientCert,
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	})
	return ln, "https://" + ln.Addr().String(), nil
}

func storage(o options, logger log.Logger) (physical.Backend, error) {
	if o.data == "" {
		return physInmem.NewTransactionalInmem(nil, logger)
	}
	return physFile.NewFileBackend(map[string]string{"path": o.data}, logger)
}

func newCore(o options, addr string, logger log.Logger) (*vault.Core, error) {
	phys, err := storage(o, logger.Named("storage"))
	if err != nil {
		return nil, err
	}
	return vault.NewCore(&vault.CoreConfig{
		BuiltinRegistry:     builtin(),
		Physical:            phys,
		RedirectAddr:        addr,
		Logger:              logger,
		LogLevel:            o.level,
		DisableMlock:        true,
		EnableRaw:           true,
		EnableIntrospection: true,
		DefaultLeaseTTL:     o.defTTL,
		MaxLeaseTTL:         o.maxTTL,
		DevToken:            o.token,
		AuditBackends:       map[string]audit.Factory{"file": audit.NewFileBackend},
		CredentialBackends:  map[string]logical.Factory{"plugin": plugin.Factory},
		LogicalBackends: map[string]logical.Factory{
			"plugin":   plugin.Factory,
			"database": logicalDb.Factory,
			"kv":       logicalKv.Factory,
		},
	})
}

func newServer(core *vault.Core, addr string, logger log.Logger) *http.Server {
	return &http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core: core,
			ListenerConfig: &configutil.Listener{
				Type:               "tcp",
				Address:            addr,
				MaxRequestSize:     vaulthttp.DefaultMaxRequestSize,
				MaxRequestDuration: vault.DefaultMaxRequestDuration,
			},
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		ErrorLog:          logger.StandardLogger(nil),
	}
}

// announce writes the URL in one step, so that a reader never sees half of it.
func announce(file, addr string) error {
	if file == "" {
		return nil
	}
	tmp := file + ".tmp"
	if err := os.WriteFile(tmp, []byte(addr+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}
