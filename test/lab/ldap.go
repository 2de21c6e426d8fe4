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
	"time"
)

// LDAP is a running OpenLDAP server with an empty list of users. It runs as an
// unprivileged user when the test runs as root, with a configuration of its own.
type LDAP struct {
	dir      string
	port     int
	password string // of the administrator
	process  *process
}

const (
	ldapBase   = "dc=example,dc=test"
	ldapAdmin  = "cn=admin," + ldapBase
	ldapPeople = "ou=people," + ldapBase
)

// StartLDAP starts a server and returns when it answers. ctx bounds only the
// start; the server runs until Stop.
func StartLDAP(ctx context.Context) (*LDAP, error) {
	binary, err := findLDAP()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vaultk8s-lab-ldap-")
	if err != nil {
		return nil, fmt.Errorf("start slapd: %w", err)
	}
	l := &LDAP{dir: dir, password: rand.Text()}
	if err := l.launch(ctx, binary); err != nil {
		_ = l.Stop()
		return nil, err
	}
	return l, nil
}

func (l *LDAP) launch(ctx context.Context, binary string) error {
	if err := l.configure(); err != nil {
		return fmt.Errorf("configure slapd: %w", err)
	}
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	l.port = ports[0]
	l.process, err = start(command{
		name: "slapd", dir: l.dir, log: filepath.Join(l.dir, "log"), asNobody: asRoot(),
		// With -d it stays in the foreground, and logs there.
		argv: []string{binary, "-f", l.file("slapd.conf"), "-h", l.URL(), "-d", "stats"},
	})
	if err != nil {
		return err
	}
	err = l.process.await(ctx, 10*time.Millisecond, func(ctx context.Context) error {
		return l.WhoAmI(ctx, ldapAdmin, l.password)
	})
	if err != nil {
		return err
	}
	return l.add(ctx, "dn: "+ldapBase+"\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: example\n\n"+
		"dn: "+ldapPeople+"\nobjectClass: organizationalUnit\nou: people\n")
}

// ldapSchema is the one schema that the entries need. Each distribution keeps it
// in one of these places.
func ldapSchema() string {
	for _, dir := range []string{"/etc/ldap/schema", "/etc/openldap/schema", "/usr/share/openldap/schema"} {
		if path := filepath.Join(dir, "core.schema"); hasFile(path) {
			return path
		}
	}
	return "core.schema"
}

func hasFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// configure writes the server's configuration. The database of kind ldif keeps
// each entry in a file, and is a part of every slapd.
func (l *LDAP) configure() error {
	conf := "include " + ldapSchema() + "\n" +
		"pidfile " + l.file("pid") + "\n" +
		"database ldif\n" +
		"directory " + l.file("data") + "\n" +
		"suffix " + ldapBase + "\n" +
		"rootdn " + ldapAdmin + "\n" +
		"rootpw " + l.password + "\n" +
		"access to attrs=userPassword by anonymous auth\n" +
		"access to * by anonymous auth\n"
	if err := os.Mkdir(l.file("data"), 0o700); err != nil {
		return err
	}
	if err := writeFiles(l.dir, map[string][]byte{"slapd.conf": []byte(conf), "password": []byte(l.password)}); err != nil {
		return err
	}
	if !asRoot() {
		return nil
	}
	return errors.Join(
		os.Chown(l.dir, nobody, nobody), os.Chown(l.file("data"), nobody, nobody), os.Chown(l.file("slapd.conf"), nobody, nobody),
	)
}

func (l *LDAP) file(name string) string { return filepath.Join(l.dir, name) }

// Stop ends the server and removes its directory. A second Stop does nothing.
func (l *LDAP) Stop() error {
	if l.process != nil {
		l.process.stop(stopGrace)
	}
	return os.RemoveAll(l.dir)
}

// URL is the server's address.
func (l *LDAP) URL() string { return "ldap://" + l.Address() }

// Address is host:port.
func (l *LDAP) Address() string { return loopback(l.port) }

// Admin is the distinguished name of the administrator, and the password.
func (l *LDAP) Admin() (dn, password string) { return ldapAdmin, l.password }

// People is where the users are; their names are in the attribute uid.
func (l *LDAP) People() string { return ldapPeople }

// PID is the process id of the server.
func (l *LDAP) PID() int { return l.process.pid() }

func (l *LDAP) running() []*process { return []*process{l.process} }

// AddUser makes a user. The name must consist of letters, digits and hyphens.
func (l *LDAP) AddUser(ctx context.Context, name, password string) error {
	err := l.add(ctx, "dn: "+userDN(name)+"\nobjectClass: person\nobjectClass: uidObject\nuid: "+name+"\ncn: "+name+"\nsn: "+name+"\n")
	if err != nil {
		return err
	}
	return l.SetPassword(ctx, name, password)
}

// SetPassword changes a user's password.
func (l *LDAP) SetPassword(ctx context.Context, name, password string) error {
	secret, remove, err := l.secretFile(password)
	if err != nil {
		return err
	}
	defer remove()
	return l.ask(ctx, "", "ldappasswd", "-D", ldapAdmin, "-y", l.file("password"), "-T", secret, userDN(name))
}

// WhoAmI logs in and out, to see whether that works.
func (l *LDAP) WhoAmI(ctx context.Context, dn, password string) error {
	secret, remove, err := l.secretFile(password)
	if err != nil {
		return err
	}
	defer remove()
	return l.ask(ctx, "", "ldapwhoami", "-D", dn, "-y", secret)
}

func userDN(name string) string { return "uid=" + name + "," + ldapPeople }

func (l *LDAP) add(ctx context.Context, ldif string) error {
	return l.ask(ctx, ldif, "ldapadd", "-D", ldapAdmin, "-y", l.file("password"))
}

// secretFile keeps a password off the command line.
func (l *LDAP) secretFile(password string) (path string, remove func(), err error) {
	f, err := os.CreateTemp(l.dir, "secret-")
	if err != nil {
		return "", nil, fmt.Errorf("ask slapd: %w", err)
	}
	remove = func() { _ = os.Remove(f.Name()) }
	_, err = f.WriteString(password)
	if err := errors.Join(err, f.Close()); err != nil {
		remove()
		return "", nil, fmt.Errorf("ask slapd: %w", err)
	}
	return f.Name(), remove, nil
}

// ask runs one of the client programs with simple authentication.
func (l *LDAP) ask(ctx context.Context, input, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, ldapProgram(program), append([]string{"-x", "-H", l.URL(), "-o", "nettimeout=" + strconv.Itoa(10)}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = []string{"LDAPNOINIT=1", "LC_ALL=C", "HOME=" + l.dir} // no settings of this machine
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, lastLines(out.Bytes(), 3))
	}
	return nil
}
