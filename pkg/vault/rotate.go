package vault

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// caInterval is how often the CA files are looked at while there are requests. A
// look at a file costs a microsecond; the kubelet takes up to about a minute to
// bring a new one into a volume, so that 5 s more do not matter.
const caInterval = 5 * time.Second

// rotating is a pool of connections that is replaced when the CA files change. A
// transport cannot be given other CAs while it is used, and checking certificates
// ourselves in the handshake would leave us without the name of the server where
// that is an IP address.
type rotating struct {
	config config.Vault
	socket string
	every  time.Duration

	mu       sync.Mutex
	current  *http.Transport
	seen     []os.FileInfo // the CA files that current trusts
	looked   time.Time     // when the files were looked at
	material Material
}

func newRotating(c config.Vault, socket string, every time.Duration, m Material) (*rotating, error) {
	r := &rotating{config: c, socket: socket, every: every, looked: time.Now(), seen: caFiles(c), material: m}
	var err error
	r.current, err = newTransport(m.within(c), socket, m)
	return r, err
}

// RoundTrip implements http.RoundTripper.
func (r *rotating) RoundTrip(request *http.Request) (*http.Response, error) {
	return r.pool(time.Now()).RoundTrip(request)
}

// CloseIdleConnections closes the connections that are idle.
func (r *rotating) CloseIdleConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.CloseIdleConnections()
}

// pool returns the pool for a request.
func (r *rotating) pool(now time.Time) *http.Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.looked) >= r.every {
		r.looked = now
		r.refresh()
	}
	return r.current
}

// refresh replaces the pool where its CA files changed. Files that cannot be read,
// such as one that is half written, leave the old CAs in use. Requests that are
// under way end on their old connections.
func (r *rotating) refresh() {
	files := caFiles(r.config)
	if slices.EqualFunc(files, r.seen, sameFile) {
		return
	}
	next, err := newTransport(r.material.within(r.config), r.socket, r.material)
	if err != nil {
		return
	}
	r.current.CloseIdleConnections()
	r.current, r.seen = next, files
}

// caFiles returns the state of the files that CA certificates come from.
func caFiles(c config.Vault) []os.FileInfo {
	var files []os.FileInfo
	add := func(path string) {
		if info, err := os.Stat(path); err == nil {
			files = append(files, info)
		}
	}
	if c.CACert != "" {
		add(c.CACert)
	}
	if c.CAPath == "" {
		return files
	}
	entries, _ := os.ReadDir(c.CAPath) // one that is gone has no files
	for _, entry := range entries {
		if caEntry(entry) {
			add(filepath.Join(c.CAPath, entry.Name()))
		}
	}
	return files
}

// caEntry tells whether an entry of a CA directory may be a certificate: not a
// subdirectory, and none of the names with two dots that the kubelet keeps beside
// the files of a volume.
func caEntry(entry os.DirEntry) bool {
	return !entry.IsDir() && !strings.HasPrefix(entry.Name(), "..")
}
