package preview

import (
	"strings"
	"testing"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

func TestDataAnswers(t *testing.T) {
	const asJSON = `{
  "secret/data/app": {"data": {"data": {"n": 12345678901234567890, "p": "x"}}},
  "secret/data/app?version=1": {"data": {"data": {"p": "old"}}},
  "list kv/app": {"data": {"keys": ["b", "a"]}},
  "kv/app": {"data": {"p": "both"}},
  "pki/issue/app": {"data": {"certificate": "c"}},
  "database/creds/app": {"lease_id": "l", "lease_duration": 60, "renewable": true, "warnings": ["w"], "data": {}, "auth": {"client_token": "t", "lease_duration": 5},
     "wrap_info": {"token": "w", "ttl": 7}}
}`
	const asYAML = `
secret/data/app: {data: {data: {n: 7, p: x}}}
secret/data/app?version=1: {data: {data: {p: old}}}
list kv/app: {data: {keys: [b, a]}}
kv/app: {data: {p: both}}
pki/issue/app: {data: {certificate: c}}
database/creds/app:
  lease_id: l
  lease_duration: 60
  renewable: true
  data: {}
  auth: {client_token: t, lease_duration: 5}
  wrap_info: {token: w, ttl: 7}
`
	const text = `{{ with secret "secret/data/app" }}{{ .Data.data.p }}{{ end }} {{ with secret "secret/data/app?version=1" }}{{ .Data.data.p }}{{ end }} ` +
		`{{ with secret "secret/data/app?version=9" }}{{ .Data.data.p }}{{ end }} {{ range secrets "kv/app" }}{{ . }}{{ end }} {{ with secret "kv/app" }}{{ .Data.p }}{{ end }} ` +
		`{{ with secret "pki/issue/app" "common_name=x" }}{{ .Data.certificate }}{{ end }} ` +
		`{{ with secret "database/creds/app" }}{{ .LeaseID }} {{ .LeaseDuration }} {{ .Renewable }} {{ .Auth.ClientToken }} {{ .WrapInfo.TTL }}{{ end }}`
	for name, content := range map[string]string{"data.json": asJSON, "data.yaml": asYAML} {
		d, err := ReadData(file(t, name, content))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Render(t.Context(), d, Template{Name: "t", Text: text}, true)
		if err != nil {
			t.Fatal(err)
		}
		if want := "x old x ab both c l 60 true t 7"; string(got.Output) != want {
			t.Errorf("%s: got %q, want %q", name, got.Output, want)
		}
	}
}

func TestDataKeepsLargeNumbers(t *testing.T) {
	d, err := ReadData(file(t, "data", `{"a": {"data": {"n": 12345678901234567890}}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Render(t.Context(), d, Template{Text: `{{ with secret "a" }}{{ .Data.n }}{{ end }}`}, true)
	if err != nil || string(got.Output) != "12345678901234567890" {
		t.Errorf("got %v %v", got, err)
	}
}

func TestDataErrors(t *testing.T) {
	cases := map[string]struct{ content, want string }{
		"JSON":      {`{"a": {"data": "` + canary, `read data "F": the document ends too early or is of another form`},
		"syntax":    {`{"a": ` + canary + `}`, `read data "F": not JSON at byte 7`},
		"kind":      {`{"a": {"lease_duration": "` + canary + `"}}`, `read data "F": "lease_duration" must not be a string`},
		"no answer": {`{"a": {"password": "` + canary + `"}}`, `read data "F": key "password" is not part of an answer of Vault: what a secret holds stands below data`},
		"YAML":      {"- " + canary, `read data "F": it is neither JSON nor YAML, or not an object of paths`},
		"key":       {"a: {data: {? {x: " + canary + "} : 1}}", `read data "F": it is neither JSON nor YAML, or not an object of paths`},
		"path":      {"a: {data: {1: x}}", `read data "F": it holds something that JSON cannot: a key that is no text`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			path := file(t, "data", tc.content)
			_, err := ReadData(path)
			if err == nil || strings.ReplaceAll(err.Error(), path, "F") != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	if _, err := ReadData("testdata/none"); err == nil || err.Error() != "read data: open testdata/none: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

func TestDataTellsWhatIsMissing(t *testing.T) {
	d := &Data{name: "answers.json"}
	_, err := Render(t.Context(), d, Template{Text: `{{ secret "a" }}{{ secrets "b" }}{{ secret "c" "x=canary" }}`}, true)
	want := `"answers.json" has no answer for read a` + "\n" + `"answers.json" has no answer for list b` + "\n" + `"answers.json" has no answer for write c (x)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestAnswersHaveTheTimesOfVault(t *testing.T) {
	r := answer{LeaseDuration: 60, WrapInfo: &answerWrap{TTL: 5}, Auth: &answerAuth{LeaseDuration: 7}}.response()
	if r.LeaseDuration != time.Minute || r.WrapInfo.TTL != 5*time.Second || r.Auth.TTL != 7*time.Second {
		t.Errorf("got %v %v %v", r.LeaseDuration, r.WrapInfo.TTL, r.Auth.TTL)
	}
}

func FuzzReadData(f *testing.F) {
	for _, seed := range []string{"", "{", "{}", "a: {data: {b: c}}", `{"a": {"data": {"b": 1e999}}}`, "a: &x [*x]", "? [a] : b", "a: 2026-01-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		d, err := ReadData(file(t, "data", content))
		if err == nil {
			_, _ = d.Fetch(t.Context(), secret.NewQuery(secret.Read, "a", nil))
		}
	})
}
