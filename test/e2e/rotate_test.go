package e2e_test

import (
	"crypto/tls"
	"net"
	"os"
	"sync/atomic"
	"testing"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// TestReplacedCANeedsNoRestart gives the server a certificate of another
// authority, and then the pod its CA file.
func TestReplacedCANeedsNoRestart(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	before, after := authority(t, "before"), authority(t, "after")
	leaf := lab.Leaf{CommonName: "vault", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}}
	old, _, _ := issue(t, before, leaf)
	fresh, _, _ := issue(t, after, leaf)
	var pair atomic.Pointer[tls.Certificate]
	pair.Store(&old)
	front := p.front(nil, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*pair.Load()}}, nil
	}})
	p.file("ca.crt", string(before.PEM()))
	a := p.sidecar("vault {\n  address = \"" + front.URL + "\"\n  ca_cert = \"DIR/ca.crt\"\n}\n" + quick + kv)
	a.awaitReady()
	pair.Store(&fresh)
	front.CloseClientConnections()
	a.awaitLog(1, "secret not refreshed", "error", "the CA of the server's certificate is not trusted here")
	p.put("app", canary+"-2")
	p.file("new.crt", string(after.PEM()))
	must(t, os.Rename(p.path("new.crt"), p.path("ca.crt")))
	p.awaitFile("out/kv", canary+"-2")
}
