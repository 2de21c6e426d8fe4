package lab

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// VaultOptions choose how a Vault runs. The zero value is a plain HTTP server on
// a free port whose storage survives Restart and goes with Stop.
type VaultOptions struct {
	// Data is a storage directory to keep beyond Stop and to start from again.
	// The unseal key lies in it.
	Data string
	// InMemory keeps nothing on disk: quicker, but Restart is an error.
	InMemory bool
	// TLS serves HTTPS with a certificate for 127.0.0.1 and localhost, signed by
	// an authority that is made for this server.
	TLS bool
	// Listen is the address, by default 127.0.0.1 and a free port.
	Listen string
	// DefaultLeaseTTL and MaxLeaseTTL are the system's defaults when positive.
	DefaultLeaseTTL, MaxLeaseTTL time.Duration
	// LogLevel is one of trace, debug, info, warn, error; by default warn.
	LogLevel string
	// Env are variables of the server beyond those of this process, as KEY=VALUE.
	Env []string
	// Token is the root token, by default a random one. Give the same one again
	// when Data has been used before.
	Token string
}

// Vault is a running server, initialized and unsealed, with the kv version 2
// engine at secret/. Its requests may run in parallel; starting and stopping may
// not.
type Vault struct {
	options   VaultOptions
	binary    string
	dir       string // everything that goes with Stop
	authority *Authority
	address   string
	process   *process
	api       *api
}

// stopGrace is how long a server may take to end before it is killed.
const stopGrace = 10 * time.Second

// StartVault starts a server and returns when it answers. ctx bounds only the
// start; the server runs until Stop.
func StartVault(ctx context.Context, o VaultOptions) (*Vault, error) {
	binary, err := Binary(ctx, TargetVault)
	if err != nil {
		return nil, err
	}
	if o.Data != "" && o.InMemory {
		return nil, fmt.Errorf("vault options contradict each other: Data %q and InMemory", o.Data)
	}
	dir, err := os.MkdirTemp("", "vaultk8s-lab-vault-")
	if err != nil {
		return nil, fmt.Errorf("start vault: %w", err)
	}
	v := &Vault{options: o.withDefaults(dir), binary: binary, dir: dir}
	err = v.prepareTLS()
	if err == nil {
		err = v.launch(ctx)
	}
	if err != nil {
		_ = v.Stop()
		return nil, err
	}
	return v, nil
}

func (o VaultOptions) withDefaults(dir string) VaultOptions {
	if o.Data == "" && !o.InMemory {
		o.Data = filepath.Join(dir, "data")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.LogLevel == "" {
		o.LogLevel = "warn"
	}
	if o.Token == "" {
		o.Token = rand.Text()
	}
	return o
}

func (v *Vault) prepareTLS() error {
	if !v.options.TLS {
		return nil
	}
	a, err := NewAuthority("vaultk8s lab vault")
	if err != nil {
		return err
	}
	cert, key, err := a.Issue(Leaf{
		CommonName: "vault", DNSNames: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	if err != nil {
		return err
	}
	v.authority = a
	return writeFiles(v.dir, map[string][]byte{"ca.crt": a.PEM(), "tls.crt": cert, "tls.key": key})
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (v *Vault) arguments() []string {
	o := v.options
	args := []string{
		v.binary, "-listen", o.Listen, "-root-token", o.Token, "-log-level", o.LogLevel,
		"-ready-file", v.file("ready"), "-default-lease-ttl", o.DefaultLeaseTTL.String(), "-max-lease-ttl", o.MaxLeaseTTL.String(),
	}
	if o.TLS {
		args = append(args, "-tls-cert", v.file("tls.crt"), "-tls-key", v.file("tls.key"))
	}
	if o.InMemory {
		return append(args, "-key-file", v.keyFile())
	}
	return append(args, "-data", o.Data, "-key-file", v.keyFile())
}

// launch starts the process and waits until it has written its address, which it
// does once it is unsealed and listens.
func (v *Vault) launch(ctx context.Context) error {
	if err := os.RemoveAll(v.file("ready")); err != nil {
		return err
	}
	p, err := start(command{name: "vault", argv: v.arguments(), dir: v.dir, log: v.file("log"), env: v.options.Env})
	if err != nil {
		return err
	}
	v.process = p
	err = p.await(ctx, 10*time.Millisecond, func(context.Context) error {
		b, err := os.ReadFile(v.file("ready"))
		v.address = strings.TrimSpace(string(b))
		return err
	})
	if err != nil {
		return err
	}
	v.options.Listen = strings.SplitN(v.address, "://", 2)[1] // the same one after Restart
	v.connect()
	_, err = v.Do(ctx, http.MethodGet, "sys/health", nil)
	return err
}

func (v *Vault) connect() {
	if v.api != nil {
		v.api.close()
	}
	var conf *tls.Config
	if v.authority != nil {
		conf = &tls.Config{RootCAs: v.authority.Pool(), MinVersion: tls.VersionTLS12}
	}
	v.api = newAPI(v.address, conf)
}

func (v *Vault) file(name string) string { return filepath.Join(v.dir, name) }

func (v *Vault) keyFile() string {
	if v.options.InMemory {
		return v.file("unseal.key")
	}
	return filepath.Join(v.options.Data, "unseal.key")
}

// Address is the URL for VAULT_ADDR.
func (v *Vault) Address() string { return v.address }

// Token is the root token.
func (v *Vault) Token() string { return v.options.Token }

// CACert is the path of the certificate for VAULT_CACERT; empty without TLS.
func (v *Vault) CACert() string {
	if v.authority == nil {
		return ""
	}
	return v.file("ca.crt")
}

// Authority signed the server's certificate; nil without TLS.
func (v *Vault) Authority() *Authority { return v.authority }

// Env is the environment that makes the usual clients find this server.
func (v *Vault) Env() []string {
	env := []string{"VAULT_ADDR=" + v.address, "VAULT_TOKEN=" + v.options.Token}
	if v.authority != nil {
		env = append(env, "VAULT_CACERT="+v.CACert())
	}
	return env
}

// PID is the process id of the server.
func (v *Vault) PID() int { return v.process.pid() }

func (v *Vault) running() []*process { return []*process{v.process} }
