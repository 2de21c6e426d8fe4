package render_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/vaultk8s/vaultk8s/internal/golden"
	"github.com/vaultk8s/vaultk8s/pkg/config/agentfile"
	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// The page about formats shows real output: a change of that changes the page.
func TestFormatsPage(t *testing.T) {
	page := page{t}
	text, err := os.ReadFile(filepath.Join("testdata", "formats", "formats.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"formats": render.Formats, "source": page.source, "stanza": page.stanza, "example": page.example, "keystore": page.keystore,
	}).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range render.Formats() {
		if !strings.Contains(out.String(), "\n## "+f.Name+"\n") {
			t.Errorf("format %s has no section", f.Name)
		}
	}
	golden.Compare(t, out.Bytes(), filepath.Join("..", "..", "docs", "formats.md"))
}

// page has the functions of the page's template.
type page struct{ t *testing.T }

func (p page) source(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join("testdata", "formats", name))
	return strings.TrimSpace(string(content)), err
}

func isAboutCertificates(format string) bool { return format == "pem" || format == "tls" }

// stanza writes a block of the document, and makes sure that it is a valid one.
func (p page) stanza(format string, more ...string) (string, error) {
	var b strings.Builder
	secret, params := "secret/data/app", ""
	if isAboutCertificates(format) {
		secret, params = "pki/issue/web", "  params      = { common_name = \"app.example.com\" }\n"
	}
	fmt.Fprintf(&b, "template {\n  secret      = %q\n%s  format      = %q\n", secret, params, format)
	if len(more) == 2 {
		fmt.Fprintf(&b, "  %-11s = [\"%s\"]\n", more[0], strings.ReplaceAll(more[1], ", ", `", "`))
	}
	fmt.Fprintf(&b, "  destination = \"/vault/secrets/%s\"\n}", strings.TrimSuffix("app."+format, ".files"))
	_, warnings, err := agentfile.Decode("page", []byte(b.String()))
	if err == nil && len(warnings) > 0 {
		err = fmt.Errorf("%v", warnings)
	}
	return "```hcl\n" + b.String() + "\n```", err
}

func (p page) example(format string, keys ...string) string {
	data := readFixture(p.t, "app.json")
	if isAboutCertificates(format) {
		data = readFixture(p.t, "issued.json")
	}
	f := newFormat(p.t, render.FormatOptions{Format: format, Keys: keys})
	r, err := f.Execute(holding(data))
	if err != nil {
		p.t.Fatal(err)
	}
	if r.Set == nil {
		return fence(string(r.Output))
	}
	var all []string
	for _, file := range r.Set {
		all = append(all, "`"+file.Name+"`:\n\n"+fence(string(file.Content)))
	}
	return strings.Join(all, "\n\n")
}

// fence shows a text without the lines within PEM blocks.
func fence(text string) string {
	var lines []string
	inside := false
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "-----END") {
			inside = false
		}
		if !inside {
			lines = append(lines, line)
		}
		if strings.HasPrefix(line, "-----BEGIN") {
			inside = true
		}
	}
	return "```\n" + strings.Join(lines, "\n") + "\n```"
}

// keystore tells what a reader finds in a keystore.
func (p page) keystore(format string) string {
	content := keystoreOf(p.t, format, "changeit")
	if format == "pkcs12" {
		_, leaf, authorities, err := pkcs12.DecodeChain(content, "changeit")
		if err != nil {
			p.t.Fatal(err)
		}
		return fence(fmt.Sprintf("private key and certificate of %s, and %d authorities: %d bytes", leaf.Subject.CommonName, len(authorities), len(content)))
	}
	store := keystore.New()
	if err := store.Load(bytes.NewReader(content), []byte("changeit")); err != nil {
		p.t.Fatal(err)
	}
	chain, err := store.GetPrivateKeyEntryCertificateChain("certificate")
	if err != nil {
		p.t.Fatal(err)
	}
	return fence(fmt.Sprintf("%s: private key, and a chain of %d certificates: %d bytes", strings.Join(store.Aliases(), " "), len(chain), len(content)))
}

// The document and this package know the same formats and refuse the same.
func TestDocumentAgreesAboutFormats(t *testing.T) {
	var names []string
	for _, f := range render.Formats() {
		names = append(names, f.Name)
		if agentfile.MakesDirectory(f.Name) != f.Directory {
			t.Errorf("%s: the document says that it makes a directory: %v", f.Name, !f.Directory)
		}
	}
	if diff := cmp.Diff(names, agentfile.Formats()); diff != "" {
		t.Errorf("(-render +document):\n%s", diff)
	}
	for _, format := range append(names, "", "docx") {
		for _, keys := range [][]string{nil, {"a"}, {"a", "b"}, {"a", "a"}, {""}} {
			for _, k := range []agentfile.Keystore{{}, {PasswordFile: "/p"}, {PasswordKey: "p"}, {PasswordFile: "/p", PasswordKey: "p"}, {PasswordKey: "p", Alias: "a"}} {
				agree(t, format, keys, k)
			}
		}
	}
}

func agree(t *testing.T, format string, keys []string, k agentfile.Keystore) {
	t.Helper()
	one := agentfile.NewTemplate()
	one.Secret, one.Destination, one.Format, one.Keys = "secret/app", "/x", format, keys
	if k != (agentfile.Keystore{}) {
		one.Keystore = &k
	}
	doc := agentfile.New()
	doc.AutoAuth = &agentfile.AutoAuth{Method: agentfile.Method{Type: "kubernetes"}}
	doc.Templates = []agentfile.Template{one}
	_, err := render.NewFormat(render.FormatOptions{
		Query: render.FormatQuery(format, one.Secret, nil), Format: format, Keys: keys, Keystore: render.Keystore(k),
	})
	if invalid := doc.Validate(); (invalid == nil) != (err == nil) {
		t.Errorf("format %q, keys %q, keystore %+v: the document says %v, NewFormat says %v", format, keys, k, invalid, err)
	}
}
