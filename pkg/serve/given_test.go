package serve_test

import (
	"crypto/tls"
	"sync/atomic"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/serve"
)

// A certificate that is not from files is asked for at each handshake.
func TestCertificateThatIsGiven(t *testing.T) {
	var now atomic.Pointer[tls.Certificate]
	give := func(name string) {
		own := issue(t, name)
		pair, err := tls.X509KeyPair(own.cert, own.key)
		must(t, err)
		now.Store(&pair)
	}
	give("first")
	l := listen(t, serve.Spec{Network: "tcp", Address: "127.0.0.1:0", TLS: &serve.TLS{
		MinVersion: "tls13", Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return now.Load(), nil },
	}})
	run(t, l, hello)
	if got := shown(t, l); got != "first" {
		t.Errorf("the certificate of %q is shown", got)
	}
	give("second")
	if got := shown(t, l); got != "second" {
		t.Errorf("the certificate of %q is shown", got)
	}
	must(t, l.Reload())
}

func TestCertificateTwice(t *testing.T) {
	s := tlsSpec(t, issue(t, "files"))
	s.TLS.Certificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }
	_, err := serve.Listen(t.Context(), s)
	if want := `listener "127.0.0.1:0": tls_cert_file, tls_key_file: there is a certificate already that is not from files`; message(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
