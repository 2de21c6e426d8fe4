package render_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// dialectCase is one template and its documented output.
type dialectCase struct {
	text string
	want string
}

var dataCases = map[string]dialectCase{
	"read":                   {`{{ with secret "secret/app" }}{{ .Data.data.username }}{{ end }}`, "app"},
	"read, path is trimmed":  {`{{ with secret " /secret/app/ " }}{{ .Data.data.username }}{{ end }}`, "app"},
	"missing key":            {`{{ with secret "secret/app" }}{{ .Data.data.nope }}{{ end }}`, "<no value>"},
	"number keeps its form":  {`{{ with secret "secret/app" }}{{ .Data.num }}{{ end }}`, "12345678"},
	"lease":                  {`{{ with secret "secret/app" }}{{ .RequestID }} {{ .LeaseID }} {{ .LeaseDuration }} {{ .Renewable }} {{ .Warnings }}{{ end }}`, "request-1 lease-1 60 true [old]"},
	"no login, no wrapping":  {`{{ with secret "secret/app" }}{{ .Auth }} {{ .WrapInfo }}{{ end }}`, "<nil> <nil>"},
	"login":                  {`{{ with (secret "auth/login").Auth }}{{ .ClientToken }} {{ .Accessor }} {{ .Policies }} {{ .Metadata.role }} {{ .LeaseDuration }} {{ .Renewable }}{{ end }}`, "hvs." + canary + " accessor-1 [default] app 3600 true"},
	"wrapping":               {`{{ with (secret "wrapped").WrapInfo }}{{ .Token }} {{ .TTL }} {{ .CreationTime }} {{ .WrappedAccessor }}{{ end }}`, "wrap." + canary + " 120 2026-01-02 03:04:05 +0000 UTC accessor-2"},
	"answer without data":    {`{{ with secret "no/data" }}{{ .Data.x }}|{{ len .Data }}{{ end }}`, "<no value>|0"},
	"answer without body":    {`{{ with secret "no/body" }}something{{ else }}nothing{{ end }}`, "nothing"},
	"write":                  {`{{ with secret "aws/sts" " x = 1=2 " }}{{ .Data.security_token }}{{ end }}`, canary},
	"write without a body":   {`{{ with secret "transit/hmac" "" }}{{ .Data.hmac }}{{ end }}`, "vault:v1:abc"},
	"no path at all":         {`{{ secret }}`, "<no value>"},
	"list":                   {`{{ range secrets "secret/list" }}{{ . }},{{ end }}`, "a/,b,c,"},
	"list of numbers":        {`{{ secrets "numbers" }}`, "[10 2]"},
	"list of nothing":        {`{{ range secrets "secret/empty" }}x{{ else }}none{{ end }}`, "none"},
	"list of an empty path":  {`{{ secrets "" }}`, "[]"},
	"file of an empty path":  {`[{{ file "" }}]`, "[]"},
	"sub-template":           {`{{ define "x" }}hi {{ . }}{{ end }}{{ executeTemplate "x" "bob" }}|{{ executeTemplate "x" }}|{{ executeTemplate "x" "bob" | toUpper }}`, "hi bob|hi <no value>|HI BOB"},
	"sub-template of such":   {`{{ define "a" }}{{ template "b" . }}{{ end }}{{ define "b" }}[{{ . }}]{{ end }}{{ executeTemplate "a" 5 }}`, "[5]"},
	"nil root":               {`{{ . }} {{ .Foo }}`, "<no value> <no value>"},
	"write to a file":        {`[{{ writeToFile "/x" "" "" "0600" "content" }}]`, "[]"},
	"break out of a loop":    {`{{ range loop 5 }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}`, "012"},
	"comparison of a secret": {`{{ if eq (secret "secret/app").Data.data.username "app" }}yes{{ end }}`, "yes"},
}

