package fakevault

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// kv1Engine is the key-value engine without versions.
type kv1Engine struct {
	closed
	secrets map[string]kv1Secret
}

type kv1Secret struct {
	data map[string]any
	ttl  time.Duration // 0: the default
}

func (e *kv1Engine) exists(c *call) bool {
	_, found := e.secrets[c.rest]
	return found
}

func (e *kv1Engine) handle(c *call) *reply {
	switch c.op {
	case opRead:
		return e.read(c)
	case opList:
		return keysReply(childKeys(maps.Keys(e.secrets), c.rest))
	case opWrite:
		if len(c.body) == 0 {
			return badRequest("missing data fields")
		}
		e.put(c.rest, c.body)
		return empty()
	case opDelete:
		delete(e.secrets, c.rest)
		return empty()
	}
	return unsupported()
}

func (e *kv1Engine) read(c *call) *reply {
	secret, found := e.secrets[c.rest]
	if !found {
		return notFound()
	}
	return &reply{data: secret.data, duration: firstPositive(secret.ttl, c.s.defaultTTL)}
}

// put stores data, whose field ttl or lease tells readers when to come again.
func (e *kv1Engine) put(path string, data map[string]any) {
	ttl, err := parseTTL(data["ttl"])
	if err != nil || ttl == 0 {
		ttl, err = parseTTL(data["lease"])
	}
	if err != nil {
		ttl = 0
	}
	e.secrets[path] = kv1Secret{data: data, ttl: ttl}
}

// childKeys are the next parts of the paths below a folder, sorted.
func childKeys(paths func(func(string) bool), folder string) []string {
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	found := map[string]bool{}
	for p := range paths {
		if rest, ok := strings.CutPrefix(p, folder); ok && rest != "" {
			found[firstPart(rest)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// plain is what JSON makes of data, so that a caller's later changes do not reach
// the server and numbers keep their form.
func plain(data map[string]any) map[string]any {
	b, err := json.Marshal(data)
	if err != nil {
		panic("fakevault: the data of a secret must be JSON: " + err.Error())
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var out map[string]any
	_ = d.Decode(&out) // it has just been encoded
	return out
}
