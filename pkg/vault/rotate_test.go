package vault

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// atEveryRequest makes a client that looks at its CA files at each request.
func atEveryRequest(t *testing.T, c config.Vault) (*Client, *rotating) {
	t.Helper()
	r, err := newRotating(c, "", 0, Material{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.CloseIdleConnections)
	return newClient(t, c, WithTransport(r)), r
}

// replace puts a new file in the place of another: it is another file, whatever
// the clock of the file system says.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.Rename(save(t, t.TempDir(), "new", content), path); err != nil {
		t.Fatal(err)
	}
}

// trusts tells whether the server of a client is believed. Its connections are
// closed first, so that there is a handshake.
func trusts(t *testing.T, c *Client, r *rotating) bool {
	t.Helper()
	r.CloseIdleConnections()
	_, err := read(t, c, "a")
	if err != nil && failure(t, err).Hint != "the CA of the server's certificate is not trusted here; set the CA certificate (ca_cert, ca_path, VAULT_CACERT)" {
		t.Fatal(err)
	}
	return err == nil
}

func TestCAFilesAreReadAgain(t *testing.T) {
	server, other := issue(t, "loopback", time.Now().Add(time.Hour)), issue(t, "other", time.Now().Add(time.Hour))
	address := serveTLS(t, server)
	cases := map[string]func(dir string) config.Vault{
		"file":      func(dir string) config.Vault { return config.Vault{CACert: filepath.Join(dir, "ca.crt")} },
		"directory": func(dir string) config.Vault { return config.Vault{CAPath: dir} },
		"file beside a text": func(dir string) config.Vault {
			return config.Vault{CACert: filepath.Join(dir, "ca.crt"), CACertBytes: string(other.cert)}
		},
	}
	for name, conf := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := save(t, dir, "ca.crt", other.cert)
			c := conf(dir)
			c.Address = address
			client, r := atEveryRequest(t, c)
			for _, step := range []struct {
				when   string
				change func()
				want   bool
			}{
				{"with the CA of somebody else", func() {}, false},
				{"after the rotation", func() { replace(t, path, server.cert) }, true},
				{"with a file that is half written", func() { replace(t, path, server.cert[:40]) }, true},
				{"without the file", func() { _ = os.Remove(path) }, true},
				{"after a rotation away", func() { save(t, dir, "ca.crt", other.cert) }, false},
			} {
				step.change()
				if got := trusts(t, client, r); got != step.want {
					t.Errorf("%s the server is trusted: %v", step.when, got)
				}
			}
		})
	}
}

// TestCAVolumeIsReadAgain rotates as the kubelet does: a link changes, no file.
func TestCAVolumeIsReadAgain(t *testing.T) {
	server, other := issue(t, "loopback", time.Now().Add(time.Hour)), issue(t, "other", time.Now().Add(time.Hour))
	volume := t.TempDir()
	for name, content := range map[string][]byte{"..1": other.cert, "..2": server.cert} {
		if err := os.Mkdir(filepath.Join(volume, name), 0o700); err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(volume, name), "ca.crt", content)
	}
	link := func(to, name string) {
		t.Helper()
		_ = os.Remove(filepath.Join(volume, name))
		if err := os.Symlink(to, filepath.Join(volume, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", "..data")
	link("..data/ca.crt", "ca.crt")
	client, r := atEveryRequest(t, config.Vault{Address: serveTLS(t, server), CAPath: volume})
	if trusts(t, client, r) {
		t.Error("the server is trusted before the rotation")
	}
	link("..2", "..data")
	if !trusts(t, client, r) {
		t.Error("the server is not trusted after the rotation")
	}
}

func TestCAFilesAreLookedAtNowAndThen(t *testing.T) {
	server := issue(t, "loopback", time.Now().Add(time.Hour))
	path := save(t, t.TempDir(), "ca.crt", server.cert)
	r, err := newRotating(config.Vault{CACert: path}, "", caInterval, Material{})
	if err != nil {
		t.Fatal(err)
	}
	first := r.current
	replace(t, path, issue(t, "other", time.Now().Add(time.Hour)).cert)
	for _, step := range []struct {
		after   time.Duration
		changed bool
	}{{0, false}, {caInterval - time.Nanosecond, false}, {caInterval, true}} {
		if changed := r.pool(r.looked.Add(step.after)) != first; changed != step.changed {
			t.Errorf("%v after a look the pool is another: %v", step.after, changed)
		}
	}
	second := r.current
	if r.pool(r.looked.Add(caInterval)) != second {
		t.Error("the pool is replaced though no file changed")
	}
}

// TestPoolIsKept counts what a pool is for: without a rotation there is one.
func TestPoolIsKept(t *testing.T) {
	ca := issue(t, "a", time.Now().Add(time.Hour)).cert
	dir := t.TempDir()
	file := save(t, dir, "ca.crt", ca)
	for name, c := range map[string]config.Vault{
		"no CA": {}, "text": {CACertBytes: string(ca)}, "file": {CACert: file}, "directory": {CAPath: dir},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := newRotating(c, "", 0, Material{})
			if err != nil {
				t.Fatal(err)
			}
			first := r.current
			for range 3 {
				if r.pool(time.Now()) != first {
					t.Fatal("the pool is another")
				}
			}
		})
	}
}

func TestClientRotates(t *testing.T) {
	_, round, closeIdle, err := newRoundTripper(config.Vault{}, target{}, nil, Material{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeIdle()
	inner, ok := round.(bounded)
	if !ok {
		t.Fatalf("requests go through a %T", round)
	}
	if r, ok := inner.next.(*rotating); !ok || r.every != caInterval {
		t.Errorf("requests go through a %T", inner.next)
	}
}
