package e2e_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// sinking logs in with a sink of these settings, and one of its own for the file.
func sinking(settings string) string {
	return strings.Replace(login, "auto_auth {", "auto_auth {\n  sink \"file\" {\n    "+settings+"\n    config = { path = \"DIR/token\" }\n  }", 1)
}

// unwrap opens a wrapping token, which works once.
func (p *pod) unwrap(token string) (map[string]any, error) {
	return p.vault.DoAs(p.t.Context(), token, http.MethodPut, "sys/wrapping/unwrap", nil)
}

// wrapInfo is what a sink holds of a wrapped token.
type wrapInfo struct {
	Token        string `json:"token"`
	Accessor     string `json:"accessor"`
	TTL          int    `json:"ttl"`
	CreationPath string `json:"creation_path"`
}

// wrappingOf reads what a sink holds.
func (p *pod) wrappingOf(text string) wrapInfo {
	p.t.Helper()
	var w wrapInfo
	must(p.t, json.Unmarshal([]byte(text), &w))
	p.secretly(w.Token)
	return w
}

// expectToken checks that a token reads the pod's secret.
func (p *pod) expectToken(token string) {
	p.t.Helper()
	out, err := p.vault.DoAs(p.t.Context(), token, http.MethodGet, "secret/data/"+p.name+"/app", nil)
	if err != nil || dig(out, "data", "data", "password") != canary+"-1" {
		p.t.Errorf("the delivered token does not read: %v", err)
	}
}

