package agent_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// sinkDocument is a document whose only sink is the given one.
func sinkDocument(method, sink string) string {
	return `
auto_auth {
  method "kubernetes" {
    ` + method + `
    config = { role = "app", token_path = "DIR/token" }
  }
  sink "file" {
    ` + sink + `
    config = { path = "DIR/sink" }
  }
}
`
}

func (w *world) whole(document string) string { return strings.ReplaceAll(document, "DIR", w.dir) }

func TestWrappedSinkIsWrittenOncePerToken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.start(w.options(w.whole(sinkDocument("", `wrap_ttl = "5m"`))))
		var info struct {
			Token        string `json:"token"`
			CreationPath string `json:"creation_path"`
			TTL          int    `json:"ttl"`
		}
		first := w.read("sink")
		if err := json.Unmarshal([]byte(first), &info); err != nil || info.Token == "" || info.CreationPath != "sys/wrapping/wrap" || info.TTL != 300 {
			t.Errorf("the sink holds no description of a wrapped token: %v", err)
		}
		pass(12 * time.Hour)
		if w.read("sink") != first {
			t.Error("a renewal of the token wrapped it again")
		}
		pass(13 * time.Hour)
		if w.read("sink") == first {
			t.Error("a new token was not wrapped")
		}
	})
}

func TestLoginThatIsWrappedGoesToTheSinkOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.start(w.options(w.whole(sinkDocument(`wrap_ttl = "5m"`, "") + kvTemplate)))
		var info struct {
			CreationPath string `json:"creation_path"`
		}
		if err := json.Unmarshal([]byte(w.read("sink")), &info); err != nil || info.CreationPath != "auth/kubernetes/login" {
			t.Errorf("the sink holds no wrapped login: %v", err)
		}
		pass(48 * time.Hour)
		if n := len(w.vault.Requests()); n != 1 {
			t.Errorf("%d requests, want the login alone", n)
		}
		if w.read("out/kv") != "" || !strings.Contains(w.log(), "templates are never rendered") {
			t.Error("the log does not tell that the template is not rendered")
		}
	})
}

func TestEncryptedSinkWaitsForItsReader(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.start(w.options(w.whole(sinkDocument("", "dh_type = \"curve25519\"\ndh_path = \"DIR/reader.json\"\nderive_key = true\naad = \"x\""))))
		if w.read("sink") != "" {
			t.Error("something was written without a reader")
		}
		key, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := json.Marshal(map[string][]byte{"curve25519_public_key": key.PublicKey().Bytes()})
		if err != nil {
			t.Fatal(err)
		}
		w.file("reader.json", string(reader))
		pass(2 * time.Minute)
		first := w.read("sink")
		if !strings.Contains(first, `"encrypted_payload"`) {
			t.Fatal("the sink is not encrypted")
		}
		pass(12 * time.Hour)
		if w.read("sink") != first {
			t.Error("a renewal of the token encrypted it again")
		}
		if !strings.Contains(w.log(), "token not written") {
			t.Error("the log does not tell what the sink waited for")
		}
	})
}

func TestReloadFromAWrappedLoginToOneOfItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		change := w.reloading(w.whole(sinkDocument(`wrap_ttl = "5m"`, "") + kvTemplate))
		if w.read("out/kv") != "" {
			t.Fatal("an agent without a token rendered something")
		}
		change(w.whole(sinkDocument("", "") + kvTemplate))
		pass(time.Second)
		if w.read("out/kv") != canary+"-1" || strings.Contains(w.read("sink"), "creation_path") {
			t.Error("the agent does not use the token that it has now")
		}
		change(w.whole(sinkDocument(`wrap_ttl = "5m"`, "") + kvTemplate))
		pass(time.Second)
		if !strings.Contains(w.read("sink"), "creation_path") {
			t.Error("the sink does not hold a wrapped login again")
		}
	})
}
