package fakevault

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePolicy(t *testing.T) {
	cases := map[string]struct {
		text string
		want map[string][]string
		err  string
	}{
		"empty":    {text: "", want: map[string][]string{}},
		"one":      {text: `path "a/*" { capabilities = ["read", "list"] }`, want: map[string][]string{"a/*": {"read", "list"}}},
		"two":      {text: "path \"a\" {capabilities=[\"read\"]}\npath \"b\" {capabilities=[\"deny\"]}", want: map[string][]string{"a": {"read"}, "b": {"deny"}}},
		"repeated": {text: `path "a" {capabilities=["read"]} path "a" {capabilities=["list"]}`, want: map[string][]string{"a": {"read", "list"}}},
		"comments": {text: "# x\n// y\n/* z */ path \"a\" {\n  # w\n  capabilities = [\"read\",]\n}", want: map[string][]string{"a": {"read"}}},
		"others": {
			text: `path "a" { min_wrapping_ttl = "1s" allowed_parameters = { "x" = ["y"] } capabilities = ["read"] }`,
			want: map[string][]string{"a": {"read"}},
		},
		"JSON":          {text: `{"path":{"a":{"capabilities":["read"]}}}`, want: map[string][]string{"a": {"read"}}},
		"bad JSON":      {text: `{"path":`, err: "unexpected end of JSON input"},
		"no capability": {text: `path "a" {capabilities=["fly"]}`, err: `path "a": invalid capability "fly"`},
		"no braces":     {text: `path "a"`, err: `at 1:9: expected "{", found ""`},
		"no quotes":     {text: `path a {}`, err: `at 1:7: expected String, found "a"`},
		"no path":       {text: `block "a" {}`, err: `at 1:6: expected "path", found "block"`},
		"unclosed":      {text: `path "a" { x = [`, err: `at 1:17: the document ends within a block`},
		"open string":   {text: `path "a`, err: `at 1:8: literal not terminated`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parsePolicy(tc.text)
			if message := errorText(err); message != tc.err {
				t.Fatalf("error %q, want %q", message, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPolicyTextReadsBack(t *testing.T) {
	for _, p := range []*policy{defaultPolicy(), wrappingPolicy()} {
		got, err := parsePolicy(p.text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.paths, got); diff != "" {
			t.Errorf("rules (-want +got):\n%s", diff)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	for _, seed := range []string{"", `path "a" {capabilities=["read"]}`, `{"path":{}}`, "path \"\\x\" {", "#", `path "" {}`, `path "a" { x = { y = [`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		paths, err := parsePolicy(text)
		if err != nil {
			return
		}
		again, err := parsePolicy(policyText(paths))
		if err != nil || len(again) != len(paths) {
			t.Errorf("%d rules, written and read again %d: %v", len(paths), len(again), err)
		}
	})
}

func compile(rules map[string][]string) *acl {
	ns := newNamespace("")
	ns.setPolicy("p", &policy{paths: rules})
	return ns.acl([]string{"p"})
}

func TestCapabilities(t *testing.T) {
	cases := map[string]struct {
		rules  map[string][]string
		reason string
		want   map[string]string // path -> capabilities, comma between
	}{
		"exact":           {map[string][]string{"a/b": {"read"}}, "nothing else matches", map[string]string{"a/b": "read", "a": "", "a/b/c": "", "a/b/": ""}},
		"star":            {map[string][]string{"a/b*": {"read"}}, "a prefix", map[string]string{"a/b": "read", "a/bc": "read", "a/b/c/d": "read", "a/": ""}},
		"all":             {map[string][]string{"*": {"read"}}, "any path", map[string]string{"": "read", "a/b": "read"}},
		"plus":            {map[string][]string{"a/+/c": {"read"}}, "one segment", map[string]string{"a/b/c": "read", "a/b/x/c": "", "a/b/c/d": "", "a/b": ""}},
		"plus at the end": {map[string][]string{"a/+": {"read"}}, "one segment", map[string]string{"a/b": "read", "a/b/c": "", "a": ""}},
		"plus and star":   {map[string][]string{"a/+/c/*": {"read"}}, "a segment and a prefix", map[string]string{"a/b/c/d": "read", "a/b/c": "", "a/b/x/d": ""}},
		"exact wins":      {map[string][]string{"a/*": {"read"}, "a/b": {"list"}}, "it is the most specific", map[string]string{"a/b": "list", "a/c": "read"}},
		"longer wins":     {map[string][]string{"a/*": {"read"}, "a/b/*": {"list"}}, "its wildcard is later", map[string]string{"a/b/c": "list", "a/c": "read"}},
		"deny wins":       {map[string][]string{"a": {"read", "deny"}}, "within one rule", map[string]string{"a": ""}},
		"plus before star": {
			map[string][]string{"a/+/c": {"list"}, "a/*": {"read"}}, "no star at the end", map[string]string{"a/b/c": "list", "a/b/d": "read"},
		},
		"fewer plus": {map[string][]string{"+/b/c": {"read"}, "+/+/c": {"list"}}, "fewer wildcards", map[string]string{"a/b/c": "read", "a/x/c": "list"}},
		"slash":      {map[string][]string{"/a": {"read"}}, "a slash in front does not count", map[string]string{"a": "read"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := compile(tc.rules)
			for path, want := range tc.want {
				if got := strings.Join(a.capabilities(path), ","); got != want {
					t.Errorf("%s: %q allows %q, want %q", tc.reason, path, got, want)
				}
			}
		})
	}
}

func TestTouches(t *testing.T) {
	cases := map[string]struct {
		pattern string
		mount   string
		want    bool
	}{
		"below":               {"kv/data/a", "kv/", true},
		"the mount":           {"kv/*", "kv/", true},
		"above":               {"*", "kv/", true},
		"prefix of the name":  {"k*", "kv/", true},
		"plus":                {"+/data/a", "kv/", true},
		"plus below":          {"kv/+/a", "kv/", true},
		"nested":              {"team/*", "team/kv/", true},
		"other":               {"kv2/*", "kv/", false},
		"longer name":         {"kvx*", "kv/", false},
		"other exact":         {"other/a", "kv/", false},
		"shorter with a plus": {"+", "team/kv/", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := compile(map[string][]string{tc.pattern: {"read"}}).touches(tc.mount); got != tc.want {
				t.Errorf("%q touches %q: %v, want %v", tc.pattern, tc.mount, got, tc.want)
			}
			if compile(map[string][]string{tc.pattern: {"deny"}}).touches(tc.mount) {
				t.Errorf("%q touches %q although it denies", tc.pattern, tc.mount)
			}
		})
	}
}

func TestPoliciesTakeEffectAtOnce(t *testing.T) {
	ns := newNamespace("")
	before := ns.acl([]string{"p"}).capabilities("a")
	ns.setPolicy("p", &policy{paths: map[string][]string{"a": {"read"}}})
	after := ns.acl([]string{"p"}).capabilities("a")
	if len(before) != 0 || len(after) != 1 {
		t.Errorf("allowed %v before and %v after the policy was written", before, after)
	}
}
