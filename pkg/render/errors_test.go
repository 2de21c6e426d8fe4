package render_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/render"
	"github.com/vaultk8s/vaultk8s/pkg/secret"
)

func TestExecErrors(t *testing.T) {
	cases := map[string]struct {
		text string
		want string // after `template "app.conf", line 1, column N: `
	}{
		"argument without a key":  {`{{ secret "x" "secretvalue" }}`, `function "secret": argument 1 after the path is not of the form KEY=VALUE`},
		"empty path":              {`{{ secret "/" }}`, `function "secret": the path is empty`},
		"empty path of a list":    {`{{ secrets " " }}`, `function "secrets": the path is empty`},
		"empty path of PKI":       {`{{ pkiCert "" "a=b" }}`, `function "pkiCert": the path is empty`},
		"argument of PKI":         {`{{ pkiCert "x" "" "a" }}`, `function "pkiCert": argument 2 after the path is not of the form KEY=VALUE`},
		"no certificate":          {`{{ with secret "secret/app" }}{{ sprig_fail "x" }}{{ end }}`, `function "sprig_fail": x`},
		"base64":                  {`{{ base64Decode "%%" }}`, `function "base64Decode": illegal base64 data at input byte 0`},
		"base64 of URLs":          {`{{ base64URLDecode "a+" }}`, `function "base64URLDecode": illegal base64 data at input byte 1`},
		"wanted is no list":       {`{{ containsAll "x" (split "," "a") }}`, `function "containsAll": the wanted values are of type string, must be a list`},
		"empty variable":          {`{{ mustEnv "EMPTY" }}`, `function "mustEnv": environment variable "EMPTY" is not set, or empty`},
		"key and folder":          {`{{ explodeMap (parseJSON "{\"a/b\":1,\"a\":2}") }}`, `function "explodeMap": a key is a value and has others below it`},
		"indent":                  {`{{ indent -1 "a" }}`, `function "indent": the number of blanks is -1, must not be negative`},
		"loop of nothing":         {`{{ loop }}`, `function "loop": takes one or two numbers, not 0`},
		"loop of too much":        {`{{ loop 1 2 3 }}`, `function "loop": takes one or two numbers, not 3`},
		"loop of a word":          {`{{ loop "a" }}`, `function "loop": invalid syntax`},
		"loop of a fraction":      {`{{ loop 1.5 }}`, `function "loop": the bound is of type float64, must be a whole number`},
		"loop of nil":             {`{{ loop nil }}`, `function "loop": the bound is of type <nil>, must be a whole number`},
		"endless loop":            {`{{ loop -9223372036854775808 9223372036854775807 }}`, `function "loop": of 18446744073709551615 numbers is too long: at most 1048576`},
		"join of a number":        {`{{ join "," 5 }}`, `function "join": the list is of type int, must be a list of texts`},
		"join of numbers":         {`{{ join "," (parseJSON "[\"a\",1]") }}`, `function "join": item 1 of the list is of type float64, must be a text`},
		"pattern":                 {`{{ regexMatch "(" "abc" }}`, `function "regexMatch": invalid pattern: missing closing )`},
		"pattern of replace":      {`{{ regexReplaceAll "a{2,1}" "" "abc" }}`, `function "regexReplaceAll": invalid pattern: invalid repeat count`},
		"truth":                   {`{{ parseBool "zzz" }}`, `function "parseBool": invalid syntax`},
		"whole number":            {`{{ parseInt "0x10" }}`, `function "parseInt": invalid syntax`},
		"large number":            {`{{ parseInt "9223372036854775808" }}`, `function "parseInt": value out of range`},
		"negative number":         {`{{ parseUint "-1" }}`, `function "parseUint": invalid syntax`},
		"fraction":                {`{{ parseFloat "x" }}`, `function "parseFloat": invalid syntax`},
		"JSON":                    {`{{ parseJSON "{\"a\": x" }}`, `function "parseJSON": invalid JSON at byte 7`},
		"JSON of a channel":       {`{{ toJSON (loop 2) }}`, `function "toJSON": json: unsupported type: <-chan int64`},
		"YAML":                    {`{{ parseYAML "a: 1\nb: [" }}`, `function "parseYAML": invalid YAML, line 2`},
		"YAML alias":              {`{{ parseYAML "a: *x" }}`, `function "parseYAML": invalid YAML`},
		"YAML of a channel":       {`{{ toYAML (loop 1) }}`, `function "toYAML": it failed; its message is left out because it may show a value`},
		"YAML cycle":              {`{{ parseYAML "a: &a [*a]" }}`, `function "parseYAML": invalid YAML`},
		"TOML of a channel":       {`{{ toTOML (parseJSON "[null]") }}`, `function "toTOML": it failed; its message is left out because it may show a value`},
		"timestamp":               {`{{ timestamp "a" "b" }}`, `function "timestamp": takes at most one layout, not 2`},
		"sockaddr":                {`{{ sockaddr "bogus" }}`, `function "sockaddr": the expression cannot be evaluated: see the functions of go-sockaddr`},
		"division":                {`{{ divide 0 5 }}`, `function "divide": division by zero`},
		"division, unsigned":      {`{{ divide (parseUint "0") (parseUint "5") }}`, `function "divide": division by zero`},
		"modulo":                  {`{{ modulo 0 5 }}`, `function "modulo": division by zero`},
		"modulo of a fraction":    {`{{ modulo 2.0 5 }}`, `function "modulo": takes whole numbers only`},
		"sum of a word":           {`{{ add "a" 1 }}`, `function "add": the argument is of type string, must be a number`},
		"sum of nil":              {`{{ add 1 nil }}`, `function "add": the argument is of type <nil>, must be a number`},
		"minimum of a word":       {`{{ minimum "a" 1 }}`, `function "minimum": the argument is of type string, must be a number`},
		"scratch":                 {`{{ scratch.Set "a" 1 }}{{ scratch.MapSet "a" "z" 1 }}`, `function "MapSet": "a" is not a map`},
		"scratch, unless set":     {`{{ scratch.Set "a" 1 }}{{ scratch.MapSetX "a" "z" 1 }}`, `function "MapSetX": "a" is not a map`},
		"sub-template":            {`{{ executeTemplate "nope" }}`, `function "executeTemplate": template "nope" is not defined`},
		"values of sub-template":  {`{{ define "x" }}{{ end }}{{ executeTemplate "x" 1 2 }}`, `function "executeTemplate": takes a name and at most one value, not 2 values`},
		"template action":         {`{{ template "nope" }}`, `template "nope" not defined`},
		"plugin":                  {`{{ plugin "/bin/true" }}`, `function "plugin" runs a program and is not supported`},
		"Consul":                  {`{{ key "a/b" }}`, `function "key" needs Consul, which is not supported`},
		"Consul, results":         {`{{ range service "web" | byTag }}{{ end }}`, `function "service" needs Consul, which is not supported`},
		"Nomad":                   {`{{ nomadVar "a" }}`, `function "nomadVar" needs Nomad, which is not supported`},
		"dump to the log":         {`{{ spew_dump 1 }}`, `function "spew_dump": would print values to the log; use spew_sdump`},
		"print to the log":        {`{{ spew_printf "x" 1 }}`, `function "spew_printf": would print values to the log; use spew_sprintf`},
		"write, permissions":      {`{{ writeToFile "/x" "" "" "rw" "c" }}`, `function "writeToFile": permissions must be octal digits up to 777`},
		"write, set-user-id":      {`{{ writeToFile "/x" "" "" "4755" "c" }}`, `function "writeToFile": permissions must be octal digits up to 777`},
		"write, no content":       {`{{ writeToFile "/x" "" "" "0600" }}`, `function "writeToFile": takes PATH USER GROUP PERMS [FLAGS] CONTENT, not 4 arguments`},
		"write, too much":         {`{{ writeToFile "/x" "" "" "0600" "" "c" "d" }}`, `function "writeToFile": takes PATH USER GROUP PERMS [FLAGS] CONTENT, not 7 arguments`},
		"write, no path":          {`{{ writeToFile "" "" "" "0600" "c" }}`, `function "writeToFile": the path is empty`},
		"field of a wrong type":   {`{{ (split "," "a").x }}`, `can't evaluate field x in type []string`},
		"wrong number of args":    {`{{ toUpper }}`, `wrong number of args for toUpper: want 1 got 0`},
		"wrong type":              {`{{ toUpper (parseJSON "[1]") }}`, `wrong type for value; expected string; got []interface {}`},
		"cannot be printed":       {`{{ loop 1 }}`, `can't print {{loop 1}} of type <-chan int64`},
		"comparison":              {`{{ lt 1 "a" }}`, `function "lt": incompatible types for comparison: int and string`},
		"map in itself":           {`{{ $m := sprig_dict "a" 1 }}{{ $m = sprig_set $m "m" (sprig_list $m) }}{{ $m }}`, `function "sprig_set": a map must not contain itself`},
		"map in itself, scratch":  {`{{ scratch.MapSet "m" "a" 1 }}{{ scratch.MapSet "m" "m" (scratch.Get "m") }}{{ scratch.Get "m" }}`, `function "MapSet": a map must not contain itself`},
		"map in itself, merge":    {`{{ $m := sprig_dict "a" 1 }}{{ $m = sprig_merge $m (sprig_dict "l" (sprig_chunk 1 (sprig_list $m))) }}{{ $m }}`, `function "sprig_merge": a map must not contain itself`},
		"map in itself, mergeMap": {`{{ $m := sprig_dict "a" 1 }}{{ $m = mergeMap $m (sprig_dict "l" (sprig_chunk 1 (sprig_list $m))) }}{{ $m }}`, `function "mergeMap": a map must not contain itself`},
		"map in itself, must":     {`{{ $m := sprig_dict "a" 1 }}{{ $m = sprig_mustMerge $m (sprig_dict "l" (sprig_chunk 1 (sprig_list $m))) }}{{ $m }}`, `function "sprig_mustMerge": a map must not contain itself`},
		"nil map":                 {`{{ sprig_set .Nil "a" 1 }}`, `function "sprig_set": the map is nil`},
		"message of sprig":        {`{{ sprig_mustToDate "2006" "x" }}`, `function "sprig_mustToDate": the time does not match its layout`},
		"panic in sprig":          {`{{ sprig_urlParse ":x" }}`, `function "sprig_urlParse": it failed; its message is left out because it may show a value`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := failure(t, c.text, render.Options{LookupEnv: environment})
			_, rest, _ := strings.Cut(got, ", column ")
			_, rest, _ = strings.Cut(rest, ": ")
			if rest != c.want {
				t.Errorf("error = %s\nends    %s\nwant    %s", got, rest, c.want)
			}
		})
	}
}

