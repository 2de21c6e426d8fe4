package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/test/lab"
)

// canary is a part of every secret value that stories write into Vault.
const canary = "canary-51c9e2e"

// pods counts the pods, for names of their own in servers that all share.
var pods atomic.Int64

// pod is an identity in the servers, the files of a pod, and what its agents print.
type pod struct {
	t     *testing.T
	vault *lab.Vault
	name  string // of its policy and of its roles in Vault
	dir   string // its volumes
	env   []string

	mu      sync.Mutex
	printed strings.Builder // by every process of the pod, and its metrics
	planted []string        // values that must not be printed
}

// newPod makes a pod that talks to the Vault that all share.
func newPod(t *testing.T) *pod {
	t.Helper()
	return newPodAt(t, world.vault)
}

// newPodAt makes a pod that talks to a furnished Vault: with a service account
// token, a role of the kubernetes method, and a policy for secrets below its name.
func newPodAt(t *testing.T, v *lab.Vault) *pod {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-") // a socket needs a shorter path than t.TempDir gives
	must(t, err)
	p := &pod{t: t, vault: v, dir: dir, name: fmt.Sprintf("e%03d", pods.Add(1)), planted: []string{canary, world.jwt, v.Token(), "hvs."}}
	p.env = []string{"PATH=" + dir + "/no-programs", "VAULT_ADDR=" + v.Address(), "VAULTK8S_AGENT_SOCKET=" + dir + "/agent.sock"}
	t.Cleanup(func() {
		p.checkPrinted()
		must(t, os.RemoveAll(dir))
	})
	p.file("jwt", world.jwt)
	p.allow()
	must(t, v.WriteKubernetesRole(t.Context(), "kubernetes", p.name, lab.KubernetesRole{
		Namespaces: []string{"shop"}, ServiceAccounts: []string{"app"}, Audience: "vault", Policies: []string{p.name}, TTL: time.Hour,
	}))
	p.put("app", canary+"-1")
	return p
}

// newVault starts a Vault of its own for a story that breaks it.
func newVault(t *testing.T) *lab.Vault {
	t.Helper()
	v := lab.UseVault(t, lab.VaultOptions{})
	must(t, world.furnish(t.Context(), v))
	return v
}

// allow writes the pod's policy.
func (p *pod) allow() {
	p.t.Helper()
	must(p.t, p.vault.Policy(p.t.Context(), p.name, p.text(`
path "secret/data/NAME/*" { capabilities = ["read"] }
path "kv/NAME/*" { capabilities = ["read"] }
path "database/creds/NAME" { capabilities = ["read"] }
path "database/static-creds/NAME" { capabilities = ["read"] }
path "pki/issue/NAME" { capabilities = ["update"] }
`)))
}

// deny empties the pod's policy.
func (p *pod) deny() {
	p.t.Helper()
	must(p.t, p.vault.Policy(p.t.Context(), p.name, p.text(`path "secret/data/NAME/none" { capabilities = ["read"] }`)))
}

// put writes the key password of a secret of the pod.
func (p *pod) put(name, value string) {
	p.t.Helper()
	_, err := p.vault.Write(p.t.Context(), "secret/data/"+p.name+"/"+name, map[string]any{"data": map[string]any{"password": value}})
	must(p.t, err)
}

// text fills in what differs between pods.
func (p *pod) text(template string) string {
	return strings.NewReplacer("DIR", p.dir, "NAME", p.name, "ADDR", p.vault.Address()).Replace(template)
}

func (p *pod) path(name string) string { return filepath.Join(p.dir, name) }

