package render_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/Masterminds/sprig/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// dialectNames are the functions that templates of Vault's agent may call, but for sprig.
const dialectNames = `
	secret secrets pkiCert file scratch executeTemplate plugin writeToFile
	datacenters exportedServices importedServices key keyExists keyOrDefault ls safeLs node nodes partitions peerings service connect
	services tree safeTree caRoots caLeaf nomadServices nomadService nomadVarList nomadVarListSafe nomadVar nomadVarExists
	byKey byPort byTag byMeta explode
	base64Decode base64Encode base64URLDecode base64URLEncode contains in containsAll containsAny containsNone containsNotAll
	env mustEnv envOrDefault explodeMap mergeMap mergeMapWithOverride indent loop join split splitToMap trim trimPrefix trimSuffix trimSpace
	toLower toUpper toTitle replaceAll regexReplaceAll regexMatch parseBool parseInt parseUint parseFloat parseJSON parseYAML
	toJSON toJSONPretty toUnescapedJSON toUnescapedJSONPretty toYAML toTOML sha256Hex md5sum hmacSHA256Hex timestamp sockaddr
	add subtract multiply divide modulo minimum maximum spew_dump spew_sdump spew_printf spew_sprintf`

// sprigNames are the functions of sprig that do not depend on the process.
const sprigNames = `
	abbrev abbrevboth add add1 add1f addf adler32sum ago all any append atoi b32dec b32enc b64dec b64enc base bcrypt biggest
	buildCustomCert camelcase cat ceil chunk clean coalesce compact concat contains decryptAES deepCopy deepEqual default derivePassword
	dict dig dir div divf duration durationRound empty encryptAES ext
	fail first float64 floor fromJson genCA genCAWithKey genPrivateKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert
	genSignedCertWithKey get has hasKey hasPrefix hasSuffix hello htpasswd
	indent initial initials int int64 isAbs join kebabcase keys kindIs kindOf last list lower max maxf merge mergeOverwrite min minf mod
	mul mulf mustAppend mustChunk mustCompact mustDateModify
	mustDeepCopy mustFirst mustFromJson mustHas mustInitial mustLast mustMerge mustMergeOverwrite mustPrepend mustPush mustRegexFind
	mustRegexFindAll mustRegexMatch mustRegexReplaceAll
	mustRegexReplaceAllLiteral mustRegexSplit mustRest mustReverse mustSlice mustToDate mustToJson mustToPrettyJson mustToRawJson mustUniq
	mustWithout must_date_modify nindent nospace omit osBase osClean
	osDir osExt osIsAbs pick pluck plural prepend push quote randInt regexFind regexFindAll regexMatch regexQuoteMeta regexReplaceAll
	regexReplaceAllLiteral regexSplit repeat replace rest reverse round
	semver semverCompare seq set sha1sum sha256sum sha512sum shuffle slice snakecase sortAlpha split splitList splitn squote sub subf
	substr swapcase ternary title toDate toDecimal toJson toPrettyJson
	toRawJson toString toStrings trim trimAll trimall trimPrefix trimSuffix trunc tuple typeIs typeIsLike typeOf uniq unixEpoch unset
	until untilStep untitle upper urlJoin urlParse values without wrap wrapWith`

// names returns the documented functions of sprig, without their prefix, or the others.
func names(ofSprig bool) []string {
	var all []string
	for _, doc := range render.Functions() {
		if (doc.Group == "sprig") == ofSprig {
			all = append(all, strings.TrimPrefix(doc.Name, "sprig_"))
		}
	}
	slices.Sort(all)
	return all
}

func TestTheDialectIsComplete(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(strings.FieldsSeq(dialectNames)), names(false)); diff != "" {
		t.Error(diff)
	}
}

func TestSprigIsComplete(t *testing.T) {
	want := slices.Sorted(strings.FieldsSeq(sprigNames))
	if len(want) != 194 {
		t.Errorf("the test knows %d names", len(want))
	}
	if diff := cmp.Diff(want, names(true)); diff != "" {
		t.Error(diff)
	}
}

