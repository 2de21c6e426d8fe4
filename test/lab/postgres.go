package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Postgres is a running PostgreSQL server. It runs as an unprivileged user when
// the test runs as root, and does not flush to disk.
type Postgres struct {
	programs string // the folder of postgres, initdb and psql
	dir      string
	port     int
	password string
	process  *process
}

const superuser = "postgres"

// StartPostgres starts a server and returns when it accepts logins. ctx bounds
// only the start; the server runs until Stop.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	programs, err := postgresDir()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vaultk8s-lab-postgres-")
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	p := &Postgres{programs: programs, dir: dir, password: rand.Text()}
	if err := p.launch(ctx); err != nil {
		_ = p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Postgres) launch(ctx context.Context) error {
	if err := p.initialize(ctx); err != nil {
		return err
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	p.port = ports[0]
	p.process, err = start(command{
		name: "postgres", dir: p.dir, log: p.logFile(), asNobody: asRoot(),
		// Asked with SIGTERM it would wait for its clients to leave, and Vault
		// keeps its connections.
		term: syscall.SIGINT,
		argv: []string{
			p.program("postgres"), "-D", p.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(p.port),
			"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
			// Its shared memory is a file of its own directory, so that nothing is
			// left of a server that is killed.
			"-c", "dynamic_shared_memory_type=mmap",
		},
	})
	if err != nil {
		return err
	}
	return p.process.await(ctx, 50*time.Millisecond, func(ctx context.Context) error {
		_, err := p.Query(ctx, "SELECT 1")
		return err
	})
}

// initialize makes the data directory, which takes most of the time of a start.
func (p *Postgres) initialize(ctx context.Context) error {
	password := filepath.Join(p.dir, "password")
	if err := os.WriteFile(password, []byte(p.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("initialize postgres: %w", err)
	}
	defer os.Remove(password)
	if asRoot() {
		if err := errors.Join(os.Chown(p.dir, nobody, nobody), os.Chown(password, nobody, nobody)); err != nil {
			return fmt.Errorf("initialize postgres: %w", err)
		}
	}
	initdb, err := start(command{
		name: "initdb", dir: p.dir, log: p.logFile(), asNobody: asRoot(),
		argv: []string{
			p.program("initdb"), "-D", p.data(), "-U", superuser, "-A", "scram-sha-256",
			"--pwfile", password, "-E", "UTF8", "--locale", "C", "--no-sync",
		},
	})
	if err != nil {
		return err
	}
	select {
	case <-initdb.done:
	case <-ctx.Done():
		initdb.kill()
		return fmt.Errorf("initialize postgres: %w", context.Cause(ctx))
	}
	if initdb.err != nil {
		return fmt.Errorf("initialize postgres: %w; the end of its log:\n%s", initdb.err, initdb.logTail())
	}
	return nil
}

func asRoot() bool { return os.Geteuid() == 0 }

func (p *Postgres) program(name string) string { return filepath.Join(p.programs, name) }
func (p *Postgres) data() string               { return filepath.Join(p.dir, "data") }
func (p *Postgres) logFile() string            { return filepath.Join(p.dir, "log") }

// Stop ends the server and all connections to it, and removes its directory. A
// second Stop does nothing.
func (p *Postgres) Stop() error {
	if p.process != nil {
		p.process.stop(stopGrace)
	}
	return os.RemoveAll(p.dir)
}

// Address is host:port.
func (p *Postgres) Address() string { return loopback(p.port) }

// Port is the port alone.
func (p *Postgres) Port() string { return strconv.Itoa(p.port) }

// User is the superuser's name.
func (p *Postgres) User() string { return superuser }

// Password is the superuser's.
func (p *Postgres) Password() string { return p.password }

// PID is the process id of the server.
func (p *Postgres) PID() int { return p.process.pid() }

func (p *Postgres) running() []*process { return []*process{p.process} }

// ConnectionURL is the template that Vault's database engine wants.
func (p *Postgres) ConnectionURL() string {
	return "postgresql://{{username}}:{{password}}@" + p.Address() + "/postgres?sslmode=disable"
}

// Query runs SQL as the superuser and returns the rows as text: columns separated
// by "|", rows by a line feed.
func (p *Postgres) Query(ctx context.Context, sql string) (string, error) {
	return p.QueryAs(ctx, superuser, p.password, sql)
}

// QueryAs is Query with another login, to see whether that works.
func (p *Postgres) QueryAs(ctx context.Context, user, password, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, p.program("psql"), "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1",
		"-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", user, "-d", "postgres")
	// SQL comes on standard input, the password in the environment: both may be
	// secret and neither belongs on a command line.
	cmd.Stdin = strings.NewReader(sql)
	cmd.Env = []string{"PGPASSWORD=" + password, "PGCONNECT_TIMEOUT=10", "LC_ALL=C", "HOME=" + p.dir}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("query postgres as %q: %w: %s", user, err, lastLines(stderr.Bytes(), 3))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// quoteIdentifier makes any name safe in SQL.
func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