// TestSinkWithAWrappedToken unwraps what Vault wrapped.
func TestSinkWithAWrappedToken(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	if code := p.start("exit_after_auth = true\n" + sinking(`wrap_ttl = "5m"`)).wait(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	w := p.wrappingOf(p.read("token"))
	if w.TTL != 300 || w.CreationPath != "sys/wrapping/wrap" || w.Accessor == "" {
		t.Errorf("wrapping of %d s at %q", w.TTL, w.CreationPath)
	}
	out, err := p.unwrap(w.Token)
	must(t, err)
	token, _ := dig(out, "data", "token").(string)
	p.expectToken(token)
	if _, err := p.unwrap(w.Token); err == nil {
		t.Error("it can be unwrapped twice")
	}
}

// TestSinkWithAWrappedLogin hands a login on that the agent never sees: it logs
// in anew only for new credentials, and renders nothing.
func TestSinkWithAWrappedLogin(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	document := strings.Replace(sinking(""), `method "kubernetes" {`, "method \"kubernetes\" {\n    wrap_ttl = \"5m\"\n   ", 1)
	a := p.start(strings.Replace(document, "config = { role", "\n    config = { role", 1) + kv)
	a.awaitLog(1, "templates are never rendered: the agent has no token to read secrets with")
	w := p.wrappingOf(p.awaitOther("token", ""))
	if w.TTL != 300 || w.CreationPath != "auth/kubernetes/login" {
		t.Errorf("wrapping of %d s at %q", w.TTL, w.CreationPath)
	}
	out, err := p.unwrap(w.Token)
	must(t, err)
	token, _ := dig(out, "auth", "client_token").(string)
	p.expectToken(token)
	if p.read("out/kv") != "" {
		t.Error("a template was rendered")
	}
}

// reader makes the key of a program that reads an encrypted sink.
func (p *pod) reader(name string) *ecdh.PrivateKey {
	p.t.Helper()
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	must(p.t, err)
	text, err := json.Marshal(map[string][]byte{"curve25519_public_key": key.PublicKey().Bytes()})
	must(p.t, err)
	p.file(name, string(text))
	return key
}

// decrypt is a reader of the Vault Agent's sinks.
func decrypt(key *ecdh.PrivateKey, text string, derive bool, aad string) (string, error) {
	var e struct {
		Key     []byte `json:"curve25519_public_key"`
		Nonce   []byte `json:"nonce"`
		Payload []byte `json:"encrypted_payload"`
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return "", err
	}
	theirs, err := ecdh.X25519().NewPublicKey(e.Key)
	if err != nil {
		return "", err
	}
	secret, err := key.ECDH(theirs)
	if err != nil {
		return "", err
	}
	if derive {
		low, high := key.PublicKey().Bytes(), e.Key
		if bytes.Compare(low, high) > 0 {
			low, high = high, low
		}
		if secret, err = hkdf.Key(sha256.New, secret, low, string(high), 32); err != nil {
			return "", err
		}
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return "", err
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	plain, err := box.Open(nil, e.Nonce, e.Payload, []byte(aad))
	return string(plain), err
}

func TestSinkThatIsEncrypted(t *testing.T) {
	const dh = "dh_type = \"curve25519\"\ndh_path = \"DIR/key\"\n"
	cases := map[string]struct {
		settings string
		derive   bool
		aad      string
		wrapped  bool
	}{
		"plainly":                 {settings: dh},
		"with a derived key":      {settings: dh + "derive_key = true\naad = \"of the pod\"", derive: true, aad: "of the pod"},
		"with data of a variable": {settings: dh + "aad_env_var = \"E2E_AAD\"", aad: "of the environment"},
		"and wrapped":             {settings: dh + "wrap_ttl = \"5m\"", wrapped: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			p.env = append(p.env, "E2E_AAD=of the environment")
			key := p.reader("key")
			if code := p.start("exit_after_auth = true\n" + sinking(tc.settings)).wait(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			text := p.read("token")
			if strings.Contains(text, "hvs.") {
				t.Error("the token stands in the file")
			}
			if _, err := decrypt(key, text, tc.derive, tc.aad+"x"); err == nil {
				t.Error("it can be read with other additional data")
			}
			token, err := decrypt(key, text, tc.derive, tc.aad)
			must(t, err)
			if tc.wrapped {
				out, err := p.unwrap(p.wrappingOf(token).Token)
				must(t, err)
				token, _ = dig(out, "data", "token").(string)
			}
			p.expectToken(token)
		})
	}
}

// TestSinkWaitsForItsReader has the reader write its key after the agent started.
func TestSinkWaitsForItsReader(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	a := p.start(sinking("dh_type = \"curve25519\"\ndh_path = \"DIR/key\"") + kv)
	a.awaitLog(1, "token not written", "error", p.text(`read dh_path "DIR/key": the reader has not written its public key yet`))
	p.awaitFile("out/kv", canary+"-1")
	if code, out := p.run("agent", "ready"); code != 1 || failure(out) != p.text(`not ready: the token was not written to "DIR/token" yet`) {
		t.Errorf("ready: exit code %d, %s", code, failure(out))
	}
	key := p.reader("key")
	token, err := decrypt(key, p.awaitOther("token", ""), false, "")
	must(t, err)
	p.expectToken(token)
	a.awaitReady()
}

// TestSinkWithAnOwner gives the file to somebody else, where the tests may.
func TestSinkWithAnOwner(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 12345, 54321
	}
	document := strings.Replace(sinking(""), `config = { path = "DIR/token" }`, fmt.Sprintf(`config = { path = "DIR/token", mode = 0604, uid = %d, gid = %d }`, uid, gid), 1)
	p.start(document).awaitReady()
	p.expectToken(p.read("token"))
	info := p.stat("token")
	stat, _ := info.Sys().(*syscall.Stat_t)
	if info.Mode().Perm() != 0o604 || int(stat.Uid) != uid || int(stat.Gid) != gid {
		t.Errorf("mode %o, owner %d:%d; want 604, %d:%d", info.Mode().Perm(), stat.Uid, stat.Gid, uid, gid)
	}
}

// TestSinkFollowsTheToken writes a new token when the old one is revoked.
func TestSinkFollowsTheToken(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.start(quick + sinking("") + kv).awaitReady()
	before := p.read("token")
	p.revokeTokens()
	p.expectToken(p.awaitOther("token", before))
}
