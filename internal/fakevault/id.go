package fakevault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomText returns n letters and digits. The first 8 of the 62 come up a little
// more often (256 = 4 x 62 + 8), which no test minds.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i, v := range b {
		b[i] = alphabet[int(v)%len(alphabet)]
	}
	return string(b)
}

// newID is an accessor or the last part of a lease id: 24 characters, as Vault's.
func newID() string { return randomText(24) }

// newUUID has the form of Vault's request ids, role ids and secret ids.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return formatUUID(b)
}

func formatUUID(b [16]byte) string {
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	for _, i := range []int{8, 13, 18, 23} {
		out[i] = '-'
	}
	return string(out[:])
}

// newAccessor is the accessor of a mount, such as "kv_1a2b3c4d".
func newAccessor(kind string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return kind + "_" + hex.EncodeToString(b[:])
}

// entityOf is the entity of whoever logs in under a name: the same each time.
func entityOf(m *mount, name string) string {
	sum := sha256.Sum256([]byte(m.accessor + "\x00" + name))
	return formatUUID([16]byte(sum[:16]))
}

// clientID stands for whoever uses the server: the base64 of a SHA-256 sum.
func (s *Server) clientID() string {
	sum := sha256.Sum256([]byte(s.clusterID))
	return base64.StdEncoding.EncodeToString(sum[:])
}
