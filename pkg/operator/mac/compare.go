package mac

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
)

// Comparison is what is known about three things: the text that the status
// recorded, the data that Vault gives now, and the data of the Secret.
type Comparison struct {
	Text     string // to be recorded for the new data; "" without a key
	Recorded bool   // the status held a text that this key may have made
	Changed  bool   // the new data is not what was written last
	Drifted  bool   // the Secret does not hold what was written last
}

// InSync tells that there is nothing to write.
func (c Comparison) InSync() bool { return !c.Changed && !c.Drifted }

// Text returns what a status records of some data; "" without a key. No data is
// the same as empty data.
func (k Key) Text(data map[string][]byte) string {
	if k.None() {
		return ""
	}
	return base64.StdEncoding.EncodeToString(k.Sign(canonical(data)))
}

// Is tells whether a recorded text was made of some data with this key.
func (k Key) Is(recorded string, data map[string][]byte) bool {
	sum, ok := parse(recorded)
	return ok && k.Verify(canonical(data), sum)
}

// Compare judges new data and a Secret's data by the recorded text. Where the
// text says nothing, because there is none, the key is another, or no key can
// be had, the two are compared with each other: equal data is adopted as it is.
//
// The Secret's data is nil where there is no Secret.
func (k Key) Compare(recorded string, fresh, current map[string][]byte) Comparison {
	c := Comparison{Text: k.Text(fresh)}
	_, wellFormed := parse(recorded)
	c.Recorded = wellFormed && !k.None()
	same := current != nil && Equal(fresh, current)
	if same {
		// Whatever was recorded, there is nothing to write and nobody to tell.
		return c
	}
	if !c.Recorded {
		c.Changed = true
		return c
	}
	c.Changed = !k.Is(recorded, fresh)
	c.Drifted = current == nil || !k.Is(recorded, current)
	return c
}

// Equal tells whether two Secrets hold the same data.
func Equal(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }

// Without returns the data without some keys. The data itself is not changed.
func Without(data map[string][]byte, keys ...string) map[string][]byte {
	out := make(map[string][]byte, len(data))
	for key, value := range data {
		if !slices.Contains(keys, key) {
			out[key] = value
		}
	}
	return out
}

// RotationKeys are the keys in the answer of a static role that differ at each
// read while the credentials are the same, and the one that holds them all.
func RotationKeys() []string {
	return []string{"ttl", "rotation_schedule", "rotation_period", "last_vault_rotation", "_raw"}
}

// canonical is the message of some data: encoding/json sorts the keys of a map
// and writes bytes in base64.
func canonical(data map[string][]byte) []byte {
	if data == nil {
		data = map[string][]byte{}
	}
	message, _ := json.Marshal(data) // texts and bytes always encode
	return message
}

// parse reads a recorded text; false where it cannot be a MAC.
func parse(recorded string) ([]byte, bool) {
	sum, err := base64.StdEncoding.DecodeString(recorded)
	if err != nil || len(sum) != 32 { // the length of SHA-256
		return nil, false
	}
	return sum, true
}
