package proxy

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/http"
	"slices"
	"strings"
)

// key stands for everything by which one request differs from another.
type key [sha256.Size]byte

// key returns what the exchange is found by in the cache.
func (x *exchange) key() key {
	h := sha256.New()
	add(h, x.request.Method)
	add(h, x.request.URL.EscapedPath())
	add(h, x.request.URL.RawQuery)
	add(h, x.token.Reveal())
	names := relevant(x.request.Header)
	length(h, len(names))
	for _, name := range names {
		add(h, name)
		length(h, len(x.request.Header[name]))
		for _, value := range x.request.Header[name] {
			add(h, value)
		}
	}
	length(h, len(x.body))
	_, _ = h.Write(x.body) // a hash takes everything
	return key(h.Sum(nil))
}

// add writes a text with its length before it, so that two lists of texts are
// the same only where each text is.
func add(h hash.Hash, text string) {
	length(h, len(text))
	_, _ = h.Write([]byte(text))
}

func length(h hash.Hash, n int) { _, _ = h.Write(binary.AppendUvarint(nil, uint64(n))) }

// relevant lists the headers that may change an answer, in a fixed order. A mount
// may be tuned to hand any header to its plugin, so that all of them count but
// those that only tell who asks, when, and over which connection.
func relevant(h http.Header) []string {
	var names []string
	for name := range h {
		if !irrelevant(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func irrelevant(name string) bool {
	switch name {
	case "Accept-Encoding", "Connection", "Content-Length", "Date", "Forwarded", "Keep-Alive", "Te", "Traceparent", "Tracestate",
		"Trailer", "Transfer-Encoding", "User-Agent", "Via", "X-Real-Ip", "X-Request-Id", "X-Vault-Index", "X-Vault-Request":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}
