package agentfile

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ownHCL = `
template {
  secret      = "pki/issue/web"
  params      = { common_name = "app.example.com", ttl = 3600, exclude = true }
  format      = "jks"
  keys        = ["certificate", "private_key"]
  destination = "/vault/secrets/app.jks"
  identity    = "partner"
  keystore {
    password_file = "/vault/custom/password"
    alias         = "app"
  }
  kubernetes_secret {
    namespace = "shop"
    name      = "keystores"
    key       = "app.jks"
  }
}
template {
  secret      = "secret/data/app?version=2"
  keys        = "password"
  format      = "raw"
  destination = "/vault/secrets/password"
  kubernetes_secret { name = "db" key = "password" }
}
`

const ownJSON = `{"template": [
  {"secret": "pki/issue/web", "params": {"common_name": "app.example.com", "ttl": 3600, "exclude": true}, "format": "jks",
   "keys": ["certificate", "private_key"], "destination": "/vault/secrets/app.jks", "identity": "partner",
   "keystore": {"password_file": "/vault/custom/password", "alias": "app"},
   "kubernetes_secret": [{"namespace": "shop", "name": "keystores", "key": "app.jks"}]},
  {"secret": "secret/data/app?version=2", "keys": "password", "format": "raw", "destination": "/vault/secrets/password",
   "kubernetes_secret": {"name": "db", "key": "password"}}
]}`

func ownTemplates() []Template {
	first, second := NewTemplate(), NewTemplate()
	first.Secret, first.Format, first.Destination, first.Identity = "pki/issue/web", "jks", "/vault/secrets/app.jks", "partner"
	first.Params = map[string]string{"common_name": "app.example.com", "ttl": "3600", "exclude": "true"}
	first.Keys = []string{"certificate", "private_key"}
	first.Keystore = &Keystore{PasswordFile: "/vault/custom/password", Alias: "app"}
	first.KubernetesSecret = &KubernetesSecret{Namespace: "shop", Name: "keystores", Key: "app.jks"}
	second.Secret, second.Format, second.Destination = "secret/data/app?version=2", "raw", "/vault/secrets/password"
	second.Keys = []string{"password"}
	second.KubernetesSecret = &KubernetesSecret{Name: "db", Key: "password"}
	return []Template{first, second}
}

func TestOwnKeysOfATemplate(t *testing.T) {
	for notation, src := range map[string]string{"HCL": ownHCL, "JSON": ownJSON} {
		doc, warnings, err := Decode("f", []byte(src))
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%s: %v %v", notation, err, warnings)
		}
		if diff := cmp.Diff(ownTemplates(), doc.Templates); diff != "" {
			t.Errorf("%s (-want +got):\n%s", notation, diff)
		}
	}
}