var textCases = map[string]dialectCase{
	"case":                     {`{{ toLower "ABC" }}{{ toUpper "abc" }}`, "abcABC"},
	"title":                    {`{{ toTitle "hello wORLD foo-bar o'neil élan 3d" }}`, "Hello WORLD Foo-Bar O'neil Élan 3D"},
	"title, word boundaries":   {`{{ toTitle "hello.world it's a1b 2nd x:y don’t a..b .a 'b' ÀB déjà-vu _x x_y 1.a a.1 ab12cd a,b a/b" }}`, "Hello.world It's A1b 2Nd X:y Don’t A..B .A 'B' ÀB Déjà-Vu _X X_y 1.A A.1 Ab12cd A,B A/B"},
	"title, numbers and marks": {`{{ toTitle "3.5mm 1,2x a·b x''y x'1 -5a ĳ" }}|{{ toTitle "" }}`, "3.5Mm 1,2X A·b X''Y X'1 -5A Ĳ|"},
	"trim":                     {`{{ trim "x" "xxaxx" }}{{ trim "ab" "abXba" }}{{ trimPrefix "x" "xxa" }}{{ trimSuffix "a" "xa" }}[{{ trimSpace "  a " }}]`, "aXxax[a]"},
	"replace":                  {`{{ replaceAll "a" "b" "aXa" }} {{ replaceAll "" "-" "ab" }} {{ "a.b" | replaceAll "." "/" }}`, "bXb -a-b- a/b"},
	"patterns":                 {`{{ regexReplaceAll "(a)(b)" "$2$1" "abab" }} {{ regexReplaceAll "a" "$$" "aXa" }} {{ regexMatch "^a" "abc" }} {{ regexMatch "^b" "abc" }}`, "baba $X$ true false"},
	"indent":                   {`{{ indent 4 "a\nb\n\nc\n" }}|{{ indent 0 "a" }}|{{ indent 2 "" }}|{{ indent 2 "a\r\nb" }}|{{ indent 2 "  \na" }}`, "    a\n    b\n\n    c\n|a||  a\r\n  b|    \n  a"},
	"split":                    {`{{ printf "%q" (split "," " a,b ,c ") }} {{ len (split "," "") }} {{ len (split "," "  ") }} {{ split "" "abc" }}`, `["a" "b " "c"] 0 0 [a b c]`},
	"parse":                    {`{{ parseBool "true" }} {{ parseInt "-5" }} {{ parseUint "18446744073709551615" }} {{ parseFloat "1e3" }} {{ parseFloat "100000000" }}`, "true -5 18446744073709551615 1000 1e+08"},
	"parse empty texts":        {`{{ parseBool "" }} {{ parseInt "" }} {{ parseUint "" }} {{ parseFloat "" }}`, "false 0 0 0"},
	"types":                    {`{{ printf "%T %T %T %T" (parseBool "1") (parseInt "1") (parseUint "1") (parseFloat "1") }}`, "bool int64 uint64 float64"},
}

