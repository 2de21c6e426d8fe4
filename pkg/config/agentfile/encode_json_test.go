package agentfile

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// plainJSON is what encoding/json makes of a value.
func plainJSON(t fataler, v any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

func TestEncodeWritesWhatTheStandardLibraryWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := documents.Draw(t, "document")
		got, err := Encode(doc)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plainJSON(t, encodeDocument(doc)), string(got)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestAppendText(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "plain": "a/b", "quotes": `a"b\c"`, "quotes only": `"`, "lines": "a\nb\n", "template": `{{ with secret "a" }}<&>`,
		"control": "a\tb\r\x00\x1f\x7f", "beyond ASCII": "äöü €", "quote before that": `"ä"`, "separators": "\u2028\u2029", "no UTF-8": "a\xffb",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := appendText([]byte("["), text)
			if want := "[" + plainJSON(t, text); err != nil || string(got) != want {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestAppendValue(t *testing.T) {
	number := 7
	for name, value := range map[string]any{
		"nothing": nil, "number": 7, "negative": -7, "pointer": &number, "fraction": 0.75, "permissions": uint32(0o640), "span": int64(1 << 40),
		"true": true, "no list": []string{}, "list": []string{"b", "a"}, "blocks": []fields{{"b": 1, "a": fields{}}, {}},
		"options": map[string]string{"z": "1", "a": "<"}, "no options": map[string]string{}, "anything": map[string]any{"b": []string{"x"}, "a": nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := appendValue(nil, value)
			if want := plainJSON(t, value); err != nil || string(got) != want {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestAppendGoesOn(t *testing.T) {
	doc := New()
	got, err := Append([]byte("x"), doc)
	if want := "x" + plainJSON(t, encodeDocument(doc)); err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// BenchmarkEncode measures the document of a sidecar.
func BenchmarkEncode(b *testing.B) {
	doc := New()
	doc.Vault = &Vault{Address: "https://vault.vault.svc:8200"}
	doc.AutoAuth = &AutoAuth{Method: Method{Type: "kubernetes", Config: map[string]string{"role": "web"}}, Sinks: []Sink{{Type: "file", Path: "/home/vault/.vault-token", Mode: DefaultSinkMode}}}
	one := NewTemplate()
	one.Destination, one.Contents = "/vault/secrets/db", `{{ with secret "database/creds/web" }}{{ .Data.password }}{{ end }}`
	doc.Templates = []Template{one}
	b.ReportAllocs()
	out := make([]byte, 0, 4<<10)
	for b.Loop() {
		if _, err := Append(out, doc); err != nil {
			b.Fatal(err)
		}
	}
}
