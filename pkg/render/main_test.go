package render_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vaultk8s/vaultk8s/pkg/auth"
	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a source of fixed answers by the text of the query.
type store map[string]*secret.Response

func (s store) Secret(q secret.Query) *secret.State {
	return &secret.State{Query: q, Response: s[q.String()]}
}

// canary is a value that must never show in an error.
const canary = "canary-7f3a-hunter2"

// held is what most tests find in Vault.
func held() store {
	return store{
		"read secret/app": {
			RequestID: "request-1", LeaseID: "lease-1", LeaseDuration: time.Minute, Renewable: true, Warnings: []string{"old"},
			Data: tree(`{"data":{"username":"app","password":"` + canary + `","list":["a","b"],"n":5,"json":"{\"inner\":\"` + canary + `\"}"},
				"metadata":{"ratio":1.5,"version":3},"num":12345678}`),
		},
		"list secret/list":   {Data: tree(`{"keys":["b","a/","c"]}`)},
		"list secret/empty":  {Data: tree(`{}`)},
		"list numbers":       {Data: tree(`{"keys":[2,"10",{}]}`)},
		"write aws/sts (x)":  {Data: tree(`{"security_token":"` + canary + `"}`)},
		"write transit/hmac": {Data: tree(`{"hmac":"vault:v1:abc"}`)},
		"read no/data":       {RequestID: "r"},
		"read no/body":       {},
		"read auth/login": {Auth: &auth.Token{
			Value: sensitive.New("hvs." + canary), Accessor: "accessor-1", TTL: time.Hour, Renewable: true,
			Policies: []string{"default"}, Metadata: map[string]string{"role": "app"},
		}},
		"read wrapped": {WrapInfo: &vault.WrapInfo{
			Token: sensitive.New("wrap." + canary), TTL: 2 * time.Minute, WrappedAccessor: "accessor-2",
			CreationTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		}},
	}
}

// tree decodes as the Vault client does, with the numbers of encoding/json.
func tree(text string) sensitive.Data {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var data map[string]any
	if err := decoder.Decode(&data); err != nil {
		panic(err)
	}
	return sensitive.NewData(data)
}

func parse(t testing.TB, text string, o render.Options) *render.Template {
	t.Helper()
	if o.Name == "" {
		o.Name = "app.conf"
	}
	template, err := render.Parse(text, o)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return template
}

// execute runs a template over what is held and wants a complete pass.
func execute(t testing.TB, text string, o render.Options) *render.Result {
	t.Helper()
	result, err := parse(t, text, o).Execute(held())
	if err != nil {
		t.Fatalf("Execute(%q): %v", text, err)
	}
	if len(result.Missing) > 0 {
		t.Fatalf("Execute(%q) misses %v", text, result.Missing)
	}
	return result
}

// failure runs a template and returns the text of its error.
func failure(t testing.TB, text string, o render.Options) string {
	t.Helper()
	result, err := parse(t, text, o).Execute(held())
	if err == nil {
		t.Fatalf("Execute(%q) = %q, want an error", text, result.Output)
	}
	if result == nil || result.Output != nil || result.Writes != nil {
		t.Errorf("Execute(%q) gives output along with its error", text)
	}
	return err.Error()
}

// environment stands in for that of the process.
func environment(name string) (string, bool) {
	value, ok := map[string]string{"HOME": "/home/app", "EMPTY": ""}[name]
	return value, ok
}