var listCases = map[string]dialectCase{
	"contains":             {`{{ contains "a" (split "," "a,b") }} {{ "z" | in (split "," "a,b") }} {{ in "hello" "ell" }} {{ in "hello" 5 }}`, "true false true false"},
	"in, kinds of numbers": {`{{ in (parseJSON "[1,2.5]") 1 }} {{ in (parseJSON "[1,2.5]") 1.0 }} {{ in (parseYAML "[1]") 1 }} {{ in (sprig_list (parseUint "1")) (parseUint "1") }}`, "false true true true"},
	"in, other values":     {`{{ in (parseJSON "{\"a\":1}") "a" }} {{ in 5 5 }} {{ in nil nil }} {{ in (parseJSON "[true,null,[1]]") true }} {{ contains "a" .Foo }}`, "false false false false false"},
	"in a secret":          {`{{ with secret "secret/app" }}{{ in .Data.data.list "a" }} {{ in .Data.data.list "z" }}{{ end }}`, "true false"},
	"contains several": {
		`{{ containsAll (parseJSON "[\"a\",\"b\"]") (split "," "a,b,c") }}{{ containsAny (parseJSON "[\"z\",\"b\"]") (split "," "a,b") }}{{ containsNone (parseJSON "[\"z\"]") (split "," "a") }}{{ containsNotAll (parseJSON "[\"a\",\"z\"]") (split "," "a") }}`,
		"truetruetruetrue",
	},
	"contains several, not": {
		`{{ containsAll (split "," "a,z") (split "," "a") }}{{ containsAny (split "," "z") (split "," "a,b") }}{{ containsNone (split "," "z,a") (split "," "a") }}{{ containsNotAll (split "," "a") (split "," "a") }}`,
		"falsefalsefalsefalse",
	},
	"contains none wanted": {
		`{{ $n := parseJSON "[]" }}{{ $l := split "," "a" }}{{ containsAll $n $l }}{{ containsAny $n $l }}{{ containsNone $n $l }}{{ containsNotAll $n $l }}`,
		"truefalsetruefalse",
	},
	"join":              {`{{ join "," (split ":" "a:b") }} {{ parseJSON "[\"a\",\"b\"]" | join "-" }} {{ join "," (secret "secret/app").Data.data.list }} [{{ split "," " " | join "," }}]`, "a,b a-b a,b []"},
	"split to map":      {`{{ splitToMap "," ":" "a:1,b:2" | toJSON }} {{ splitToMap "," ":" "a:1:2,b" | toJSON }} {{ splitToMap "," ":" "" | toJSON }} {{ splitToMap "," ":" " a : 1 , b:2" | toJSON }}`, `{"a":"1","b":"2"} {"a":"1:2"} {} {" b":"2","a ":" 1 "}`},
	"key of such a map": {`[{{ (splitToMap "," ":" "a:1").zz }}]`, "[]"},
	"explode":           {`{{ explodeMap (parseJSON "{\"a/b\":1,\"a/c\":2,\"d\":3}") | toJSON }}`, `{"a":{"b":1,"c":2},"d":3}`},
	"explode, edges":    {`{{ explodeMap (parseJSON "{\"a/b/\":1,\"/x\":2,\"//y\":4}") | toJSON }} {{ explodeMap (parseJSON "{\"a\":{\"b/c\":1},\"a/d\":2}") | toJSON }}`, `{"":{"":{"y":4},"x":2},"a":{"b":{}}} {"a":{"b/c":1,"d":2}}`},
	"merge":             {`{{ mergeMap (parseJSON "{\"a\":1,\"n\":{\"x\":1}}") (parseJSON "{\"a\":2,\"b\":3,\"n\":{\"x\":2,\"y\":3}}") | toJSON }}`, `{"a":1,"b":3,"n":{"x":1,"y":3}}`},
	"merge, empty values": {
		`{{ mergeMap (parseJSON "{\"a\":\"\",\"l\":[],\"z\":null}") (parseJSON "{\"a\":\"x\",\"l\":[2,3],\"z\":1}") | toJSON }} {{ mergeMap .Nil (parseJSON "{\"a\":1}") | toJSON }}`,
		`{"a":"x","l":[2,3],"z":1} {"a":1}`,
	},
	"merge, pipe": {`{{ $m := parseJSON "{\"b\":1}" }}{{ parseJSON "{\"a\":1}" | mergeMap $m | toJSON }}{{ toJSON $m }}`, `{"a":1,"b":1}{"a":1,"b":1}`},
	"override": {
		`{{ mergeMapWithOverride (parseJSON "{\"a\":1,\"l\":[1],\"n\":{\"x\":1}}") (parseJSON "{\"a\":\"\",\"l\":[2,3],\"n\":{\"y\":0}}") | toJSON }}`,
		`{"a":"","l":[2,3],"n":{"x":1,"y":0}}`,
	},
	"loop": {
		`{{ range loop 3 }}{{ . }}{{ end }} {{ range $i, $e := loop 2 5 }}{{ $i }}{{ $e }},{{ end }} {{ range loop "2" }}{{ . }}{{ end }} {{ range loop 3 1 }}x{{ else }}none{{ end }} {{ range loop -2 1 }}{{ . }}{{ end }} {{ range loop (parseUint "2") }}{{ . }}{{ end }}`,
		"012 02,13,24, 01 none -2-10 01",
	},
	"loop, numbers of a secret": {`{{ range loop (secret "secret/app").Data.data.n }}{{ . }}{{ end }}[{{ range loop "" }}x{{ end }}]`, "01234[]"},
	"loop, type":                {`{{ printf "%T" (loop 1) }}`, "<-chan int64"},
}

