package preview

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

// sourceFunc is a function that is a Source.
type sourceFunc func(q secret.Query) (*secret.Response, error)

func (f sourceFunc) Fetch(_ context.Context, q secret.Query) (*secret.Response, error) { return f(q) }

// values answers every query with the same KV data.
func values(pairs ...any) sourceFunc {
	data := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		data[pairs[i].(string)] = pairs[i+1]
	}
	return func(secret.Query) (*secret.Response, error) { return answer{Data: data}.response(), nil }
}

func TestRenderOfALiveVault(t *testing.T) {
	s := newServer()
	const text = `{{ with secret "secret/app/db" }}{{ range $k, $v := .Data.data }}{{ $k }}={{ $v }}
{{ end }}{{ end }}{{ with secret "kv/one" }}{{ .Data.password }}{{ end }}{{ range secrets "secret/app" }} {{ . }}{{ end }}`
	cases := map[string]struct {
		show bool
		want string
	}{
		"redacted": {want: "empty=\npassword=[redacted]\nport=0\ntls=false\nuser=[redacted]\n[redacted] db deep/"},
		"shown":    {show: true, want: "empty=\npassword=C-password\nport=5432\ntls=true\nuser=C-user\nC-v1 db deep/"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Render(t.Context(), connect(t, s, nil), Template{Name: "t", Text: text}, tc.show)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(tc.want, "C-", canary+"-"), string(got.Output)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Stand-ins keep templates working that decode what they read, and hide it all the same.
func TestStandInsHaveTheFormThatATemplateNeeds(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	cases := map[string]struct {
		src  sourceFunc
		text string
		want string
	}{
		"plain":   {values("v", encoded), `{{ with secret "x" }}{{ .Data.v }}{{ end }}`, "[redacted]"},
		"base64":  {values("v", encoded), `{{ with secret "x" }}{{ base64Decode .Data.v }}{{ end }}`, "[redacted]"},
		"JSON":    {values("v", `{"a": ["`+canary+`", 7, true, null]}`), `{{ with secret "x" }}{{ with parseJSON .Data.v }}{{ toJSON . }}{{ end }}{{ end }}`, `{"a":["[redacted]",0,false,null]}`},
		"number":  {values("v", " 8080"), `{{ with secret "x" }}{{ .Data.v | trimSpace | parseInt | add 1 }}{{ end }}`, "1"},
		"boolean": {values("v", "true"), `{{ with secret "x" }}{{ if parseBool .Data.v }}yes{{ else }}no{{ end }}{{ end }}`, "no"},
		"nested":  {values("v", map[string]any{"w": []any{canary}}), `{{ with secret "x" }}{{ index .Data.v.w 0 }}{{ end }}`, "[redacted]"},
		"empty":   {values("v", ""), `{{ with secret "x" }}{{ if .Data.v }}some{{ else }}none{{ end }}{{ end }}`, "none"},
		"nothing": {values(), `text`, "text"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Render(t.Context(), tc.src, Template{Name: "t", Text: tc.text}, false)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Output) != tc.want {
				t.Errorf("got %q, want %q", got.Output, tc.want)
			}
		})
	}
}

func TestTimesKeepTheirForm(t *testing.T) {
	if got := imitate("2026-11-21T14:00:00Z"); got != "1970-01-01T00:00:00Z" {
		t.Errorf("got %q", got)
	}
}

func TestCertificatesAreRedacted(t *testing.T) {
	s := newServer()
	const text = `{{ with pkiCert "pki/issue/app" "common_name=canary-9f31.test" }}{{ .Cert }}{{ .Key }}{{ .CA }}{{ end }}`
	allowed := func(o *ConnectOptions) { o.AllowWrites = true }
	shown, err := Render(t.Context(), connect(t, s, allowed), Template{Name: "t", Text: text}, true)
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := Render(t.Context(), connect(t, s, allowed), Template{Name: "t", Text: text}, false)
	if err != nil {
		t.Fatal(err)
	}
	shape := func(out []byte) (lines []string) {
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "-----") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	if diff := cmp.Diff(shape(shown.Output), shape(hidden.Output)); diff != "" || len(shape(hidden.Output)) != 6 {
		t.Errorf("the shape differs (-shown +hidden)\n%s\n%s", diff, hidden.Output)
	}
	if strings.Contains(string(hidden.Output), string(shown.Output[40:80])) {
		t.Error("the certificate is shown")
	}
}

func TestPEMThatIsNone(t *testing.T) {
	for _, text := range []string{"-----BEGIN X\n" + canary, "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n"} {
		if got := imitate(text); strings.Contains(got, "Y2FuYXJ5") || strings.Contains(got, canary) {
			t.Errorf("got %q", got)
		}
	}
}

// Whatever kind a response is of, none of its values gets out.
func TestNoValueGetsOut(t *testing.T) {
	full := func(secret.Query) (*secret.Response, error) {
		return answer{
			RequestID: canary, LeaseID: canary, LeaseDuration: 5, Data: map[string]any{"v": canary, "n": map[string]any{"l": []any{canary}}},
			Warnings: []string{canary},
			Auth:     &answerAuth{ClientToken: canary, Accessor: canary, Metadata: map[string]string{"a": canary}, Policies: []string{"p"}},
			WrapInfo: &answerWrap{Token: canary, WrappedAccessor: canary},
		}.response(), nil
	}
	t.Setenv("APP_TOKEN", canary)
	t.Setenv("APP_MODE", "mode")
	const text = `{{ with secret "x" }}{{ .RequestID }} {{ .LeaseID }} {{ .Data }} {{ .Warnings }} {{ .Auth }} {{ .WrapInfo }}{{ end }} {{ env "APP_TOKEN" }} {{ env "APP_MODE" }}`
	got, err := Render(t.Context(), sourceFunc(full), Template{Name: "t", Text: text}, false)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got.Output), canary) || strings.Count(string(got.Output), "[redacted]") < 8 {
		t.Errorf("got %s", got.Output)
	}
	if !strings.HasSuffix(string(got.Output), " [redacted] mode") {
		t.Errorf("got %s", got.Output)
	}
}