// file writes a file of the pod as it is: in a token, too, may be the letters
// that text replaces.
func (p *pod) file(name, content string) {
	p.t.Helper()
	must(p.t, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
	must(p.t, os.WriteFile(p.path(name), []byte(content), 0o600))
}

// read returns a file of the pod, "" where there is none.
func (p *pod) read(name string) string {
	content, _ := os.ReadFile(p.path(name))
	return string(content)
}

// awaitFile waits until a file has a content.
func (p *pod) awaitFile(name, want string) {
	p.t.Helper()
	await(p.t, func() error {
		if got := p.read(name); got != want {
			return fmt.Errorf("file %q holds %q, want %q", name, got, want)
		}
		return nil
	})
}

// awaitOther waits until a file is there with another content than before.
func (p *pod) awaitOther(name, before string) string {
	p.t.Helper()
	var got string
	await(p.t, func() error {
		if got = p.read(name); got == "" || got == before {
			return fmt.Errorf("file %q still holds %q", name, got)
		}
		return nil
	})
	return got
}

// secretly notes a value that must not be printed.
func (p *pod) secretly(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planted = append(p.planted, value)
}

// note keeps what was printed.
func (p *pod) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.printed.WriteString(text)
}

func (p *pod) checkPrinted() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.printed.String()
	if all == "" {
		p.t.Error("nothing was printed: the check for secrets proves nothing")
	}
	for _, value := range p.planted {
		if i := strings.Index(all, value); i >= 0 {
			p.t.Errorf("a secret was printed: ...%s", all[max(0, i-200):i+len(value)])
		}
	}
	if p.t.Failed() {
		p.t.Log(withoutHelp(all))
	}
}

// withoutHelp leaves out the lines of a metrics page that tell nothing.
func withoutHelp(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "go_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// logins counts the tokens of the pod that live in Vault.
func (p *pod) logins() int {
	p.t.Helper()
	return len(p.accessors())
}

// accessors finds the pod's tokens by their policy.
func (p *pod) accessors() []string {
	p.t.Helper()
	out, err := p.vault.Do(p.t.Context(), "LIST", "auth/token/accessors", nil)
	must(p.t, err)
	var found []string
	for _, accessor := range list(dig(out, "data", "keys")) {
		// One of another pod may end between the list and this.
		token, err := p.vault.Write(p.t.Context(), "auth/token/lookup-accessor", map[string]any{"accessor": accessor})
		if err != nil {
			continue
		}
		for _, policy := range list(dig(token, "data", "policies")) {
			if policy == p.name {
				found = append(found, accessor)
			}
		}
	}
	return found
}

// dig walks down nested objects.
func dig(in map[string]any, keys ...string) any {
	var at any = in
	for _, k := range keys {
		object, _ := at.(map[string]any)
		at = object[k]
	}
	return at
}

// list returns the texts of a list.
func list(in any) []string {
	items, _ := in.([]any)
	var texts []string
	for _, item := range items {
		text, _ := item.(string)
		texts = append(texts, text)
	}
	return texts
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patience bounds every wait. The longest that a story waits for is a lease of
// 75 s that ends; a busy machine gets as long again.
const patience = 3 * time.Minute

// await asks every ten milliseconds until nothing is wrong.
func await(t *testing.T, wrong func() error) {
	t.Helper()
	if err := awaitWithin(t, patience, wrong); err != nil {
		t.Fatalf("after %s: %v", patience, err)
	}
}

func awaitWithin(t *testing.T, limit time.Duration, wrong func() error) error {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := wrong()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return err
		}
	}
}

// entries takes the log lines in JSON out of what was printed.
func entries(printed string) []map[string]any {
	var all []map[string]any
	for line := range strings.Lines(printed) {
		var e map[string]any
		if json.Unmarshal([]byte(line), &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

func (p *pod) stat(name string) os.FileInfo {
	p.t.Helper()
	info, err := os.Stat(p.path(name))
	must(p.t, err)
	return info
}

// wrapped posts as root and returns the answer wrapped, which the lab's client
// cannot ask for.
func (p *pod) wrapped(path, body string) map[string]any {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.vault.Address()+"/v1/"+path, strings.NewReader(body))
	must(p.t, err)
	request.Header.Set("X-Vault-Token", p.vault.Token())
	request.Header.Set("X-Vault-Wrap-TTL", "10m")
	var out map[string]any
	must(p.t, json.Unmarshal([]byte(fetch(p.t, request)), &out))
	return out
}

// fetch sends a request and returns the body of the answer.
func fetch(t *testing.T, request *http.Request) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	must(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return string(body)
}

// quiet is a log that nobody reads: of failures that a story provokes.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