func TestOwnKeysOfATemplateAreEncoded(t *testing.T) {
	doc := New()
	doc.Templates = ownTemplates()
	encoded, err := Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	again, warnings, err := Decode("f", encoded)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v %v\n%s", err, warnings, encoded)
	}
	if diff := cmp.Diff(doc, again); diff != "" {
		t.Errorf("decoded again (-want +got):\n%s", diff)
	}
	var shape struct{ Template []map[string]any }
	if err := json.Unmarshal(encoded, &shape); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"secret": "secret/data/app?version=2", "keys": "password", "format": "raw", "destination": "/vault/secrets/password",
		"kubernetes_secret": map[string]any{"name": "db", "key": "password"}, "left_delimiter": "{{", "right_delimiter": "}}",
	}
	if diff := cmp.Diff(want, shape.Template[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, key := range []string{"keystore", "params", "identity"} {
		if _, there := shape.Template[1][key]; there {
			t.Errorf("%s is written though there is none", key)
		}
	}
}

func TestBadOwnKeysOfATemplate(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"unknown": {
			"template {\nkeystore { pasword_file = \"x\" }\nkubernetes_secret { nam = \"x\" }\n}",
			"f:2: key \"template.keystore.pasword_file\" is unknown; did you mean \"password_file\"?\nf:3: key \"template.kubernetes_secret.nam\" is unknown; did you mean \"name\"?",
		},
		"kinds": {
			"template {\nparams = \"a=b\"\nkeystore = \"x\"\nkeys = { a = 1 }\nsecret = [\"a\"]\n}",
			"f:2: key \"template.params\" must be a block, not a string\nf:3: key \"template.keystore\" must be a block, not a string\nf:4: key \"template.keys\" must be a string or a list of strings, not a block\nf:5: key \"template.secret\" must be a string, not a list",
		},
		"param": {
			"template {\nparams { names = [\"canary\"] }\n}", "f:2: key \"template.params.names\" must be a string, a boolean or a number, not a list",
		},
		"variable": {
			"env_template \"A\" {\nsecret = \"x\"\n}", "f:2: key \"env_template.secret\" is unknown",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := Decode("f", []byte(tc.src))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateOwnKeysOfATemplate(t *testing.T) {
	names := strings.Join(Formats(), ", ")
	cases := map[string]struct {
		src  string // of the template, without its destination
		want string // after "template[0]: "
	}{
		"secret":               {`secret = "secret/app"`, ""},
		"format":               {`secret = "secret/app" format = "env"`, ""},
		"keystore":             {`secret = "pki/issue/web" format = "pkcs12" keystore { password_key = "p" }`, ""},
		"alias":                {`secret = "pki/issue/web" format = "jks" keystore { password_file = "/p" alias = "a" }`, ""},
		"set":                  {`secret = "secret/app" format = "files" perms = "0400"`, ""},
		"template kept":        {`contents = "x" kubernetes_secret { name = "n" key = "k" }`, ""},
		"source":               {`secret = "secret/app" source = "a"`, "secret and source or contents exclude each other"},
		"contents":             {`secret = "secret/app" contents = "a"`, "secret and source or contents exclude each other"},
		"no path":              {`secret = "/"`, `secret: "/" is no path`},
		"format alone":         {`contents = "x" format = "env"`, "format, params, keys and keystore need secret"},
		"params alone":         {`contents = "x" params { a = "b" }`, "format, params, keys and keystore need secret"},
		"keys alone":           {`contents = "x" keys = ["a"]`, "format, params, keys and keystore need secret"},
		"keystore alone":       {`contents = "x" keystore {}`, "format, params, keys and keystore need secret"},
		"unknown":              {`secret = "secret/app" format = "propertis" keystore {}`, `format: "propertis" is none of ` + names + `; did you mean "properties"?`},
		"strange":              {`secret = "secret/app" format = "docx"`, `format: "docx" is none of ` + names},
		"empty key":            {`secret = "secret/app" keys = ["a", ""]`, `keys: "" is empty or stands there twice`},
		"key twice":            {`secret = "secret/app" keys = ["a", "b", "a"]`, `keys: "a" is empty or stands there twice`},
		"raw":                  {`secret = "secret/app" format = "raw" keys = ["a", "b"]`, "the format raw takes one key, not 2"},
		"no keystore":          {`secret = "secret/app" format = "jks"`, "the formats pkcs12 and jks need a keystore block, and the others have none"},
		"keystore for another": {`secret = "secret/app" format = "pem" keystore { password_key = "p" }`, "the formats pkcs12 and jks need a keystore block, and the others have none"},
		"no password":          {`secret = "secret/app" format = "jks" keystore {}`, "keystore needs one of password_file and password_key"},
		"two passwords":        {`secret = "secret/app" format = "jks" keystore { password_file = "/p" password_key = "p" }`, "keystore needs one of password_file and password_key"},
		"alias of pkcs12":      {`secret = "secret/app" format = "pkcs12" keystore { password_key = "p" alias = "a" }`, "keystore.alias is for the format jks: a pkcs12 keystore has none"},
		"set with backup":      {`secret = "secret/app" format = "tls" backup = true`, "the format tls makes a directory, of which no backup is kept"},
		"set in the cluster":   {`secret = "secret/app" format = "files" kubernetes_secret { name = "n" key = "k" }`, "the format files makes a directory, which no key of a Kubernetes Secret can hold"},
		"name in the cluster":  {`secret = "secret/app" kubernetes_secret { key = "k" }`, "kubernetes_secret needs name and key"},
		"key in the cluster":   {`contents = "x" kubernetes_secret { name = "n" }`, "kubernetes_secret needs name and key"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			src := login + "template {\n" + strings.ReplaceAll(tc.src, "\" ", "\"\n") + "\ndestination = \"/x\"\n}"
			doc, _, err := Decode("f", []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := doc.Validate(); err != nil {
				got = strings.TrimPrefix(err.Error(), "template[0]: ")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A directory belongs to one set; files of other templates may be in it.
func TestValidateDirectoriesOfSets(t *testing.T) {
	set := `template { secret = "secret/app" format = "files" destination = "/set/" }` + "\n"
	cases := map[string]struct{ src, want string }{
		"two sets":       {set + strings.Replace(set, "/set/", "/other", 1), ""},
		"file within":    {set + strings.Replace(plainTemplate, "/x", "/set/x", 1), ""},
		"files at once":  {plainTemplate + plainTemplate, ""},
		"one directory":  {set + set, `template[1]: destination "/set/" is the directory of template[0]`},
		"file in place":  {strings.Replace(plainTemplate, "/x", "/set", 1) + set, `template[0]: destination "/set" is the directory of template[1]`},
		"other notation": {set + strings.Replace(set, "/set/", "/a/../set", 1), `template[1]: destination "/a/../set" is the directory of template[0]`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			doc, _, err := Decode("f", []byte(login+strings.ReplaceAll(tc.src, `" `, "\"\n")))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := doc.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckFormat(t *testing.T) {
	for _, name := range Formats() {
		if err := CheckFormat(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := CheckFormat("jsn")
	if want := `"jsn" is none of ` + strings.Join(Formats(), ", ") + `; did you mean "json"?`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if CheckFormat("") == nil {
		t.Error("an empty name is taken")
	}
}
