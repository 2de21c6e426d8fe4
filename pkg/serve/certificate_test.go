package serve_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/serve"
)

func TestTLSServesWithAndWithoutAName(t *testing.T) {
	own := issue(t, "agent")
	l := listen(t, tlsSpec(t, own))
	run(t, l, hello)
	if got := shown(t, l); got != "agent" {
		t.Errorf("without a name the certificate of %q is shown", got)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(own.cert)
	if got, err := get(t, to(l), &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}); got != "HTTP/2.0 nobody" || err != nil {
		t.Errorf("with a name: answer %q, error %v", got, err)
	}
}

func TestReloadOnDemand(t *testing.T) {
	var heard complaints
	s := tlsSpec(t, issue(t, "first"))
	s.OnError = heard.add
	l := listen(t, s)
	run(t, l, hello)
	second := issue(t, "second")
	replace(t, s.TLS.CertFile, second.cert)
	want := fmt.Sprintf(`listener "127.0.0.1:0": tls_cert_file, tls_key_file: read the pair %q and %q: `, s.TLS.CertFile, s.TLS.KeyFile) +
		"tls: private key does not match public key (the certificate in use stays)"
	if err := l.Reload(); message(err) != want {
		t.Errorf("half of a pair:\ngot  %v\nwant %s", err, want)
	}
	if got := shown(t, l); got != "first" {
		t.Errorf("with half of a pair the certificate of %q is shown", got)
	}
	if err := l.Reload(); err != nil {
		t.Errorf("what is broken was reported already: %v", err)
	}
	replace(t, s.TLS.KeyFile, second.key)
	must(t, l.Reload())
	if got := shown(t, l); got != "second" {
		t.Errorf("with the new pair the certificate of %q is shown", got)
	}
	must(t, os.Remove(s.TLS.KeyFile))
	if err := l.Reload(); !strings.Contains(message(err), "no such file or directory") {
		t.Errorf("without the key: %v", err)
	}
	if got := shown(t, l); got != "second" {
		t.Errorf("without the key the certificate of %q is shown", got)
	}
	if len(heard.all()) != 0 {
		t.Errorf("what Reload returns was reported, too: %q", heard.all())
	}
}

// TestBrokenPairIsReportedOnce waits for handshakes to find half of a pair.
func TestBrokenPairIsReportedOnce(t *testing.T) {
	t.Parallel()
	var heard complaints
	s := tlsSpec(t, issue(t, "first"))
	s.OnError = heard.add
	l := listen(t, s)
	run(t, l, hello)
	replace(t, s.TLS.KeyFile, issue(t, "second").key)
	begun := time.Now()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for time.Since(begun) < 7*time.Second { // two looks
		if got := shown(t, l); got != "first" {
			t.Fatalf("the certificate of %q is shown", got)
		}
		<-look.C
	}
	if all := heard.all(); len(all) != 1 || !strings.HasSuffix(all[0], "tls: private key does not match public key (the certificate in use stays)") {
		t.Errorf("heard %q", all)
	}
}

// TestReloadByHandshakes waits for what handshakes find by themselves: a volume
// of the kubelet changes by a link.
func TestReloadByHandshakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := func(name string) {
		own := issue(t, name)
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		replace(t, filepath.Join(dir, name, "crt"), own.cert)
		replace(t, filepath.Join(dir, name, "key"), own.key)
		must(t, os.Symlink(name, filepath.Join(dir, "..tmp")))
		must(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	}
	version("first")
	begun := time.Now() // no look at the files is older
	l := listen(t, serve.Spec{Network: "tcp", Address: "127.0.0.1:0", TLS: &serve.TLS{CertFile: dir + "/..data/crt", KeyFile: dir + "/..data/key"}})
	run(t, l, hello)
	version("second")
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for shown(t, l) != "second" {
		if time.Since(begun) > 30*time.Second {
			t.Fatal("the new certificate is not shown")
		}
		<-look.C
	}
	if took := time.Since(begun); took < 2*time.Second {
		t.Errorf("the files were looked at after %v, more often than needed", took)
	}
}

func TestClientCertificates(t *testing.T) {
	server, known, stranger := issue(t, "agent"), issue(t, "known"), issue(t, "stranger")
	ca := filepath.Join(t.TempDir(), "ca")
	replace(t, ca, known.cert)
	cases := map[string]struct {
		secure serve.TLS
		client *identity
		want   string // "": refused
	}{
		"none asked for":              {serve.TLS{}, &known, "HTTP/2.0 nobody"},
		"disabled":                    {serve.TLS{DisableClientCerts: true}, &known, "HTTP/2.0 nobody"},
		"CA without demand":           {serve.TLS{ClientCAFile: ca}, nil, "HTTP/2.0 nobody"},
		"demanded and known":          {serve.TLS{RequireClientCert: true, ClientCAFile: ca}, &known, "HTTP/2.0 known"},
		"demanded, a stranger":        {serve.TLS{RequireClientCert: true, ClientCAFile: ca}, &stranger, ""},
		"demanded, none":              {serve.TLS{RequireClientCert: true, ClientCAFile: ca}, nil, ""},
		"demanded, CAs of the system": {serve.TLS{RequireClientCert: true}, &known, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := tlsSpec(t, server)
			tc.secure.CertFile, tc.secure.KeyFile = s.TLS.CertFile, s.TLS.KeyFile
			s.TLS = &tc.secure
			l := listen(t, s)
			run(t, l, hello)
			got, err := get(t, to(l), trusting(t, server, tc.client))
			if got != tc.want || (err != nil) != (tc.want == "") {
				t.Errorf("answer %q, error %v; want %q", got, err, tc.want)
			}
		})
	}
}