func TestExecErrorIsTyped(t *testing.T) {
	cases := map[string]struct {
		text string
		want render.ExecError
	}{
		"function": {
			"a\n  {{ parseInt \"x\" }}",
			render.ExecError{Template: "app.conf", Line: 2, Column: 6, Function: "parseInt", Reason: `function "parseInt": invalid syntax`},
		},
		"in a pipeline": {
			`{{ "x" | toUpper | parseInt }}`,
			render.ExecError{Template: "app.conf", Line: 1, Column: 20, Function: "parseInt", Reason: `function "parseInt": invalid syntax`},
		},
		"template itself": {
			"{{ (split \",\" \"a\").x }}",
			render.ExecError{Template: "app.conf", Line: 1, Column: 15, Reason: "can't evaluate field x in type []string"},
		},
		"in a sub-template": {
			"{{ executeTemplate \"x\" }}\n{{ define \"x\" }}\n{{ base64Decode \"%\" }}{{ end }}",
			render.ExecError{Template: "app.conf", Line: 3, Column: 4, Function: "base64Decode", Reason: `function "base64Decode": illegal base64 data at input byte 0`},
		},
		"method": {
			`{{ scratch.Set "a" 1 }}{{ scratch.MapSet "a" "z" 1 }}`,
			render.ExecError{Template: "app.conf", Line: 1, Column: 34, Function: "MapSet", Reason: `function "MapSet": "a" is not a map`},
		},
		"percent signs": {
			`{{ "100%d" | parseInt }}`,
			render.ExecError{Template: "app.conf", Line: 1, Column: 14, Function: "parseInt", Reason: `function "parseInt": invalid syntax`},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, c.text, render.Options{}).Execute(held())
			var got *render.ExecError
			if !errors.As(err, &got) {
				t.Fatalf("error is a %T: %v", err, err)
			}
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Error(diff)
			}
			if errors.Unwrap(got) != nil {
				t.Error("the error unwraps to one that may show a value")
			}
		})
	}
}