func TestWritesAreToldAndNotDone(t *testing.T) {
	got, err := Render(t.Context(), values("v", canary), Template{Name: "t", Text: `{{ with secret "x" }}{{ .Data.v | writeToFile "/nowhere/x" "" "" "0600" }}{{ end }}`}, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Rendered{Output: []byte{}, Writes: []string{"/nowhere/x"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRenderErrors(t *testing.T) {
	none := sourceFunc(func(q secret.Query) (*secret.Response, error) { return nil, fmt.Errorf("no %v", q) })
	cases := map[string]struct {
		src  Source
		text string
		want string
	}{
		"syntax":  {none, "{{ if }}", `template "t", line 1: missing value for if`},
		"missing": {none, `{{ with secret "a" }}{{ end }}{{ with secret "b" }}{{ end }}`, "no read a\nno read b"},
		"failure": {values("v", canary), `{{ with secret "a" }}{{ .Data.v | parseInt }}{{ end }}`, `template "t", line 1, column 35: function "parseInt": invalid syntax`},
		"depends on a value": {
			values("v", "x"), `{{ with secret "a" }}{{ with secret (printf "b/%s" .Data.v) }}{{ .Data.v }}{{ end }}{{ end }}`,
			"the values decide what the template reads, so that it can only be rendered with --show: read b/[redacted]",
		},
		"fails with stand-ins": {
			values("v", "ab"), `{{ with secret "a" }}{{ if eq .Data.v "ab" }}fine{{ else }}{{ .Data.v | parseInt }}{{ end }}{{ end }}`,
			`render with stand-ins, which --show does not need: template "t", line 1, column 73: function "parseInt": invalid syntax`,
		},
		"never ends": {values("v", "x"), `{{ with secret (printf "a/%d" (sprig_randInt 0 2000000000)) }}{{ end }}`, "after 32 passes the template still asks for other secrets"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Render(t.Context(), tc.src, Template{Name: "t", Text: tc.text}, false)
			if err == nil || err.Error() != tc.want || got != nil {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestRenderKeepsTheErrorOfTheSource(t *testing.T) {
	gone := errors.New("gone")
	_, err := Render(t.Context(), sourceFunc(func(secret.Query) (*secret.Response, error) { return nil, gone }), Template{Text: `{{ secret "x" }}`}, true)
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func FuzzImitate(f *testing.F) {
	for _, seed := range []string{"", "x", "[1]", `{"a":"b"}`, "-----BEGIN A-----\nQQ==\n-----END A-----", "YWJjZGVmZ2g=", "1e400", "2026-01-01T00:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := imitate(canary + text + canary); strings.Contains(got, canary) {
			t.Errorf("%q shows its value: %q", text, got)
		}
		if (imitate(text) == "") != (text == "") {
			t.Errorf("%q becomes %q", text, imitate(text))
		}
	})
}

func TestFormats(t *testing.T) {
	s := newServer()
	cases := map[string]struct {
		f    Format
		show bool
		want string
	}{
		"env, redacted": {f: Format{Name: "env", Secret: "secret/app/db", Keys: []string{"user"}}, want: "user='[redacted]'\n"},
		"env, shown":    {f: Format{Name: "env", Secret: "secret/app/db", Keys: []string{"user"}}, show: true, want: "user='" + canary + "-user'\n"},
		"default":       {f: Format{Secret: "kv/one"}, want: "{\"password\":\"[redacted]\"}\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := RenderFormat(t.Context(), connect(t, s, nil), tc.f, tc.show)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Output) != tc.want {
				t.Errorf("got %q, want %q", got.Output, tc.want)
			}
		})
	}
}

// A certificate keeps its shape in the formats that take it apart.
func TestFormatsOfCertificatesAreRedacted(t *testing.T) {
	v := connect(t, newServer(), func(o *ConnectOptions) { o.AllowWrites = true })
	got, err := RenderFormat(t.Context(), v, Format{Name: "tls", Secret: "pki/issue/app", Params: map[string]string{"common_name": canary + ".test"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	content := map[string][]byte{}
	for _, f := range got.Files {
		names = append(names, f.Name)
		if !strings.HasPrefix(string(f.Content), "-----BEGIN ") {
			t.Errorf("%s is %q", f.Name, f.Content)
		}
		content[f.Name] = f.Content
	}
	if _, err := tls.X509KeyPair(content["tls.crt"], content["tls.key"]); err != nil {
		t.Errorf("certificate and key do not belong together any more: %v", err)
	}
	if block, _ := pem.Decode(content["tls.crt"]); strings.Contains(string(block.Bytes), canary) {
		t.Error("the name is shown")
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"ca.crt", "tls.crt", "tls.key"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestKeysKeepTheirKind(t *testing.T) {
	for _, kind := range []string{"RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"} {
		text := string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(canary)}))
		block, rest := pem.Decode([]byte(imitate("text before\n" + text)))
		if block == nil || block.Type != kind || len(rest) > 0 || strings.Contains(string(block.Bytes), canary) || len(block.Bytes) < 100 {
			t.Errorf("%s: got %+v", kind, block)
		}
	}
}

func TestKeysInPKCS8KeepTheirAlgorithm(t *testing.T) {
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParsePKCS8PrivateKey(imitateKey(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if _, isRSA := made.(*rsa.PrivateKey); !isRSA || err != nil {
		t.Errorf("got %T, %v", made, err)
	}
}
