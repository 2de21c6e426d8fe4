package cluster_test

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// agentConfigMap runs a hand-written document of the Vault Agent, with a listener that
// the application asks without a token.
func agentConfigMap(s *stage) {
	if err := world.vault.DynamicRole(s.Context(), "database", "orders-configmap", time.Hour, time.Hour); err != nil {
		s.Fatal(err)
	}
	s.secret(world.vault, "configmap/production", map[string]any{"db_pass": "s3cret"})
	s.color("red")
	s.play("agent-configmap")
	s.rolledOut("orders-configmap")
	p := s.pod("orders-configmap")
	s.want("init containers", names(p.Spec.InitContainers), "vault-agent-init")
	s.want("containers", names(p.Spec.Containers), "app,vault-agent")
	s.want("file", s.file(p, "/vault/secrets/config"), "color=red")
	s.connect(s.file(p, "/vault/secrets/db"))

	static := s.ask(p, "secret/data/configmap/production")
	s.want("a secret without a lease", static.state+" "+static.text("data", "db_pass"), "MISS s3cret")
	first, second := s.ask(p, "database/creds/orders-configmap"), s.ask(p, "database/creds/orders-configmap")
	s.want("the second answer with a lease", second.state+" "+second.LeaseID, "HIT "+first.LeaseID)
	s.connect("postgresql://" + first.text("username") + ":" + first.text("password") + "@db.internal")

	s.color("green")
	s.want("the command of the template", s.logged(p.Metadata.Name, "app", "reloaded color=green"), "reloaded color=green")
	if n := s.pod("orders-configmap").restarts(); n != 0 {
		s.Errorf("%d restarts", n)
	}
}

// color writes a secret of the older engine, which says itself how often it is worth a
// look: the document does not.
func (s *stage) color(name string) {
	s.Helper()
	if _, err := world.vault.Write(s.Context(), "kv/configmap/production", map[string]any{"color": name, "ttl": "1s"}); err != nil {
		s.Fatal(err)
	}
}

// answer is one of the agent's listener.
type answer struct {
	state   string         // of its cache: HIT or MISS
	LeaseID string         `json:"lease_id"`
	Data    map[string]any `json:"data"`
	Auth    struct {
		Token string `json:"client_token"`
	}
}

// text is a value of the data.
func (a answer) text(path ...string) string {
	at := a.Data
	for _, step := range path[:len(path)-1] {
		at, _ = at[step].(map[string]any)
	}
	value, _ := at[path[len(path)-1]].(string)
	return value
}

// ask makes a request in the application's container, as an application does that was
// written for the listener.
func (s *stage) ask(p pod, path string) (out answer) {
	s.Helper()
	return s.askAt(p, "", "http://127.0.0.1:8100", path)
}

// askAt makes a request at an address, with further flags of wget.
func (s *stage) askAt(p pod, flags, address, path string) (out answer) {
	s.Helper()
	s.eventually("the listener answers", func() error {
		text, err := s.try("exec", p.Metadata.Name, "-c", "app", "--",
			"sh", "-c", "wget -S -q -O - "+flags+address+"/v1/"+path+" 2>&1")
		if err != nil {
			return err
		}
		headers, body, found := strings.Cut(text, "{")
		if !found {
			return errors.New("no body: " + text)
		}
		for line := range strings.Lines(headers) {
			if key, value, _ := strings.Cut(strings.TrimSpace(line), ": "); strings.EqualFold(key, "X-Cache") {
				out.state = value
			}
		}
		return json.Unmarshal([]byte("{"+body), &out)
	})
	return out
}