// leaks are templates that fail with a secret at hand.
var leaks = map[string]string{
	"parse":              `{{ $p | parseInt }}`,
	"base64":             `{{ $p | base64Decode }}`,
	"JSON":               `{{ $p | parseJSON }}`,
	"YAML":               `{{ printf "a: *%s" $p | parseYAML }}`,
	"YAML key":           `{{ printf "%s: [" $p | parseYAML }}`,
	"pattern":            `{{ regexMatch (printf "%s(" $p) "x" }}`,
	"range":              `{{ range $p }}{{ end }}`,
	"range, two":         `{{ range $a, $b := $d }}{{ range $b }}{{ range . }}{{ end }}{{ end }}{{ end }}`,
	"comparison":         `{{ eq $d $d }}`,
	"comparison, lists":  `{{ eq (sprig_list $p) (sprig_list $p) }}`,
	"index":              `{{ index $p $p }}`,
	"field":              `{{ $p.x }}`,
	"fail":               `{{ sprig_fail $p }}`,
	"fail with a part":   `{{ sprig_fail (printf "value %s here" $d.password) }}`,
	"fail, inner":        `{{ sprig_fail (parseJSON $d.json).inner }}`,
	"date":               `{{ sprig_mustToDate "2006" $p }}`,
	"date of a part":     `{{ sprig_mustToDate "2006" (sprig_trunc 15 $p) }}`,
	"URL":                `{{ sprig_urlParse (printf ":%s" $p) }}`,
	"URL of a part":      `{{ sprig_urlParse (printf ":%s" (sprig_trunc 15 $p)) }}`,
	"path":               `{{ file (printf "/nowhere/%s" $p) }}`,
	"template":           `{{ executeTemplate $p }}`,
	"variable":           `{{ mustEnv $p }}`,
	"argument":           `{{ secret "x" $p }}`,
	"permissions":        `{{ writeToFile "/x" "" "" $p "c" }}`,
	"address":            `{{ sockaddr $p }}`,
	"scratch":            `{{ scratch.Set $p 1 }}{{ scratch.MapSet $p "a" 1 }}`,
	"explode":            `{{ explodeMap (sprig_dict $p 1 (printf "%s/x" $p) 2) }}`,
	"write call":         `{{ (secret "aws/sts" "x=1").Data.security_token | parseBool }}`,
	"token":              `{{ (secret "auth/login").Auth.ClientToken | sprig_fail }}`,
	"wrapping token":     `{{ (secret "wrapped").WrapInfo.Token | sprig_fail }}`,
	"whole secret":       `{{ sprig_fail (printf "%v" (secret "secret/app")) }}`,
	"printed list":       `{{ sprig_fail (toJSON $d.json) }}`,
	"strange verb":       `{{ sprig_fail (printf "%d" $p) }}`,
	"sub-template":       `{{ define "x" }}{{ . | parseFloat }}{{ end }}{{ executeTemplate "x" $p }}`,
	"decimal":            `{{ sprig_mustRegexMatch (printf "%s(" $p) "x" }}`,
	"a field by method":  `{{ (sprig_toDate "2006" "2006").Format }}{{ $p | parseInt }}`,
	"cast":               `{{ sprig_mustFromJson $p }}`,
	"version":            `{{ sprig_semverCompare $p $p }}`,
	"decrypt":            `{{ sprig_decryptAES $p $p }}`,
	"certificate":        `{{ sprig_genSignedCert $p nil nil 1 $p }}`,
	"loop":               `{{ loop $p }}`,
	"TOML":               `{{ toTOML (sprig_list nil $p) }}`,
	"a call of a method": `{{ call $p }}`,
}

