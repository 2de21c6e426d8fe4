package preview

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/internal/fakevault"
	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/config"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
	"github.com/vaultk8s/vaultk8s/pkg/vault"
)

func TestVariableNames(t *testing.T) {
	cases := map[string]struct{ path, key, want string }{
		"plain":       {"secret/data/foo", "password", "FOO_PASSWORD"},
		"dashes":      {"secret/data/foo-bar", "api-key", "FOO_BAR_API_KEY"},
		"runs":        {"secret/data/--foo..", "__api  key", "FOO_API_KEY"},
		"digits":      {"kv/1st", "2nd", "1ST_2ND"},
		"letters":     {"kv/größe", "schlüssel", "GRÖßE_SCHLÜSSEL"},
		"only a sign": {"kv/foo", "-", "FOO"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := variableName(tc.path, tc.key, 1); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// The document that is written is one that the agent takes, and its templates
// find the values.
func TestGeneratedDocumentWorks(t *testing.T) {
	s := newServer()
	s.PutKV("secret", "app/quo\"te", map[string]any{"a \"b\" ${c}": canary + "-quoted", "näme": canary + "-letter"})
	v := connect(t, s, nil)
	made, err := GenerateConfig(t.Context(), v, GenerateOptions{
		Paths: []string{"secret/app/*", "kv/one"}, Exec: "./app serve", TokenFile: "/home/me/.vault-token",
		Vault: config.Vault{Address: "http://vault.test:8200", Namespace: "", CACert: "/ca.crt", TLSSkipVerify: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, made.Document, filepath.Join("testdata", "agent.hcl"))
	doc, warnings, err := agentfile.Decode("f", made.Document)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if err := doc.Validate(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range doc.EnvTemplates {
		out, err := Render(t.Context(), v, Template{Name: e.Name, Text: e.Contents, ErrorOnMissingKey: e.ErrorOnMissingKey}, true)
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name] = strings.TrimPrefix(string(out.Output), canary)
	}
	want := map[string]string{
		"DB_USER": "-user", "DB_PASSWORD": "-password", "DB_PORT": "5432", "DB_TLS": "true", "DB_EMPTY": "", "API_API_KEY": "-key",
		"QUO_TE_A_B_C": "-quoted", "QUO_TE_NÄME": "-letter", "ONE_PASSWORD": "-v1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if strings.Contains(string(made.Document), canary) {
		t.Error("a value is in the document")
	}
}

func TestNamesThatClash(t *testing.T) {
	s := newServer()
	s.PutKV("secret", "a/db", map[string]any{"user": "1", "USER": "2"})
	s.PutKV("secret", "b/db", map[string]any{"user": "3"})
	made, err := GenerateConfig(t.Context(), connect(t, s, nil), GenerateOptions{Paths: []string{"secret/a/db", "secret/b/db", "secret/data/a/db"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`key "user" of "secret/data/a/db" is A_DB_USER, because another has the name DB_USER`,
		`key "user" of "secret/data/b/db" is B_DB_USER, because another has the name DB_USER`,
	}
	if diff := cmp.Diff(want, made.Notes); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := unique("a", "b", map[string]bool{"A_B": true, "A_B_2": true}); got != "A_B_3" {
		t.Errorf("got %s", got)
	}
}

func TestWalk(t *testing.T) {
	s := newServer()
	s.PutKV("secret", "gone/x", map[string]any{"a": "b"})
	s.PutKV("secret", "gone/y", map[string]any{"a": "b"})
	s.DeleteKV("secret", "gone/x")
	v := connect(t, s, nil)
	cases := map[string][]string{
		"secret/app/db":            {"secret/data/app/db"},
		"secret/data/app/db":       {"secret/data/app/db"},
		"/secret/metadata/app/db/": {"secret/data/app/db"},
		"secret/app/*":             {"secret/data/app/db", "secret/data/app/deep/api"},
		"secret/data/app/*":        {"secret/data/app/db", "secret/data/app/deep/api"},
		"secret/*":                 {"secret/data/app/db", "secret/data/app/deep/api", "secret/data/gone/y"},
		"kv/*":                     {"kv/one"},
	}
	for pattern, want := range cases {
		found, err := walk(t.Context(), v, pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", pattern, diff)
		}
	}
}

func TestGenerateErrors(t *testing.T) {
	s := newServer()
	cases := map[string]struct{ path, want string }{
		"star":       {"secret/*/db", `path "secret/*/db": * may only stand for the last part, below a mount`},
		"everything": {"/*", `path "/*": * may only stand for the last part, below a mount`},
		"engine":     {"database/creds/app", `path "database/creds/app" is in a mount of type "database": only kv has keys that are known in advance`},
		"missing":    {"secret/none", `GET http://vault.test:8200/v1/secret/data/none: not found (HTTP 404): no secret exists at secret/data/none`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := GenerateConfig(t.Context(), connect(t, s, nil), GenerateOptions{Paths: []string{tc.path}})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
	token := s.CreateToken(fakevault.TokenRole{Policies: []string{"default"}})
	weak := connect(t, s, func(o *ConnectOptions) { o.Token = sensitive.New(token) })
	if _, err := GenerateConfig(t.Context(), weak, GenerateOptions{Paths: []string{"secret/*"}}); err == nil || !strings.Contains(err.Error(), "denied (HTTP 403)") {
		t.Errorf("got %v", err)
	}
	s.PutKV("secret", "bare", map[string]any{})
	if _, err := GenerateConfig(t.Context(), connect(t, s, nil), GenerateOptions{Paths: []string{"secret/bare"}}); err == nil || err.Error() != "there is no secret with a key at secret/bare" {
		t.Errorf("got %v", err)
	}
}

// Inside a namespace Vault may tell a mount with the namespace before it.
func TestMountsOfANamespace(t *testing.T) {
	for reported, want := range map[string]string{"team/secret/": "secret/", "secret": "secret/", "other/": ""} {
		mount, err := mountOf(t.Context(), mountTeller(reported), "secret/app")
		if mount.path != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v", reported, mount.path, err)
		}
	}
}

// mountTeller answers with a mount of that name.
type mountTeller string

func (m mountTeller) Do(context.Context, vault.Request) (*vault.Response, error) {
	return &secret.Response{Data: sensitive.NewData(map[string]any{"type": "kv", "path": string(m), "options": nil})}, nil
}

func TestCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"":                   `["env"]`,
		"./app  serve -p 80": `["./app", "serve", "-p", "80"]`,
		"sh -c 'echo ${A}'":  `["sh -c 'echo \u0024{A}'"]`,
	} {
		if got := command(line); got != want {
			t.Errorf("%q: got %s, want %s", line, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "a", "\"", "\\", "${x}", "\n\t\x00", "ü\u2028", "\xff", "$${", "\a\v"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		doc, _, err := agentfile.Decode("f", []byte("pid_file = "+quote(text)))
		if err != nil || doc.PIDFile != text {
			t.Errorf("%q is read as %+v, %v", text, doc, err)
		}
	})
}
