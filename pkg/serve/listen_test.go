package serve_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vaultk8s/vaultk8s/pkg/serve"
)

func TestListenRefuses(t *testing.T) {
	dir := folder(t)
	good := issue(t, "good")
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		replace(t, path, content)
		return path
	}
	crt, key := file("crt", good.cert), file("key", good.key)
	other := file("other", issue(t, "other").key)
	text := file("text", []byte("no certificate"))
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = taken.Close() }()
	tcp := func(secure serve.TLS) serve.Spec {
		return serve.Spec{Network: "tcp", Address: "127.0.0.1:0", TLS: &secure}
	}
	cases := map[string]struct {
		spec serve.Spec
		want string
	}{
		"network":           {serve.Spec{Network: "udp", Address: "a"}, `listener "a": type: "udp" is neither "tcp" nor "unix"`},
		"no address":        {serve.Spec{Network: "tcp"}, `listener "": address: nothing is given`},
		"port in use":       {serve.Spec{Network: "tcp", Address: taken.Addr().String()}, `listener "ADDR": address: listen tcp ADDR: bind: address already in use`},
		"no such directory": {serve.Spec{Network: "unix", Address: dir + "/none/sock"}, `listener "DIR/none/sock": address: listen unix DIR/none/sock: bind: no such file or directory`},
		"a file there":      {serve.Spec{Network: "unix", Address: text}, `listener "DIR/text": address: something that is not a socket lies there`},
		"socket": {
			serve.Spec{Network: "unix", Address: dir + "/s", Socket: serve.Socket{Mode: "rw", User: "nobody-here", Group: "none-here"}},
			`listener "DIR/s": socket_mode: "rw" is not an octal mode such as "0600"` + "\n" +
				`listener "DIR/s": socket_user: nobody is called "nobody-here" here, and it is no number` + "\n" +
				`listener "DIR/s": socket_group: nobody is called "none-here" here, and it is no number`,
		},
		"mode with more": {serve.Spec{Network: "unix", Address: dir + "/s", Socket: serve.Socket{Mode: "4755"}}, `listener "DIR/s": socket_mode: "4755" is not an octal mode such as "0600"`},
		"no certificate": {tcp(serve.TLS{}), `listener "127.0.0.1:0": tls_cert_file, tls_key_file: TLS needs a certificate and its key`},
		"no key":         {tcp(serve.TLS{CertFile: crt}), `listener "127.0.0.1:0": tls_cert_file, tls_key_file: the certificate "DIR/crt" needs its key`},
		"only a key":     {tcp(serve.TLS{KeyFile: key}), `listener "127.0.0.1:0": tls_cert_file, tls_key_file: the key "DIR/key" needs a certificate`},
		"missing files": {
			tcp(serve.TLS{CertFile: dir + "/a", KeyFile: dir + "/b"}),
			`listener "127.0.0.1:0": tls_cert_file, tls_key_file: read the pair "DIR/a" and "DIR/b": open DIR/a: no such file or directory`,
		},
		"key of another": {
			tcp(serve.TLS{CertFile: crt, KeyFile: other}),
			`listener "127.0.0.1:0": tls_cert_file, tls_key_file: read the pair "DIR/crt" and "DIR/other": tls: private key does not match public key`,
		},
		"words": {
			tcp(serve.TLS{CertFile: crt, KeyFile: key, MinVersion: "1.2", MaxVersion: "ssl3", CipherSuites: []string{"TLS_RSA_WITH_AES_128_CBC_SHA", "ROT13", "XOR"}}),
			`listener "127.0.0.1:0": tls_min_version: "1.2" is none of tls10, tls11, tls12, tls13` + "\n" +
				`listener "127.0.0.1:0": tls_max_version: "ssl3" is none of tls10, tls11, tls12, tls13` + "\n" +
				`listener "127.0.0.1:0": tls_cipher_suites: nothing is known of "ROT13", "XOR"`,
		},
		"versions crossed": {tcp(serve.TLS{CertFile: crt, KeyFile: key, MinVersion: "tls13", MaxVersion: "tls12"}), `listener "127.0.0.1:0": tls_max_version: "tls12" is below tls_min_version`},
		"contradiction": {
			tcp(serve.TLS{CertFile: crt, KeyFile: key, RequireClientCert: true, DisableClientCerts: true}),
			`listener "127.0.0.1:0": tls_disable_client_certs: it contradicts tls_require_and_verify_client_cert`,
		},
		"no CA":   {tcp(serve.TLS{CertFile: crt, KeyFile: key, RequireClientCert: true, ClientCAFile: text}), `listener "127.0.0.1:0": tls_client_ca_file: "DIR/text" holds no PEM certificate`},
		"CA gone": {tcp(serve.TLS{CertFile: crt, KeyFile: key, RequireClientCert: true, ClientCAFile: dir + "/ca"}), `listener "127.0.0.1:0": tls_client_ca_file: open DIR/ca: no such file or directory`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l, err := serve.Listen(t.Context(), tc.spec)
			if err == nil {
				_ = l.Close()
			}
			want := strings.NewReplacer("DIR", dir, "ADDR", taken.Addr().String()).Replace(tc.want)
			if message(err) != want {
				t.Errorf("error\ngot  %v\nwant %s", err, want)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	own, err := user.Current()
	must(t, err)
	path := filepath.Join(folder(t), "agent.sock")
	l := listen(t, serve.Spec{Network: "unix", Address: path, Socket: serve.Socket{Mode: "0660", User: own.Username, Group: own.Gid}})
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode = %v, want srw-rw----", info.Mode())
	}
	stop := run(t, l, hello)
	if got, err := get(t, to(l), nil); got != "HTTP/1.1 nobody" || err != nil {
		t.Errorf("answer %q, error %v", got, err)
	}
	must(t, stop())
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestUnixSocketIsTakenOver(t *testing.T) {
	path := filepath.Join(folder(t), "agent.sock")
	left, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	must(t, err)
	unix, ok := left.(*net.UnixListener)
	if !ok {
		t.Fatalf("a listener of type %T", left)
	}
	unix.SetUnlinkOnClose(false)
	_, err = serve.Listen(t.Context(), serve.Spec{Network: "unix", Address: path})
	if want := fmt.Sprintf("listener %q: address: another process answers there", path); message(err) != want {
		t.Errorf("while it is answered on:\ngot  %v\nwant %s", err, want)
	}
	must(t, left.Close())
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("nothing was left behind: %v", err)
	}
	l := listen(t, serve.Spec{Network: "unix", Address: path})
	run(t, l, hello)
	if got, err := get(t, to(l), nil); got != "HTTP/1.1 nobody" || err != nil {
		t.Errorf("after it was left behind: answer %q, error %v", got, err)
	}
}

func TestUnixSocketWithTLS(t *testing.T) {
	s := tlsSpec(t, issue(t, "first"))
	s.Network, s.Address = "unix", filepath.Join(folder(t), "agent.sock")
	l := listen(t, s)
	run(t, l, hello)
	if got := shown(t, l); got != "first" {
		t.Errorf("the certificate of %q is shown", got)
	}
}

func TestListenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := serve.Listen(ctx, serve.Spec{Network: "tcp", Address: "localhost:0"}); !strings.Contains(message(err), "canceled") {
		t.Errorf("error = %v", err)
	}
}

func TestReloadWithoutTLS(t *testing.T) {
	l := listen(t, serve.Spec{Network: "tcp", Address: "127.0.0.1:0"})
	defer func() { _ = l.Close() }()
	must(t, l.Reload())
}

func ExampleServe() {
	ctx, cancel := context.WithCancel(context.Background())
	l, err := serve.Listen(ctx, serve.Spec{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
	}
	cancel() // the end of a program
	fmt.Println(serve.Serve(ctx, l, http.NotFoundHandler()))
	// Output: <nil>
}
