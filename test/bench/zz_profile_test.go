package main
import ("testing";"fmt";"encoding/json";"time";"github.com/vaultk8s/vaultk8s/pkg/config/agentfile")
func TestZZTemplates(t *testing.T) {
	j := job{dir: "/x", address: "http://v", role: "a", secret: "b", templates: 5000, paths: 5000}
	text, _ := json.Marshal(j.document())
	b := time.Now()
	d, _, err := agentfile.Decode("agent.json", text)
	fmt.Println("decode", time.Since(b), err, len(d.Templates))
	s, err := scaleTemplates(t.Context(), t.TempDir(), 5000)
	fmt.Println(s, err)
}
func TestZZLeases(t *testing.T) {
	s, err := scaleLeases(t.Context(), t.TempDir(), 30000)
	fmt.Println(s, err)
}