// An upgrade of sprig that adds or removes a function must be decided upon.
func TestSprigIsTheKnownOne(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(maps.Keys(sprig.HermeticTxtFuncMap())), names(true)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFunctionIsDocumented(t *testing.T) {
	for _, doc := range render.Functions() {
		if doc.Summary == "" || doc.Group == "" || !strings.HasPrefix(doc.Signature, doc.Name) {
			t.Errorf("%s is not documented: %+v", doc.Name, doc)
		}
		if strings.HasSuffix(doc.Summary, ".") {
			t.Errorf("the summary of %s ends with a period", doc.Name)
		}
	}
	if first := render.Functions()[0]; first.Group != "data" || first.Name != "executeTemplate" {
		t.Errorf("the functions are not in order: the first is %+v", first)
	}
}

func TestEveryFunctionCanBeNamed(t *testing.T) {
	for _, doc := range render.Functions() {
		if _, err := render.Parse("{{ "+doc.Name+" }}", render.Options{}); err != nil {
			t.Errorf("%s is documented, but: %v", doc.Name, err)
		}
	}
}

func TestFunctionsOfOtherServersFail(t *testing.T) {
	for _, doc := range render.Functions() {
		if doc.Group != "not supported" {
			continue
		}
		got := failure(t, "{{ "+doc.Name+` "x" 1 nil }}`, render.Options{})
		if want := fmt.Sprintf("function %q ", doc.Name); !strings.Contains(got, want) || !strings.HasSuffix(got, "not supported") {
			t.Errorf("error = %s", got)
		}
	}
}

func TestDenylist(t *testing.T) {
	extra := map[string]any{"mine": func() string { return "x" }}
	cases := map[string]struct {
		text   string
		deny   []string
		denied string // "": the template runs
	}{
		"none":                {`{{ env "x" }}`, nil, ""},
		"exact":               {`{{ env "x" }}`, []string{"file", "env"}, "env"},
		"another":             {`{{ env "x" }}`, []string{"file", "en", "envx", "ENV"}, ""},
		"glob":                {`{{ sprig_upper "x" }}`, []string{"sprig_*"}, "sprig_upper"},
		"glob in the middle":  {`{{ mustEnv "HOME" }}`, []string{"*Env"}, "mustEnv"},
		"one letter":          {`{{ env "x" }}`, []string{"e?v"}, "env"},
		"class":               {`{{ env "x" }}`, []string{"[a-f]nv"}, "env"},
		"in a branch":         {`{{ if true }}{{ with 1 }}{{ range loop 1 }}{{ toUpper "x" }}{{ end }}{{ end }}{{ end }}`, []string{"toUpper"}, "toUpper"},
		"in an else":          {`{{ if false }}{{ else if true }}{{ toUpper "x" }}{{ end }}`, []string{"toUpper"}, "toUpper"},
		"in a definition":     {`{{ define "x" }}{{ env "x" }}{{ end }}{{ template "x" }}`, []string{"env"}, "env"},
		"in parentheses":      {`{{ len (toUpper "x") }}`, []string{"toUpper"}, "toUpper"},
		"with a field":        {`{{ (secret "secret/app").Data }}`, []string{"secret"}, "secret"},
		"as an argument":      {`{{ template "x" (env "x") }}{{ define "x" }}{{ end }}`, []string{"env"}, "env"},
		"in a variable":       {`{{ $x := env "x" }}`, []string{"env"}, "env"},
		"extra":               {`{{ mine }}`, []string{"m*"}, "mine"},
		"not supported":       {`{{ plugin "x" }}`, []string{"plugin"}, "plugin"},
		"not called":          {`{{ if false }}{{ env "x" }}{{ end }}`, []string{"*"}, ""},
		"built-in ones stay":  {`{{ print (len "x") (eq 1 1) }}`, []string{"*"}, ""},
		"text and fields not": {`env {{ .env }}{{ "env" }}`, []string{"env"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := render.Options{Denylist: c.deny, LookupEnv: environment, Extra: extra}
			if c.denied == "" {
				execute(t, c.text, o)
				return
			}
			got := failure(t, c.text, o)
			if want := fmt.Sprintf("function %q: function is disabled", c.denied); !strings.HasSuffix(got, want) {
				t.Errorf("error = %s\nwant    ... %s", got, want)
			}
		})
	}
}