var numberCases = map[string]dialectCase{
	"whole":      {`{{ add 1 2 }} {{ subtract 2 5 }} {{ multiply 2 3 }} {{ divide 2 10 }} {{ divide 2 5 }} {{ modulo 2 5 }} {{ minimum 2 5 }} {{ maximum 2 5 }}`, "3 3 6 5 2 1 2 5"},
	"mixed":      {`{{ add 1 2.5 }} {{ add 1.5 2 }} {{ subtract 0.5 2 }} {{ multiply 2 1.5 }} {{ divide 2.0 5 }} {{ divide 2 5.0 }} {{ divide 0.0 5 }}`, "3.5 3.5 1.5 3 2.5 2.5 +Inf"},
	"pipes":      {`{{ 5 | subtract 2 }} {{ 10 | divide 2 }}`, "3 5"},
	"types":      {`{{ printf "%T %T %T %T %T %T" (add 1 2) (add 1 2.0) (add (parseUint "1") 2) (add 1 (parseUint "2")) (add (parseUint "1") (parseUint "2")) (add 1.0 (parseUint "2")) }}`, "int64 float64 int64 int64 uint64 float64"},
	"unsigned":   {`{{ subtract (parseUint "5") (parseUint "2") }} {{ subtract 5 (parseUint "2") }} {{ multiply (parseUint "5") (parseUint "2") }} {{ divide (parseUint "2") (parseUint "5") }} {{ modulo (parseUint "2") (parseUint "5") }}`, "18446744073709551613 -3 10 2 1"},
	"extremes":   {`{{ minimum 1 2.5 }} {{ maximum 1 2.5 }} {{ minimum 3.5 2 }} {{ maximum 2 2 }} {{ minimum (parseUint "3") (parseUint "2") }} {{ maximum (parseUint "3") 2 }}`, "1 2.5 2 2 2 3"},
	"of secrets": {`{{ with secret "secret/app" }}{{ add 1 .Data.num }} {{ add 0.5 .Data.data.n }} {{ multiply 2 .Data.metadata.ratio }}{{ end }}`, "12345679 5.5 3"},
}

