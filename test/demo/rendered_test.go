package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vaultk8s/vaultk8s/test/lab"
	"github.com/vaultk8s/vaultk8s/test/stage"
)

func TestParseLogin(t *testing.T) {
	tests := map[string]struct{ content, user, password, lease, err string }{
		"whole": {
			content: `{"username": "u", "password": "p", "lease": "l"}` + "\n", user: "u", password: "p", lease: "l",
		},
		"empty":         {err: "the file of the database login is not whole: unexpected end of JSON input"},
		"half":          {content: `{"username": "u", "pass`, err: "the file of the database login is not whole: unexpected end of JSON input"},
		"no password":   {content: `{"username": "u", "lease": "l"}`, err: "the file of the database login lacks user, password or lease"},
		"another thing": {content: `null`, err: "the file of the database login lacks user, password or lease"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseLogin([]byte(tt.content))
			if got.User != tt.user || got.Password.Reveal() != tt.password || got.Lease != tt.lease || errorText(err) != tt.err {
				t.Errorf("got %+v and error %q, want error %q", got, errorText(err), tt.err)
			}
		})
	}
}

func TestParseSettings(t *testing.T) {
	tests := map[string]struct {
		content string
		want    map[string]string
		err     string
	}{
		"empty":      {want: map[string]string{}},
		"two":        {content: "A=1\nB=2=3\n", want: map[string]string{"A": "1", "B": "2=3"}},
		"blanks":     {content: "\n  A=1\n\n", want: map[string]string{"A": "1"}},
		"no end":     {content: "A=1", want: map[string]string{"A": "1"}},
		"no sign":    {content: "A=1\nB\n", err: `the line "B" of the settings is not NAME=value`},
		"no value":   {content: "A=\n", err: `the line "A=" of the settings is not NAME=value`},
		"no name":    {content: "=1\n", err: `the line "=1" of the settings is not NAME=value`},
		"half a key": {content: "AP", err: `the line "AP" of the settings is not NAME=value`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseSettings([]byte(tt.content))
			if diff := cmp.Diff(tt.want, got); diff != "" || errorText(err) != tt.err {
				t.Errorf("got error %q, want %q; values differ (-want +got):\n%s", errorText(err), tt.err, diff)
			}
		})
	}
}

// issue makes an authority and a certificate of it.
func issue(t testing.TB) (cert, key, authority []byte) {
	t.Helper()
	a, err := lab.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	if cert, key, err = a.Issue(lab.Leaf{CommonName: "orders.shop.svc", DNSNames: []string{"orders.shop.svc"}}); err != nil {
		t.Fatal(err)
	}
	return cert, key, a.PEM()
}

func TestParseCertificate(t *testing.T) {
	cert, key, authority := issue(t)
	otherCert, otherKey, otherAuthority := issue(t)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, []byte("\n")) }
	tests := map[string]struct {
		reason  string
		content []byte
		err     string // its beginning
	}{
		"key first":         {content: join(key, cert, authority)},
		"certificate first": {content: join(cert, authority, key)},
		"two authorities":   {reason: "a chain or an old root is no harm", content: join(key, cert, otherAuthority, authority)},
		"empty":             {err: "certificate and key do not fit: tls: failed to find any PEM data in certificate input"},
		"no key":            {content: join(cert, authority), err: "certificate and key do not fit: tls: failed to find PEM block with type ending in"},
		"another key": {
			reason:  "this is what a file of two renders would look like",
			content: join(otherKey, cert, authority),
			err:     "certificate and key do not fit: tls: private key does not match public key",
		},
		"another authority": {
			content: join(key, cert, otherAuthority),
			err:     "the authority in the file has not signed the certificate: x509: certificate signed by unknown authority",
		},
		"no authority": {
			content: join(key, cert),
			err:     "the authority in the file has not signed the certificate: x509: certificate signed by unknown authority",
		},
		"the signer is no authority": {
			content: join(key, cert, otherCert),
			err:     "the authority in the file has not signed the certificate: x509: certificate signed by unknown authority",
		},
		"half a file": {
			reason:  "a file must never be seen like this",
			content: join(key, cert, authority)[:len(key)+len(cert)/2],
			err:     "certificate and key do not fit: ",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseCertificate(tt.content)
			if (err == nil) != (tt.err == "") || !strings.HasPrefix(errorText(err), tt.err) {
				t.Fatalf("got error %q, want %q: %s", errorText(err), tt.err, tt.reason)
			}
			if err == nil && (got.Serial == "" || time.Until(got.NotAfter) <= 0 || !cmp.Equal(got.Names, []string{"orders.shop.svc"})) {
				t.Errorf("got %+v", got)
			}
			if err != nil && !cmp.Equal(got, certificate{}, cmpopts.EquateEmpty()) {
				t.Errorf("an error came with %+v", got)
			}
		})
	}
}

