package agentfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIdentityNotations(t *testing.T) {
	want := New()
	want.Identities = []Identity{
		{Name: "vault", Vault: &Vault{Address: "https://b:8200"}, Method: Method{Type: "jwt", Config: map[string]string{"role": "r"}}},
		{Name: "c", Method: Method{Type: "cert"}},
	}
	for _, src := range []string{
		"identity \"vault\" {\nvault { address = \"https://b:8200\" }\nmethod \"jwt\" { config = { role = \"r\" } }\n}\nidentity \"c\" { method \"cert\" {} }",
		"identity {\nname = \"vault\"\nvault { address = \"https://b:8200\" }\nmethod { type = \"jwt\" config { role = \"r\" } }\n}\nidentity { name = \"c\" method { type = \"cert\" } }",
		`{"identity": [{"name": "vault", "vault": {"address": "https://b:8200"}, "method": {"type": "jwt", "config": {"role": "r"}}}, {"c": {"method": {"cert": {}}}}]}`,
		`{"identity": [{"name": "vault", "vault": [{"address": "https://b:8200"}], "method": [{"jwt": [{"config": {"role": "r"}}]}]}, {"c": [{"method": {"type": "cert"}}]}]}`,
	} {
		doc := decode(t, "f", []byte(src))
		if diff := cmp.Diff(want, doc); diff != "" {
			t.Errorf("%s\n-want +got\n%s", src, diff)
		}
		roundTrip(t, doc)
	}
}

func TestBadIdentities(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"name":       {`identity { method "jwt" {} }`, `f:1: an identity needs a name: identity "NAME" {}`},
		"no method":  {`identity "a" {}`, `f:1: identity: one and only one "method" block is required`},
		"methods":    {"identity \"a\" {\nmethod \"jwt\" {}\nmethod \"cert\" {} }", `f:1: identity: one and only one "method" block is required`},
		"key":        {"identity \"a\" {\nmethod \"jwt\" {}\nmehtod = 1 }", `f:3: key "identity.mehtod" is unknown; did you mean "method"?`},
		"vault":      {"identity \"a\" {\nmethod \"jwt\" {}\nvault {}\nvault {} }", `f:4: at most one "identity.vault" block is allowed`},
		"kind":       {"\nidentity = 5", `f:2: key "identity" must be a block, not a number`},
		"vault kind": {`{"identity": [{"name": "a", "vault": "x", "method": {"type": "jwt"}}]}`, `f:1: key "identity.vault" must be a block, not a string`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := Decode("f", []byte(tc.src))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestIdentitiesAreValidated(t *testing.T) {
	src := login + `
identity "a" { method "jwt" { min_backoff = 9 max_backoff = 1 } }
identity "a" { method "kuberntes" {} }
identity "b" { method {} }
identity "w" { method "jwt" { wrap_ttl = 60 } }
`
	doc := decode(t, "f", []byte(src))
	known, other, wrong := NewTemplate(), NewTemplate(), NewTemplate()
	known.Identity, other.Identity, wrong.Identity = "a", "", "ww"
	for _, one := range []*Template{&known, &other, &wrong} {
		one.Contents, one.Destination = "x", "/x"
		doc.Templates = append(doc.Templates, *one)
	}
	variable, slip := NewEnvTemplate("GOOD"), NewEnvTemplate("DB_PASSWORD")
	variable.Identity, slip.Identity = "b", "bb"
	for _, one := range []*EnvTemplate{&variable, &slip} {
		one.Contents = "x"
		doc.EnvTemplates = append(doc.EnvTemplates, *one)
	}
	doc.RunApplication([]string{"/app"})
	want := []string{
		`env_template "DB_PASSWORD": identity "bb" is not defined; did you mean "b"?`,
		`identity "a": auth handler: min_backoff cannot be greater than max_backoff`,
		`identity "a": the name is used twice`,
		`identity "a": unknown auto-auth method type "kuberntes"; did you mean "kubernetes"?`,
		`identity "b": method type must be specified`,
		`identity "w": wrap_ttl is for auto_auth only: here nothing takes a wrapped token`,
		`template[2]: identity "ww" is not defined; did you mean "w"?`,
	}
	err := doc.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestIdentitiesOfSeveralFilesAddUp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.hcl": `identity "a" { method "jwt" {} }`, "b.json": `{"identity": {"b": {"method": {"type": "jwt"}}}, "reload_on_change": "false"}`})
	doc, _, err := Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Identities) != 2 || doc.Identities[0].Name != "a" || doc.Identities[1].Name != "b" {
		t.Errorf("got %+v", doc.Identities)
	}
	if doc.ReloadOnChange == nil || *doc.ReloadOnChange {
		t.Error("reload_on_change is not false")
	}
}

// A variable chooses its reader as a file does, in every notation.
func TestIdentityOfAVariable(t *testing.T) {
	one, two := NewEnvTemplate("DB_PASSWORD"), NewEnvTemplate("identity")
	one.Contents, one.Identity, two.Contents = "x", "partner", "y"
	want := New()
	want.EnvTemplates = []EnvTemplate{one, two}
	for _, src := range []string{
		"env_template \"DB_PASSWORD\" {\ncontents = \"x\"\nidentity = \"partner\"\n}\nenv_template \"identity\" { contents = \"y\" }",
		`{"env_template": [{"DB_PASSWORD": {"contents": "x", "identity": "partner"}}, {"identity": {"contents": "y"}}]}`,
	} {
		doc := decode(t, "f", []byte(src))
		if diff := cmp.Diff(want, doc); diff != "" {
			t.Errorf("%s\n-want +got\n%s", src, diff)
		}
		roundTrip(t, doc)
	}
	encoded, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(encoded), `"identity":"`); n != 1 {
		t.Errorf("the key is written %d times, want once: %s", n, encoded)
	}
}

func TestBadIdentityOfAVariable(t *testing.T) {
	_, _, err := Decode("f", []byte("env_template \"A\" {\nidentity = [\"a\"]\nidentiy = \"a\"\n}"))
	want := "f:2: key \"env_template.identity\" must be a string, not a list\n" +
		`f:3: key "env_template.identiy" is unknown; did you mean "identity"?`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