func TestErrorsShowNoValue(t *testing.T) {
	const prelude = `{{ $d := (secret "secret/app").Data.data }}{{ $p := $d.password }}`
	for name, text := range leaks {
		t.Run(name, func(t *testing.T) {
			got := failure(t, prelude+text, render.Options{LookupEnv: environment})
			// The first half is enough to betray a value that was cut.
			if strings.Contains(got, canary[:len(canary)/2]) {
				t.Errorf("the error shows the value: %s", got)
			}
		})
	}
}

func TestRedaction(t *testing.T) {
	const data = `{"long":"abcdefgh","part":"cdef","short":"xyz","list":["listed-1"],"map":{"below":"nested-1"},"number":123456,"blanks":" padded-1\n","word":"redacted"}`
	source := render.SourceFunc(func(secret.Query) *secret.State {
		return &secret.State{Response: &secret.Response{Data: tree(data)}}
	})
	cases := map[string]struct{ message, want string }{
		"value":            {"a abcdefgh b", "a [redacted] b"},
		"longest first":    {"abcdefgh cdef", "[redacted] [redacted]"},
		"short ones stay":  {"xyz", "xyz"},
		"in a list":        {"listed-1", "[redacted]"},
		"nested":           {"<nested-1>", "<[redacted]>"},
		"number":           {"n=123456", "n=[redacted]"},
		"trimmed":          {"padded-1", "[redacted]"},
		"once, not twice":  {"redacted", "[redacted]"},
		"nothing to do":    {"harmless", "harmless"},
		"several in a row": {"nested-1listed-1", "[redacted][redacted]"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, `{{ $x := secret "x" }}{{ sprig_fail "`+c.message+`" }}`, render.Options{Name: "abcdefgh"}).Execute(source)
			want := `template "abcdefgh", line 1, column 26: function "sprig_fail": ` + c.want
			if err == nil || err.Error() != want {
				t.Errorf("error = %v\nwant    %s", err, want)
			}
		})
	}
}