var encodingCases = map[string]dialectCase{
	"base64":        {`{{ "aGk=" | base64Decode }} {{ base64Encode "hi?>" }} {{ base64URLEncode "hi?>" }} {{ base64URLDecode "aGk_Pg==" }} {{ base64Decode "aGk=\n" }}`, "hi aGk/Pg== aGk_Pg== hi?> hi"},
	"JSON":          {`{{ (parseJSON "{\"a\":12345678}").a }} {{ parseJSON "" }} {{ parseJSON "null" }} {{ parseJSON "\"x\"" }} {{ parseJSON "[1,\"a\"]" }}`, "1.2345678e+07 map[] <no value> x [1 a]"},
	"JSON in order": {`{{ range $k, $v := parseJSON "{\"b\":1,\"a\":2}" }}{{ $k }}={{ $v }};{{ end }}`, "a=2;b=1;"},
	"to JSON":       {`{{ parseJSON "{\"b\":[1,\"<&>\"],\"a\":{\"x\":null}}" | toJSON }} {{ toJSON nil }} {{ toJSON 1.5 }}{{ toJSON 1e21 }}`, `{"a":{"x":null},"b":[1,"\u003c\u0026\u003e"]} null 1.51e+21`},
	"pretty":        {`{{ parseJSON "{\"b\":[1,\"<&>\"]}" | toJSONPretty }}`, "{\n  \"b\": [\n    1,\n    \"\\u003c\\u0026\\u003e\"\n  ]\n}"},
	"unescaped":     {`{{ $v := parseJSON "{\"b\":\"<&>\"}" }}{{ toUnescapedJSON $v }} {{ toUnescapedJSONPretty $v }}`, "{\"b\":\"<&>\"} {\n  \"b\": \"<&>\"\n}"},
	"a whole secret": {
		`{{ with secret "no/data" }}{{ toJSON . }}{{ end }}`,
		`{"RequestID":"r","LeaseID":"","LeaseDuration":0,"Renewable":false,"Data":null,"Warnings":null,"Auth":null,"WrapInfo":null}`,
	},
	"YAML": {`{{ parseYAML "a: 1\nb: [x, y]\nc:\n  d: yes\n  1: z" }} {{ parseYAML "" }} {{ parseYAML "# none" }} {{ parseYAML "a: 1\n---\nb: 2" }}`, "map[a:1 b:[x true] c:map[d:true 1:z]] map[] <no value> map[a:1]"},
	"YAML 1.1": {
		`{{ parseYAML "a: yes\nb: NO\nc: On\nd: 'yes'\ne: 2020-01-01T00:00:00Z\nf: 0x1F\ng: 1_000\nh: .5\ni: .inf\nj: 0b11\nk: 010\nl: 08\nm: +1\no: !!str yes\np: &x 1\nq: *x\nr: 1:30:20\ns: 1.0\nt: 100000000.0\nw: =\nx: Null\nz: -0\nzz: yEs" }}`,
		"map[a:true b:false c:true d:yes e:2020-01-01T00:00:00Z f:31 g:1000 h:0.5 i:+Inf j:3 k:8 l:8 m:1 o:yes p:1 q:1 r:1:30:20 s:1 t:1e+08 w:= x:<nil> z:0 zz:yEs]",
	},
	"YAML, repeated keys": {`{{ parseYAML "a: &x {b: 1, b: 2}\nc: *x\nd: [{e: 1, e: yes}]" }}`, "map[a:map[b:2] c:map[b:2] d:[map[e:true]]]"},
	"YAML, merge keys":    {`{{ parseYAML "a: &a {b: 1}\nc:\n  <<: *a\n  d: 2" }}`, "map[a:map[b:1] c:map[b:1 d:2]]"},
	"YAML to JSON":        {`{{ parseYAML "a: {b: [1, x]}" | toJSON }}`, `{"a":{"b":[1,"x"]}}`},
	"to YAML": {
		`{{ parseJSON "{\"b\":[1,\"<&>\",{\"k\":[1,2]}],\"a\":{\"x\":null,\"y\":\"yes\",\"z\":\"1:30\"},\"e\":[],\"m\":{},\"s\":\"a\\nb\\n\"}" | toYAML }}|`,
		"a:\n  x: null\n  \"y\": \"yes\"\n  z: \"1:30\"\nb:\n- 1\n- <&>\n- k:\n  - 1\n  - 2\ne: []\nm: {}\ns: |\n  a\n  b|",
	},
	"to YAML, scalars":  {`{{ toYAML "x" }}|{{ toYAML nil }}|{{ toYAML 5 }}|{{ parseJSON "[1.5,100000000,1e21,true,[1,[2]]]" | toYAML }}`, "x|null|5|- 1.5\n- 1e+08\n- 1e+21\n- true\n- - 1\n  - - 2"},
	"to YAML, a secret": {`{{ with secret "secret/app" }}{{ toYAML .Data.metadata.version }} {{ toYAML .Data.data.list }}{{ end }}{{ toYAML (secret "no/data").Warnings }}`, "3 - a\n- b[]"},
	"to YAML, an object": {
		`{{ with secret "auth/login" }}{{ toYAML .Auth.Metadata }} {{ .Auth.Policies | toYAML }}{{ end }} {{ with secret "transit/hmac" "" }}{{ toYAML . }}{{ end }}`,
		"role: app - default requestid: \"\"\nleaseid: \"\"\nleaseduration: 0\nrenewable: false\ndata:\n  hmac: vault:v1:abc\nwarnings: []\nauth: null\nwrapinfo: null",
	},
	"to TOML": {
		`{{ parseJSON "{\"t\":{\"a\":1,\"b\":\"x\"},\"k\":[1,2],\"s\":\"v\",\"arr\":[{\"x\":1},{\"x\":2}]}" | toTOML }}|{{ parseJSON "{\"a\":null}" | toTOML }}`,
		"k = [1.0, 2.0]\ns = \"v\"\n\n[[arr]]\n  x = 1.0\n\n[[arr]]\n  x = 2.0\n\n[t]\n  a = 1.0\n  b = \"x\"|",
	},
	"to TOML, a secret": {`{{ (secret "secret/app").Data.metadata | toTOML }}`, "ratio = 1.5\nversion = 3"},
	"digests": {
		`{{ sha256Hex "a" }} {{ md5sum "a" }} {{ hmacSHA256Hex "msg" "key" }}`,
		"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb 0cc175b9c0f1b6a831c399e269772661 2d93cbc1be167bcb1637a4a23cbff01a7878f0c50ee833954ea5221bb1b8c628",
	},
}