// trusting is a client of a server, with a certificate of its own or without.
func trusting(t *testing.T, server identity, own *identity) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.cert)
	c := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if own != nil {
		pair, err := tls.X509KeyPair(own.cert, own.key)
		must(t, err)
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

func TestClientCAIsReloaded(t *testing.T) {
	server, old, fresh := issue(t, "agent"), issue(t, "old"), issue(t, "fresh")
	s := tlsSpec(t, server)
	s.TLS.RequireClientCert, s.TLS.ClientCAFile = true, filepath.Join(t.TempDir(), "ca")
	replace(t, s.TLS.ClientCAFile, old.cert)
	l := listen(t, s)
	run(t, l, hello)
	replace(t, s.TLS.ClientCAFile, fresh.cert)
	must(t, l.Reload())
	if got, err := get(t, to(l), trusting(t, server, &fresh)); got != "HTTP/2.0 fresh" {
		t.Errorf("the new CA's client: %q, %v", got, err)
	}
	if got, err := get(t, to(l), trusting(t, server, &old)); err == nil {
		t.Errorf("the old CA's client is let in: %q", got)
	}
}

func TestVersionsAndSuites(t *testing.T) {
	cases := map[string]struct {
		secure serve.TLS
		client *tls.Config
		want   string // "": no handshake
	}{
		"1.2 by default":         {serve.TLS{}, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, ""},
		"newest":                 {serve.TLS{}, &tls.Config{MinVersion: tls.VersionTLS12}, "TLS 1.3"},
		"old allowed":            {serve.TLS{MinVersion: "tls10"}, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "TLS 1.1"},
		"oldest":                 {serve.TLS{MinVersion: "tls10", MaxVersion: "tls10"}, &tls.Config{MinVersion: tls.VersionTLS10}, "TLS 1.0"},
		"only the newest":        {serve.TLS{MinVersion: "tls13"}, &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}, ""},
		"no newer":               {serve.TLS{MinVersion: "tls11", MaxVersion: "tls12"}, &tls.Config{MinVersion: tls.VersionTLS12}, "TLS 1.2"},
		"a suite both have":      {serve.TLS{CipherSuites: []string{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}, MaxVersion: "tls12"}, &tls.Config{MinVersion: tls.VersionTLS12}, "TLS 1.2"},
		"a suite one has":        {serve.TLS{CipherSuites: []string{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}, MaxVersion: "tls12"}, &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}, ""},
		"a suite of the newest":  {serve.TLS{CipherSuites: []string{"TLS_AES_128_GCM_SHA256"}}, &tls.Config{MinVersion: tls.VersionTLS12}, "TLS 1.3"},
		"a suite of former days": {serve.TLS{CipherSuites: []string{"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"}, MaxVersion: "tls12"}, &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}}, "TLS 1.2"},
	}
	own := issue(t, "agent")
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := tlsSpec(t, own)
			tc.secure.CertFile, tc.secure.KeyFile = s.TLS.CertFile, s.TLS.KeyFile
			s.TLS = &tc.secure
			l := listen(t, s)
			run(t, l, hello)
			plain, err := to(l)(t.Context())
			must(t, err)
			tc.client.InsecureSkipVerify = true
			secure := tls.Client(plain, tc.client)
			defer func() { _ = secure.Close() }()
			got := ""
			if err = secure.HandshakeContext(t.Context()); err == nil {
				got = tls.VersionName(secure.ConnectionState().Version)
			}
			if got != tc.want {
				t.Errorf("version %q, want %q; error %v", got, tc.want, err)
			}
		})
	}
}

func TestFailedHandshakeIsReported(t *testing.T) {
	var heard complaints
	s := tlsSpec(t, issue(t, "agent"))
	s.OnError = heard.add
	l := listen(t, s)
	stop := run(t, l, hello)
	if _, err := get(t, to(l), trusting(t, issue(t, "another"), nil)); err == nil {
		t.Error("the client trusts a stranger")
	}
	must(t, stop())
	if all := heard.all(); len(all) != 1 || !strings.HasPrefix(all[0], `listener "127.0.0.1:0": http: TLS handshake error from 127.0.0.1:`) {
		t.Errorf("heard %q", all)
	}
}

// TestHandshakesDuringReloads is for the race detector.
func TestHandshakesDuringReloads(t *testing.T) {
	s := tlsSpec(t, issue(t, "a"))
	l := listen(t, s)
	run(t, l, hello)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 5 {
				shown(t, l)
			}
		})
	}
	for range 5 {
		next := issue(t, "b")
		replace(t, s.TLS.KeyFile, next.key)
		_ = l.Reload() // half of a pair
		replace(t, s.TLS.CertFile, next.cert)
		must(t, l.Reload())
	}
	clients.Wait()
	if got := shown(t, l); got != "b" {
		t.Errorf("the certificate of %q is shown", got)
	}
}
