package render_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
	"github.com/vaultk8s/vaultk8s/pkg/sensitive"
)

// holding answers every query with the same data.
func holding(data sensitive.Data) render.SourceFunc {
	return func(q secret.Query) *secret.State {
		return &secret.State{Query: q, Response: &secret.Response{Data: data}, Version: 1}
	}
}

// newFormat makes a format of secret/app, whose name the errors show.
func newFormat(t testing.TB, o render.FormatOptions) *render.Format {
	t.Helper()
	o.Name = "app.out"
	if o.Query.Path == "" {
		o.Query = render.FormatQuery(o.Format, "secret/app", nil)
	}
	f, err := render.NewFormat(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// formatted returns the output; a set is shown as "NAME: CONTENT" lines.
func formatted(t testing.TB, o render.FormatOptions, data sensitive.Data) string {
	t.Helper()
	r, err := newFormat(t, o).Execute(holding(data))
	if err != nil {
		t.Fatal(err)
	}
	if r.Set == nil {
		return string(r.Output)
	}
	if r.Output != nil {
		t.Error("there is an output beside the set")
	}
	var lines []string
	for _, f := range r.Set {
		lines = append(lines, f.Name+": "+string(f.Content))
	}
	return strings.Join(lines, "\n")
}

// formatFailure returns the text of the error of a format, which shows no value.
func formatFailure(t testing.TB, o render.FormatOptions, data sensitive.Data) string {
	t.Helper()
	r, err := newFormat(t, o).Execute(holding(data))
	if err == nil {
		t.Fatalf("no error, but %q", r.Output)
	}
	var failed *render.ExecError
	if !errors.As(err, &failed) || r == nil || r.Output != nil || r.Set != nil || len(r.Used) != 1 {
		t.Errorf("%T with the result %+v", err, r)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error shows a value: %v", err)
	}
	return err.Error()
}

const (
	plainSecret     = `{"user":"app","password":"p<&>'\"$x","port":5432,"tls":true,"nothing":null,"db":{"host":"h","ports":[1,2]}}`
	versionedSecret = `{"data":{"user":"app"},"metadata":{"version":3,"created_time":"2026-01-01T00:00:00Z"}}`
)

func TestFormatTexts(t *testing.T) {
	cases := map[string]struct {
		format string
		keys   []string
		data   string
		want   string
		reason string
	}{
		"json": {data: plainSecret, want: `{"db":{"host":"h","ports":[1,2]},"nothing":null,"password":"p<&>'\"$x","port":5432,"tls":true,"user":"app"}` + "\n"},
		"json keys": {
			format: "json", keys: []string{"user", "db.host"}, data: plainSecret, want: `{"db.host":"h","user":"app"}` + "\n", reason: "a key is called what was asked for",
		},
		"json numbers":  {data: `{"n":12345678901234567890,"f":1.50}`, want: `{"f":1.50,"n":12345678901234567890}` + "\n", reason: "as Vault wrote them"},
		"json no keys":  {data: `{}`, want: "{}\n"},
		"json of KV v2": {data: versionedSecret, want: `{"user":"app"}` + "\n"},
		"json of a KV v1 secret that looks like it": {
			data: `{"data":{"user":"app"},"metadata":{"owner":"me"}}`, want: `{"data":{"user":"app"},"metadata":{"owner":"me"}}` + "\n", reason: "no version",
		},
		"json of data among others": {
			data: `{"data":{"a":1},"metadata":{"version":1},"more":1}`, want: `{"data":{"a":1},"metadata":{"version":1},"more":1}` + "\n",
		},
		"yaml": {
			format: "yaml", data: plainSecret,
			want: "db:\n  host: h\n  ports:\n  - 1\n  - 2\nnothing: null\npassword: p<&>'\"$x\nport: 5432\ntls: true\nuser: app\n",
		},
		"yaml texts that look otherwise": {format: "yaml", data: `{"a":"true","b":"1","c":"no","d":"~","e":"2026-01-01"}`, want: "a: \"true\"\nb: \"1\"\nc: \"no\"\nd: \"~\"\ne: \"2026-01-01\"\n"},
		"env": {
			format: "env", data: plainSecret,
			want: "db='{\"host\":\"h\",\"ports\":[1,2]}'\nnothing=''\npassword=\"p<&>'\\\"\\$x\"\nport='5432'\ntls='true'\nuser='app'\n",
		},
		"env order":       {format: "env", keys: []string{"user", "port"}, data: plainSecret, want: "user='app'\nport='5432'\n"},
		"env names":       {format: "env", data: `{"a.b-c":"1","9x":"2","ä":"3","UPPER_case":"4"}`, want: "_9x='2'\nUPPER_case='4'\na_b_c='1'\n_='3'\n"},
		"env quotes":      {format: "env", data: `{"a":"it's \\ \"$HOME\" ` + "`x`" + `","b":"\\ $HOME\nline # 2"}`, want: "a=\"it's \\\\ \\\"\\$HOME\\\" \\`x\\`\"\nb='\\ $HOME\nline # 2'\n"},
		"properties":      {format: "properties", data: plainSecret, want: "db={\"host\"\\:\"h\",\"ports\"\\:[1,2]}\nnothing=\npassword=p<&>'\"$x\nport=5432\ntls=true\nuser=app\n"},
		"properties key":  {format: "properties", data: `{"a b:c=d#e!f\\g":"x"}`, want: "a\\ b\\:c\\=d\\#e\\!f\\\\g=x\n"},
		"properties text": {format: "properties", data: `{"a":"  two\tends \r\n\fé€😀\u0001"}`, want: "a=\\  two\\tends \\r\\n\\f\\u00E9\\u20AC\\uD83D\\uDE00\\u0001\n"},
		"raw":             {format: "raw", keys: []string{"password"}, data: plainSecret, want: `p<&>'"$x`},
		"raw nested":      {format: "raw", keys: []string{"db.ports"}, data: plainSecret, want: `[1,2]`},
		"raw only key":    {format: "raw", data: versionedSecret, want: `app`},
		"files": {
			format: "files", data: plainSecret,
			want: "db: {\"host\":\"h\",\"ports\":[1,2]}\nnothing: \npassword: p<&>'\"$x\nport: 5432\ntls: true\nuser: app",
		},
		"files are not decoded": {format: "files", data: `{"bin":"AAEC"}`, want: "bin: AAEC"},
		"files keys":            {format: "files", keys: []string{"db.host"}, data: plainSecret, want: "db.host: h"},
		"files none":            {format: "files", data: `{}`, want: ""},
		"a key with a dot wins": {format: "raw", keys: []string{"a.b"}, data: `{"a":{"b":"nested"},"a.b":"plain"}`, want: "plain"},
		"dots within names":     {format: "raw", keys: []string{"a.b.c.d"}, data: `{"a":{"x":1},"a.b":{"c.d":"found"}}`, want: "found"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := formatted(t, render.FormatOptions{Format: tc.format, Keys: tc.keys}, tree(tc.data))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFormatFailures(t *testing.T) {
	long := strings.Repeat("n", 256)
	cases := map[string]struct {
		format string
		keys   []string
		data   string // "": none
		want   string
	}{
		"no data":         {want: `template "app.out": the answer to "read secret/app" holds no data`},
		"no key":          {keys: []string{"user", "pasword"}, data: plainSecret, want: `template "app.out": "read secret/app" has no key "pasword"`},
		"no nested key":   {keys: []string{"db.host.x"}, data: plainSecret, want: `template "app.out": "read secret/app" has no key "db.host.x"`},
		"raw":             {format: "raw", data: plainSecret, want: `template "app.out": format "raw" takes one key, and "read secret/app" has 6: name the one to take`},
		"raw of none":     {format: "raw", data: `{}`, want: `template "app.out": format "raw" takes one key, and "read secret/app" has 0: name the one to take`},
		"env collision":   {format: "env", data: `{"a-b":"` + canary + `","a.b":"x"}`, want: `template "app.out": keys "a-b" and "a.b" both become the variable a_b`},
		"env no name":     {format: "env", data: `{"":"` + canary + `"}`, want: `template "app.out": a key without a name cannot be a variable`},
		"env NUL":         {format: "env", data: `{"a":"` + canary + `\u0000"}`, want: `template "app.out": the value of key "a" holds a NUL, which no variable can`},
		"files slash":     {format: "files", data: `{"a/b":"` + canary + `"}`, want: `template "app.out": key "a/b" cannot be the name of a file`},
		"files parent":    {format: "files", data: `{"..":"x"}`, want: `template "app.out": key ".." cannot be the name of a file`},
		"files reserved":  {format: "files", data: `{"..data":"x"}`, want: `template "app.out": key "..data" cannot be the name of a file`},
		"files dot":       {format: "files", data: `{".":"x"}`, want: `template "app.out": key "." cannot be the name of a file`},
		"files no name":   {format: "files", data: `{"":"x"}`, want: `template "app.out": key "" cannot be the name of a file`},
		"files NUL":       {format: "files", data: `{"a\u0000":"x"}`, want: `template "app.out": key "a\x00" cannot be the name of a file`},
		"files long":      {format: "files", data: `{"` + long + `":"x"}`, want: `template "app.out": key "` + long + `" cannot be the name of a file`},
		"no certificate":  {format: "pem", data: plainSecret, want: `template "app.out": "read secret/app" holds no certificate in PEM`},
		"bad certificate": {format: "pem", data: `{"c":"-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----"}`, want: `template "app.out": there is a certificate that cannot be read`},
		"bad key":         {format: "tls", data: `{"c":"-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----"}`, want: `template "app.out": there is a private key that cannot be read`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var data sensitive.Data
			if tc.data != "" {
				data = tree(tc.data)
			}
			got := formatFailure(t, render.FormatOptions{Format: tc.format, Keys: tc.keys}, data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewFormatErrors(t *testing.T) {
	file := render.Keystore{PasswordFile: "/p"}
	cases := map[string]struct {
		o    render.FormatOptions
		want string
	}{
		"unknown":   {render.FormatOptions{Format: "jsn"}, `template "x": unknown format "jsn"; there are json, yaml, env, properties, raw, files, pem, tls, pkcs12, jks`},
		"path":      {render.FormatOptions{Query: secret.NewQuery(secret.Read, "/", nil)}, `template "x": the path of the secret is empty`},
		"empty key": {render.FormatOptions{Keys: []string{"a", ""}}, `template "x": a key to take is empty`},
		"twice":     {render.FormatOptions{Keys: []string{"a", "b", "a"}}, `template "x": the key "a" is named twice`},
		"raw":       {render.FormatOptions{Format: "raw", Keys: []string{"a", "b"}}, `template "x": format "raw" takes one key, not 2`},
		"keystore":  {render.FormatOptions{Format: "pem", Keystore: file}, `template "x": format "pem" makes no keystore`},
		"password":  {render.FormatOptions{Format: "jks"}, `template "x": format "jks" needs a password from either a file or a key of the secret`},
		"passwords": {render.FormatOptions{Format: "jks", Keystore: render.Keystore{PasswordFile: "/p", PasswordKey: "p"}}, `template "x": format "jks" needs a password from either a file or a key of the secret`},
		"alias":     {render.FormatOptions{Format: "pkcs12", Keystore: render.Keystore{PasswordKey: "p", Alias: "a"}}, `template "x": format "pkcs12" has no alias`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.o.Name = "x"
			if tc.o.Query == (secret.Query{}) {
				tc.o.Query = secret.NewQuery(secret.Read, "secret/app", nil)
			}
			f, err := render.NewFormat(tc.o)
			if err == nil || f != nil || err.Error() != tc.want {
				t.Errorf("NewFormat() = %v, %v; want %s", f, err, tc.want)
			}
		})
	}
}

func TestFormatQuery(t *testing.T) {
	name := map[string]string{"common_name": "app"}
	cases := map[string]struct {
		format, path string
		params       map[string]string
		want         secret.Query
		reason       string
	}{
		"read":           {"env", "/secret/data/app?version=2", nil, secret.NewQuery(secret.Read, "secret/data/app?version=2", nil), ""},
		"empty params":   {"env", "secret/app", map[string]string{}, secret.NewQuery(secret.Read, "secret/app", nil), ""},
		"write":          {"json", "transit/encrypt/k", map[string]string{"plaintext": "eA=="}, secret.NewQuery(secret.Write, "transit/encrypt/k", map[string]any{"plaintext": "eA=="}), ""},
		"issue":          {"json", "pki/issue/web", name, secret.NewQuery(secret.PKI, "pki/issue/web", map[string]any{"common_name": "app"}), ""},
		"issue bare":     {"pkcs12", "pki/issue/web", nil, secret.NewQuery(secret.PKI, "pki/issue/web", nil), "the role may know the name"},
		"issue for tls":  {"tls", "a/b/issue/web/", nil, secret.NewQuery(secret.PKI, "a/b/issue/web", nil), ""},
		"issuer":         {"pem", "pki/issuer/one/issue/web", nil, secret.NewQuery(secret.PKI, "pki/issuer/one/issue/web", nil), ""},
		"sign":           {"pem", "pki/sign/web", map[string]string{"csr": "x"}, secret.NewQuery(secret.PKI, "pki/sign/web", map[string]any{"csr": "x"}), ""},
		"sign verbatim":  {"pem", "pki/sign-verbatim/web", map[string]string{"csr": "x"}, secret.NewQuery(secret.PKI, "pki/sign-verbatim/web", map[string]any{"csr": "x"}), ""},
		"issue, read":    {"json", "pki/issue/web", nil, secret.NewQuery(secret.Read, "pki/issue/web", nil), "nothing asks for a certificate"},
		"kept in KV":     {"pem", "secret/data/issue/web", nil, secret.NewQuery(secret.Read, "secret/data/issue/web", nil), "a path of the KV engine"},
		"kept elsewhere": {"pem", "secret/web", nil, secret.NewQuery(secret.Read, "secret/web", nil), ""},
		"short":          {"pem", "issue/web", nil, secret.NewQuery(secret.Read, "issue/web", nil), "no mount"},
		"unknown":        {"jsn", "a/issue/b", nil, secret.NewQuery(secret.Read, "a/issue/b", nil), "NewFormat tells"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := render.FormatQuery(tc.format, tc.path, tc.params); got != tc.want {
				t.Errorf("FormatQuery() = %v, want %v: %s", got, tc.want, tc.reason)
			}
		})
	}
}

// A format asks once, and is quiet while there is no answer.
func TestFormatMissing(t *testing.T) {
	for _, format := range render.Formats() {
		o := render.FormatOptions{Format: format.Name}
		if format.Name == "pkcs12" || format.Name == "jks" {
			o.Keystore.PasswordFile = filepath.Join(t.TempDir(), "none")
		}
		for _, state := range []*secret.State{nil, {}} {
			asked := 0
			r, err := newFormat(t, o).Execute(render.SourceFunc(func(secret.Query) *secret.State { asked++; return state }))
			if err != nil {
				t.Fatalf("%s: %v", format.Name, err)
			}
			q := secret.NewQuery(secret.Read, "secret/app", nil)
			want := &render.Result{Used: []secret.Query{q}, Missing: []secret.Query{q}}
			if diff := cmp.Diff(want, r, cmpopts.EquateComparable(secret.Query{})); diff != "" || asked != 1 {
				t.Errorf("%s asked %d times (-want +got):\n%s", format.Name, asked, diff)
			}
		}
	}
}

// The answer belongs to the store: a format must not change it.
func TestFormatLeavesTheSecretAlone(t *testing.T) {
	data, before := tree(plainSecret), tree(plainSecret)
	for _, format := range []string{"json", "yaml", "env", "properties", "files"} {
		formatted(t, render.FormatOptions{Format: format}, data)
	}
	if diff := cmp.Diff(before.Reveal(), data.Reveal()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestFormatsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range render.Formats() {
		if seen[f.Name] || f.Summary == "" || strings.HasSuffix(f.Summary, ".") {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
		if f.Directory != (f.Name == "files" || f.Name == "tls") {
			t.Errorf("%s makes a directory: %v", f.Name, f.Directory)
		}
	}
}

func readFixture(t testing.TB, name string) sensitive.Data {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "formats", name))
	if err != nil {
		t.Fatal(err)
	}
	return tree(string(content))
}