var otherCases = map[string]dialectCase{
	"env":                 {`{{ env "HOME" }}|{{ env "NOPE" }}|{{ mustEnv "HOME" }}|{{ envOrDefault "NOPE" "d" }}|{{ envOrDefault "EMPTY" "d" }}`, "/home/app||/home/app|d|"},
	"addresses":           {`{{ sockaddr "GetAllInterfaces | include \"flags\" \"loopback\" | include \"type\" \"IPv4\" | limit 1" "| attr \"address\"" }}`, "127.0.0.1"},
	"dump":                {`{{ spew_sdump "x" }}|{{ spew_sdump }}|{{ spew_sdump (parseJSON "{\"b\":1,\"a\":[1]}") 5 }}`, "(string) (len=1) \"x\"\n||(map[string]interface {}) (len=2) {\n (string) (len=1) \"a\": ([]interface {}) (len=1 cap=1) {\n  (float64) 1\n },\n (string) (len=1) \"b\": (float64) 1\n}\n(int) 5\n"},
	"dump in a line":      {`{{ spew_sprintf "%d-%s" 5 "x" }} {{ spew_sprintf "%#+v" (parseJSON "{\"b\":1,\"a\":[1]}") }}`, "5-x (map[string]interface {})map[a:([]interface {})[(float64)1] b:(float64)1]"},
	"scratch":             {`{{ scratch.Set "a" 1 }}{{ scratch.Get "a" }}{{ scratch.SetX "a" 2 }}{{ scratch.Get "a" }} {{ scratch.Key "a" }} {{ scratch.Key "b" }} {{ scratch.Get "b" }}`, "11 true false <no value>"},
	"scratch, unless set": {`{{ scratch.SetX "a" 1 }}{{ scratch.Get "a" }}`, "1"},
	"scratch maps":        {`{{ scratch.MapSet "m" "z" 1 }}{{ scratch.MapSet "m" "a" 2 }}{{ scratch.MapSetX "m" "a" 3 }}{{ scratch.MapSetX "m" "k" 4 }}{{ range scratch.MapValues "m" }}{{ . }},{{ end }} {{ scratch.Get "m" }}`, "2,4,1, map[a:2 k:4 z:1]"},
	"scratch, edges":      {`{{ scratch.Set "s" "text" }}{{ scratch.MapValues "s" }} {{ scratch.MapValues "none" }}{{ scratch.Set "p" (parseJSON "{\"x\":1}") }}{{ scratch.MapSet "p" "z" 2 }} {{ scratch.Get "p" }}`, "[] [] map[x:1 z:2]"},
	"sprig":               {`{{ "a" | sprig_upper }} {{ sprig_join "-" (sprig_list 1 "b") }} {{ sprig_default "d" "" }} {{ sprig_ternary "y" "n" true }} {{ sprig_b64enc "x" }}`, "A 1-b d y eA=="},
}

// allCases are the tables by the group of functions that they are about.
func allCases() map[string]map[string]dialectCase {
	return map[string]map[string]dialectCase{
		"data": dataCases, "text": textCases, "list": listCases, "number": numberCases, "encoding": encodingCases, "other": otherCases,
	}
}

func TestDialect(t *testing.T) {
	for group, cases := range allCases() {
		for name, c := range cases {
			t.Run(group+"/"+name, func(t *testing.T) {
				result := execute(t, c.text, render.Options{LookupEnv: environment})
				if got := string(result.Output); got != c.want {
					t.Errorf("template %s\ngives %q\nwant  %q", c.text, got, c.want)
				}
			})
		}
	}
}

func TestDialectIsDeterministic(t *testing.T) {
	for group, cases := range allCases() {
		for name, c := range cases {
			template := parse(t, c.text, render.Options{LookupEnv: environment})
			for range 3 {
				result, err := template.Execute(held())
				if err != nil || string(result.Output) != c.want {
					t.Errorf("%s/%s: a repeated execution gives %q, %v", group, name, result.Output, err)
				}
			}
		}
	}
}

func TestEveryFunctionIsTried(t *testing.T) {
	var texts strings.Builder
	for _, cases := range allCases() {
		for _, c := range cases {
			texts.WriteString(c.text)
		}
	}
	elsewhere := map[string]bool{"pkiCert": true, "timestamp": true, "spew_dump": true, "spew_printf": true}
	for _, doc := range render.Functions() {
		if doc.Group == "sprig" || doc.Group == "not supported" || elsewhere[doc.Name] {
			continue
		}
		if !regexp.MustCompile(`\b` + doc.Name + `\b`).MatchString(texts.String()) {
			t.Errorf("no case of the dialect calls %s", doc.Name)
		}
	}
}

func TestTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Virtual time begins at midnight UTC of 1 January 2000.
		result := execute(t, `{{ timestamp }} {{ timestamp "unix" }} {{ timestamp "2006" }} [{{ timestamp "" }}]`, render.Options{})
		if got, want := string(result.Output), "2000-01-01T00:00:00Z 946684800 2000 []"; got != want {
			t.Errorf("output = %q, want %q", got, want)
		}
	})
}
