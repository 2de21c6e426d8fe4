package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

// login is the rendered file of a database login.
type login struct {
	User     string
	Password sensitive.String
	Lease    string
}

// parseLogin reads the rendered JSON. Half a file is an error.
func parseLogin(content []byte) (login, error) {
	var plain struct{ Username, Password, Lease string }
	if err := json.Unmarshal(content, &plain); err != nil {
		return login{}, fmt.Errorf("the file of the database login is not whole: %w", err)
	}
	if plain.Username == "" || plain.Password == "" || plain.Lease == "" {
		return login{}, errors.New("the file of the database login lacks user, password or lease")
	}
	return login{User: plain.Username, Password: sensitive.New(plain.Password), Lease: plain.Lease}, nil
}

// parseSettings reads lines of NAME=value.
func parseSettings(content []byte) (map[string]string, error) {
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("the line %q of the settings is not NAME=value", line)
		}
		values[name] = value
	}
	return values, nil
}

// certificate is what a file of private key, certificate and authority says.
type certificate struct {
	Serial   string
	Names    []string
	NotAfter time.Time
}

// String tells what matters to somebody who watches.
func (c certificate) String() string {
	return fmt.Sprintf("serial %s for %s, valid until %s", c.Serial, strings.Join(c.Names, ", "), c.NotAfter.Format(time.TimeOnly))
}

// parseCertificate reads such a file. It is an error when the key is not the
// certificate's, or when the authority in the file has not signed it.
func parseCertificate(content []byte) (certificate, error) {
	pair, err := tls.X509KeyPair(content, content)
	if err != nil {
		return certificate{}, fmt.Errorf("certificate and key do not fit: %w", err)
	}
	roots := x509.NewCertPool()
	for _, authority := range authorities(content) {
		roots.AddCert(authority)
	}
	leaf := pair.Leaf
	// Its own first second, because whether it is still valid is another question.
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: leaf.NotBefore}); err != nil {
		return certificate{}, fmt.Errorf("the authority in the file has not signed the certificate: %w", err)
	}
	return certificate{Serial: leaf.SerialNumber.Text(16), Names: leaf.DNSNames, NotAfter: leaf.NotAfter}, nil
}

// authorities returns the certificates that may sign others.
func authorities(content []byte) []*x509.Certificate {
	var found []*x509.Certificate
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			return found
		}
		if parsed, err := x509.ParseCertificate(block.Bytes); err == nil && parsed.IsCA {
			found = append(found, parsed)
		}
	}
}

// read reads a rendered file with its parser.
func read[T any](path string, parse func([]byte) (T, error)) (T, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		var none T
		return none, fmt.Errorf("read what the agent rendered: %w", err)
	}
	return parse(content)
}

// whole reads a file that was there already: that it is missing now, or not
// whole, must never be seen.
func whole[T any](path string, parse func([]byte) (T, error)) (T, error) {
	value, err := read(path, parse)
	if err != nil {
		err = stage.Broken{Err: err}
	}
	return value, err
}