func TestCertificateString(t *testing.T) {
	c := certificate{Serial: "1f", Names: []string{"a", "b"}, NotAfter: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if got, want := c.String(), "serial 1f for a, b, valid until 03:04:05"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzRendered feeds anything to the parsers: they refuse it or find everything,
// and never anything in between. Whether a key fits is left out: signatures take
// another way through the code each time, which a fuzzer cannot make sense of.
func FuzzRendered(f *testing.F) {
	cert, key, authority := issue(f)
	f.Add(bytes.Join([][]byte{key, cert, authority}, nil))
	f.Add([]byte(`{"username": "u", "password": "p", "lease": "l"}`))
	f.Add([]byte("A=1\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if l, err := parseLogin(content); (err == nil) == (l.User == "" || l.Password.Empty() || l.Lease == "") {
			t.Errorf("login %+v came with error %v", l, err)
		}
		for _, authority := range authorities(content) {
			if !authority.IsCA || !bytes.Contains(content, []byte("CERTIFICATE")) {
				t.Errorf("%s is no authority", authority.Subject)
			}
		}
		values, err := parseSettings(content)
		if err != nil && values != nil {
			t.Errorf("settings %v came with error %v", values, err)
		}
		for name, value := range values {
			if name == "" || value == "" {
				t.Errorf("setting %q has value %q", name, value)
			}
		}
	})
}

func TestReadAndWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings")
	if _, err := read(path, parseSettings); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: error %v", err)
	}
	if _, err := whole(path, parseSettings); !errors.As(err, new(stage.Broken)) {
		t.Errorf("a file that vanished is not broken: error %v", err)
	}
	if err := os.WriteFile(path, []byte("A"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(path, parseSettings); err == nil || errors.As(err, new(stage.Broken)) {
		t.Errorf("a file that comes into being: error %v", err)
	}
	if _, err := whole(path, parseSettings); !errors.As(err, new(stage.Broken)) {
		t.Errorf("half a file is not broken: error %v", err)
	}
	if err := os.WriteFile(path, []byte("A=1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if values, err := whole(path, parseSettings); values["A"] != "1" || err != nil {
		t.Errorf("got %v and error %v", values, err)
	}
}

func TestLastRenewal(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC)
	tests := map[string]struct {
		data  map[string]any
		after time.Time
		want  time.Time
		err   string
	}{
		"later":   {data: map[string]any{"last_renewal": "2026-01-02T03:04:05.6Z"}, after: at.Add(-time.Millisecond), want: at},
		"earlier": {data: map[string]any{"last_renewal": "2026-01-02T03:04:05.6Z"}, after: at, want: at, err: "vault says that the lease was renewed at 2026-01-02T03:04:05.6Z for the last time"},
		"never":   {data: map[string]any{"last_renewal": nil}, err: "vault says that the lease was never renewed"},
		"nothing": {err: "vault says that the lease was never renewed"},
		"no time": {data: map[string]any{"last_renewal": "now"}, err: `parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := lastRenewal(tt.data, tt.after)
			if !got.Equal(tt.want) || errorText(err) != tt.err {
				t.Errorf("got %s and error %q, want %s and %q", got, errorText(err), tt.want, tt.err)
			}
		})
	}
}
