package agentfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl"
)

// outline writes a tree with the line of every value.
func outline(b *strings.Builder, n *node) {
	switch n.kind {
	case object:
		b.WriteString("{")
		for _, f := range n.fields {
			b.WriteString(f.name)
			for _, label := range f.labels {
				b.WriteString("/" + label)
			}
			b.WriteByte('@')
			b.WriteByte(byte('0' + f.line))
			b.WriteByte('=')
			outline(b, f.value)
			b.WriteByte(' ')
		}
		b.WriteString("}")
	case list:
		b.WriteString("[")
		for _, item := range n.items {
			outline(b, item)
			b.WriteByte(' ')
		}
		b.WriteString("]")
	default:
		b.WriteString(n.kind.String() + ":" + n.text)
	}
}

func TestParse(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"HCL blocks": {
			"a \"b\" \"c\" {\n  d = 1\n}\n\"e f\" { }\na {}\n",
			"{a/b/c@1={d@2=a number:1 } e f@4={} a@5={} }",
		},
		"HCL values": {
			"a = [0640, 0x10, -3, 1.5, true, \"x\\n\\\"y\\\"\"]\nb = [{c = false},\n[\"d\"]]",
			"{a@1=[a number:416 a number:16 a number:-3 a number:1.5 a boolean:true a string:x\n\"y\" ] b@2=[{c@2=a boolean:false } [a string:d ] ] }",
		},
		"HCL comments": {"# a\n// b\n/* c\n*/ d = \"#\"", "{d@4=a string:# }"},
		"HCL texts": {
			"a = <<X\n  b\n Y\nX\nc = <<-Y\n    d\n      e\n    Y\n",
			"{a@1=a string:  b\n Y\n c@5=a string:d\n  e\n }",
		},
		"HCL interpolation stays": {`a = "${b "c"} $(d) {{ e }}"`, `{a@1=a string:${b "c"} $(d) {{ e }} }`},
		"JSON values": {
			"{\"a\": [1, -2.5e3, true, null, \"\\u00e9\\n\"],\n\n\"b\": {\"c\":\n\"d\"}, \"b\": {}}",
			"{a@1=[a number:1 a number:-2.5e3 a boolean:true nothing: a string:é\n ] b@3={c@3=a string:d } b@4={} }",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n, err := parse([]byte(tc.src))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			outline(&b, n)
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Single values mean what they mean to the library that the Vault Agent uses.
func TestLiteralsAgreeWithTheLibrary(t *testing.T) {
	for _, literal := range []string{
		`"plain"`, `"a\tb\\c\"d"`, `"${x "y"} z"`, `"\u00e9"`, "<<E\na\n b\nE\n", "<<-E\n\ta\n\t b\n\tE\n", "<<-E\n  a\n b\n  E\n",
		"0640", "0x1F", "-7", "12",
	} {
		src := "v = " + literal
		var want struct {
			V any `hcl:"v"`
		}
		if err := hcl.Decode(&want, src); err != nil {
			t.Fatalf("%s: %v", literal, err)
		}
		n, err := parse([]byte(src))
		if err != nil {
			t.Fatalf("%s: %v", literal, err)
		}
		if got := n.fields[0].value; !same(got, want.V) {
			t.Errorf("%s: got %v %q, the library says %v", literal, got.kind, got.text, want.V)
		}
	}
}

func same(n *node, want any) bool {
	switch v := want.(type) {
	case string:
		return n.kind == text && n.text == v
	case int:
		var got int
		d := &decoder{}
		integer(&got)(d, "v", field{value: n})
		return len(d.problems) == 0 && got == v
	default:
		return false
	}
}

func TestParseErrors(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"HCL key":          {"\n\"a\\q\" = 1", "line 2: illegal char escape"},
		"HCL heredoc":      {"a = <<X\nb\n", "line 3: heredoc not terminated"},
		"HCL bare value":   {"[1]", "line 1: expected: IDENT | STRING | ASSIGN | LBRACE got: LBRACK"},
		"JSON bare key":    {"{a: 1}", "line 1: invalid character 'a'"},
		"JSON broken list": {"{\"a\": [1\n2]}", "line 2: invalid character '2' after array element"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte(tc.src))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func TestZeroOfTemplateConfigIsTheDefault(t *testing.T) {
	doc := decode(t, "f", []byte(`template_config { static_secret_render_interval = 0 max_connections_per_host = 0 }`))
	if diff := cmp.Diff(NewTemplateConfig(), doc.TemplateConfig); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
