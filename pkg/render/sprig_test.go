package render_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/vaultk8s/vaultk8s/pkg/render"
)

// sprigCases call every function of sprig as its documentation says. What they
// compute is sprig's business; that they are wired up, and in which order they
// take their arguments, is ours.
var sprigCases = map[string]dialectCase{
	"abbrev":                     {`{{ sprig_abbrev 5 "hello world" }}`, "he..."},
	"abbrevboth":                 {`{{ sprig_abbrevboth 5 10 "1234 5678 9123" }}`, "...5678..."},
	"add":                        {`{{ sprig_add 1 2 3 }}`, "6"},
	"add1":                       {`{{ sprig_add1 5 }}`, "6"},
	"add1f":                      {`{{ sprig_add1f 1.5 }}`, "2.5"},
	"addf":                       {`{{ sprig_addf 1.5 2 }}`, "3.5"},
	"adler32sum":                 {`{{ sprig_adler32sum "a" }}`, "6422626"},
	"all":                        {`{{ sprig_all 1 "a" 0 }}`, "false"},
	"any":                        {`{{ sprig_any 0 "" 1 }}`, "true"},
	"append":                     {`{{ sprig_append (sprig_list 1) 2 }}`, "[1 2]"},
	"atoi":                       {`{{ sprig_atoi "42" }}`, "42"},
	"b32":                        {`{{ sprig_b32enc "hi" | sprig_b32dec }}`, "hi"},
	"b64":                        {`{{ sprig_b64enc "hi" | sprig_b64dec }}`, "hi"},
	"base":                       {`{{ sprig_base "a/b.c" }}`, "b.c"},
	"biggest":                    {`{{ sprig_biggest 1 3 2 }}`, "3"},
	"camelcase":                  {`{{ sprig_camelcase "http_server" }}`, "HttpServer"},
	"cat":                        {`{{ sprig_cat "a" 1 "b" }}`, "a 1 b"},
	"ceil":                       {`{{ sprig_ceil 1.2 }}`, "2"},
	"chunk":                      {`{{ sprig_chunk 2 (sprig_list 1 2 3) }}`, "[[1 2] [3]]"},
	"clean":                      {`{{ sprig_clean "a/../b/" }}`, "b"},
	"coalesce":                   {`{{ sprig_coalesce 0 "" "x" }}`, "x"},
	"compact":                    {`{{ sprig_compact (sprig_list 1 0 "") }}`, "[1]"},
	"concat":                     {`{{ sprig_concat (sprig_list 1) (sprig_list 2) }}`, "[1 2]"},
	"contains":                   {`{{ sprig_contains "b" "abc" }}`, "true"},
	"aes":                        {`{{ sprig_encryptAES "0123456789abcdef" "hi" | sprig_decryptAES "0123456789abcdef" }}`, "hi"},
	"deepCopy":                   {`{{ sprig_deepCopy (sprig_dict "a" 1) }}`, "map[a:1]"},
	"deepEqual":                  {`{{ sprig_deepEqual (sprig_list 1) (sprig_list 1) }}`, "true"},
	"default":                    {`{{ sprig_default "d" "" }}`, "d"},
	"derivePassword":             {`{{ sprig_derivePassword 1 "long" "password" "user" "example.com" }}`, "ZedaFaxcZaso9*"},
	"dict":                       {`{{ sprig_dict "a" 1 }}`, "map[a:1]"},
	"dig":                        {`{{ sprig_dig "a" "b" "d" (sprig_dict "a" (sprig_dict "b" 1)) }}`, "1"},
	"dir":                        {`{{ sprig_dir "a/b" }}`, "a"},
	"div":                        {`{{ sprig_div 7 2 }}`, "3"},
	"divf":                       {`{{ sprig_divf 7 2 }}`, "3.5"},
	"durationRound":              {`{{ sprig_durationRound "2h10m5s" }}`, "2h"},
	"empty":                      {`{{ sprig_empty 0 }}`, "true"},
	"ext":                        {`{{ sprig_ext "a.txt" }}`, ".txt"},
	"first":                      {`{{ sprig_first (sprig_list 1 2) }}`, "1"},
	"float64":                    {`{{ sprig_float64 "1.5" }}`, "1.5"},
	"floor":                      {`{{ sprig_floor 1.8 }}`, "1"},
	"fromJson":                   {`{{ (sprig_fromJson "{\"a\":1}").a }}`, "1"},
	"get":                        {`{{ sprig_get (sprig_dict "a" 1) "a" }}`, "1"},
	"has":                        {`{{ sprig_has 1 (sprig_list 1 2) }}`, "true"},
	"hasKey":                     {`{{ sprig_hasKey (sprig_dict "a" 1) "a" }}`, "true"},
	"hasPrefix":                  {`{{ sprig_hasPrefix "a" "abc" }}`, "true"},
	"hasSuffix":                  {`{{ sprig_hasSuffix "c" "abc" }}`, "true"},
	"hello":                      {`{{ sprig_hello }}`, "Hello!"},
	"indent":                     {`{{ sprig_indent 2 "a\nb" }}`, "  a\n  b"},
	"initial":                    {`{{ sprig_initial (sprig_list 1 2) }}`, "[1]"},
	"initials":                   {`{{ sprig_initials "Ab Cd" }}`, "AC"},
	"int":                        {`{{ sprig_int "3" }}`, "3"},
	"int64":                      {`{{ sprig_int64 "3" }}`, "3"},
	"isAbs":                      {`{{ sprig_isAbs "/a" }}`, "true"},
	"join":                       {`{{ sprig_join "-" (sprig_list 1 2) }}`, "1-2"},
	"kebabcase":                  {`{{ sprig_kebabcase "FirstName" }}`, "first-name"},
	"keys":                       {`{{ sprig_keys (sprig_dict "a" 1) }}`, "[a]"},
	"kindIs":                     {`{{ sprig_kindIs "int" 1 }}`, "true"},
	"kindOf":                     {`{{ sprig_kindOf 1 }}`, "int"},
	"last":                       {`{{ sprig_last (sprig_list 1 2) }}`, "2"},
	"list":                       {`{{ sprig_list 1 2 }}`, "[1 2]"},
	"lower":                      {`{{ sprig_lower "A" }}`, "a"},
	"max":                        {`{{ sprig_max 1 3 2 }}`, "3"},
	"maxf":                       {`{{ sprig_maxf 1 2.5 }}`, "2.5"},
	"merge":                      {`{{ sprig_merge (sprig_dict "a" 1) (sprig_dict "a" 2 "b" 3) }}`, "map[a:1 b:3]"},
	"mergeOverwrite":             {`{{ sprig_mergeOverwrite (sprig_dict "a" 1) (sprig_dict "a" 2 "b" 3) }}`, "map[a:2 b:3]"},
	"min":                        {`{{ sprig_min 3 1 }}`, "1"},
	"minf":                       {`{{ sprig_minf 1.5 2 }}`, "1.5"},
	"mod":                        {`{{ sprig_mod 7 2 }}`, "1"},
	"mul":                        {`{{ sprig_mul 2 3 }}`, "6"},
	"mulf":                       {`{{ sprig_mulf 1.5 2 }}`, "3"},
	"mustAppend":                 {`{{ sprig_mustAppend (sprig_list 1) 2 }}`, "[1 2]"},
	"mustChunk":                  {`{{ sprig_mustChunk 1 (sprig_list 1 2) }}`, "[[1] [2]]"},
	"mustCompact":                {`{{ sprig_mustCompact (sprig_list 1 0) }}`, "[1]"},
	"mustDeepCopy":               {`{{ sprig_mustDeepCopy (sprig_list 1) }}`, "[1]"},
	"mustFirst":                  {`{{ sprig_mustFirst (sprig_list 1 2) }}`, "1"},
	"mustFromJson":               {`{{ sprig_mustFromJson "[1]" }}`, "[1]"},
	"mustHas":                    {`{{ sprig_mustHas 1 (sprig_list 1) }}`, "true"},
	"mustInitial":                {`{{ sprig_mustInitial (sprig_list 1 2) }}`, "[1]"},
	"mustLast":                   {`{{ sprig_mustLast (sprig_list 1 2) }}`, "2"},
	"mustMerge":                  {`{{ sprig_mustMerge (sprig_dict "a" 1) (sprig_dict "b" 2) }}`, "map[a:1 b:2]"},
	"mustMergeOverwrite":         {`{{ sprig_mustMergeOverwrite (sprig_dict "a" 1) (sprig_dict "a" 2) }}`, "map[a:2]"},
	"mustPrepend":                {`{{ sprig_mustPrepend (sprig_list 1) 2 }}`, "[2 1]"},
	"mustPush":                   {`{{ sprig_mustPush (sprig_list 1) 2 }}`, "[1 2]"},
	"mustRegexFind":              {`{{ sprig_mustRegexFind "b+" "abb" }}`, "bb"},
	"mustRegexFindAll":           {`{{ sprig_mustRegexFindAll "b" "abb" -1 }}`, "[b b]"},
	"mustRegexMatch":             {`{{ sprig_mustRegexMatch "b" "abb" }}`, "true"},
	"mustRegexReplaceAll":        {`{{ sprig_mustRegexReplaceAll "(b)" "abb" "$1x" }}`, "a"},
	"mustRegexReplaceAllLiteral": {`{{ sprig_mustRegexReplaceAllLiteral "b" "abb" "$1" }}`, "a$1$1"},
	"mustRegexSplit":             {`{{ sprig_mustRegexSplit "b" "abc" -1 }}`, "[a c]"},
	"mustRest":                   {`{{ sprig_mustRest (sprig_list 1 2) }}`, "[2]"},
	"mustReverse":                {`{{ sprig_mustReverse (sprig_list 1 2) }}`, "[2 1]"},
	"mustSlice":                  {`{{ sprig_mustSlice (sprig_list 1 2 3) 1 2 }}`, "[2]"},
	"mustToJson":                 {`{{ sprig_mustToJson "<" }}`, "\"\\u003c\""},
	"mustToPrettyJson":           {`{{ sprig_mustToPrettyJson (sprig_dict "a" 1) }}`, "{\n  \"a\": 1\n}"},
	"mustToRawJson":              {`{{ sprig_mustToRawJson "<" }}`, "\"<\""},
	"mustUniq":                   {`{{ sprig_mustUniq (sprig_list 1 1 2) }}`, "[1 2]"},
	"mustWithout":                {`{{ sprig_mustWithout (sprig_list 1 2) 1 }}`, "[2]"},
	"nindent":                    {`{{ sprig_nindent 1 "a" }}`, "\n a"},
	"nospace":                    {`{{ sprig_nospace " a b " }}`, "ab"},
	"omit":                       {`{{ sprig_omit (sprig_dict "a" 1 "b" 2) "a" }}`, "map[b:2]"},
	"os paths":                   {`{{ sprig_osBase "a/b.c"}} {{sprig_osClean "a//b"}} {{sprig_osDir "a/b"}} {{sprig_osExt "b.c"}} {{sprig_osIsAbs "b" }}`, "b.c a/b a .c false"},
	"pick":                       {`{{ sprig_pick (sprig_dict "a" 1 "b" 2) "a" }}`, "map[a:1]"},
	"pluck":                      {`{{ sprig_pluck "a" (sprig_dict "a" 1) (sprig_dict "b" 2) }}`, "[1]"},
	"plural":                     {`{{ sprig_plural "one" "many" 2 }}`, "many"},
	"prepend":                    {`{{ sprig_prepend (sprig_list 1) 2 }}`, "[2 1]"},
	"push":                       {`{{ sprig_push (sprig_list 1) 2 }}`, "[1 2]"},
	"quote":                      {`{{ sprig_quote "a" 1 }}`, "\"a\" \"1\""},
	"randInt":                    {`{{ sprig_randInt 5 6 }}`, "5"},
	"regexFind":                  {`{{ sprig_regexFind "b+" "abb" }}`, "bb"},
	"regexFindAll":               {`{{ sprig_regexFindAll "b" "abb" 1 }}`, "[b]"},
	"regexMatch":                 {`{{ sprig_regexMatch "^b" "abb" }}`, "false"},
	"regexQuoteMeta":             {`{{ sprig_regexQuoteMeta "a.b" }}`, "a\\.b"},
	"regexReplaceAll":            {`{{ sprig_regexReplaceAll "(b)" "ab" "$1$1" }}`, "abb"},
	"regexReplaceAllLiteral":     {`{{ sprig_regexReplaceAllLiteral "b" "ab" "$1" }}`, "a$1"},
	"regexSplit":                 {`{{ sprig_regexSplit "b" "abc" -1 }}`, "[a c]"},
	"repeat":                     {`{{ sprig_repeat 3 "a" }}`, "aaa"},
	"replace":                    {`{{ sprig_replace "a" "b" "aXa" }}`, "bXb"},
	"rest":                       {`{{ sprig_rest (sprig_list 1 2) }}`, "[2]"},
	"reverse":                    {`{{ sprig_reverse (sprig_list 1 2) }}`, "[2 1]"},
	"round":                      {`{{ sprig_round 1.255 1 }}`, "1.3"},
	"semver":                     {`{{ (sprig_semver "1.2.3").Minor }}`, "2"},
	"semverCompare":              {`{{ sprig_semverCompare ">1.0.0" "1.2.3" }}`, "true"},
	"seq":                        {`{{ sprig_seq 1 2 5 }}`, "1 3 5"},
	"set":                        {`{{ sprig_set (sprig_dict "a" 1) "a" 2 }}`, "map[a:2]"},
	"sha1sum":                    {`{{ sprig_sha1sum "a" }}`, "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"},
	"sha256sum":                  {`{{ sprig_sha256sum "a" }}`, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"},
	"sha512sum":                  {`{{ sprig_sha512sum "a" | sprig_trunc 16 }}`, "1f40fc92da241694"},
	"shuffle":                    {`{{ sprig_shuffle "aaa" }}`, "aaa"},
	"slice":                      {`{{ sprig_slice (sprig_list 1 2 3) 1 2 }}`, "[2]"},
	"snakecase":                  {`{{ sprig_snakecase "FirstName" }}`, "first_name"},
	"sortAlpha":                  {`{{ sprig_sortAlpha (sprig_list "b" "a") }}`, "[a b]"},
	"split":                      {`{{ (sprig_split "," "a,b")._1 }}`, "b"},
	"splitList":                  {`{{ sprig_splitList "," "a,b" }}`, "[a b]"},
	"splitn":                     {`{{ (sprig_splitn "," 2 "a,b,c")._1 }}`, "b,c"},
	"squote":                     {`{{ sprig_squote "a" 1 }}`, "'a' '1'"},
	"sub":                        {`{{ sprig_sub 5 2 }}`, "3"},
	"subf":                       {`{{ sprig_subf 5 1.5 }}`, "3.5"},
	"substr":                     {`{{ sprig_substr 1 3 "abcd" }}`, "bc"},
	"swapcase":                   {`{{ sprig_swapcase "aB c" }}`, "Ab C"},
	"ternary":                    {`{{ sprig_ternary "y" "n" false }}`, "n"},
	"title":                      {`{{ sprig_title "ab cd" }}`, "Ab Cd"},
	"toDecimal":                  {`{{ sprig_toDecimal "0777" }}`, "511"},
	"toJson":                     {`{{ sprig_toJson "<" }}`, "\"\\u003c\""},
	"toPrettyJson":               {`{{ sprig_toPrettyJson (sprig_list 1) }}`, "[\n  1\n]"},
	"toRawJson":                  {`{{ sprig_toRawJson "<" }}`, "\"<\""},
	"toString":                   {`{{ sprig_toString 5 }}`, "5"},
	"toStrings":                  {`{{ sprig_toStrings (sprig_list 1 2) }}`, "[1 2]"},
	"trim":                       {`{{ sprig_trim " a " }}`, "a"},
	"trimAll":                    {`{{ sprig_trimAll "$" "$5$" }}`, "5"},
	"trimall":                    {`{{ sprig_trimall "$" "$5$" }}`, "5"},
	"trimPrefix":                 {`{{ sprig_trimPrefix "a" "ab" }}`, "b"},
	"trimSuffix":                 {`{{ sprig_trimSuffix "b" "ab" }}`, "a"},
	"trunc":                      {`{{ sprig_trunc 2 "abc"}} {{sprig_trunc -2 "abc" }}`, "ab bc"},
	"tuple":                      {`{{ sprig_tuple 1 "a" }}`, "[1 a]"},
	"typeIs":                     {`{{ sprig_typeIs "int" 1 }}`, "true"},
	"typeIsLike":                 {`{{ sprig_typeIsLike "int" 1 }}`, "true"},
	"typeOf":                     {`{{ sprig_typeOf "a" }}`, "string"},
	"uniq":                       {`{{ sprig_uniq (sprig_list 1 1 2) }}`, "[1 2]"},
	"unset":                      {`{{ sprig_unset (sprig_dict "a" 1) "a" }}`, "map[]"},
	"until":                      {`{{ sprig_until 3 }}`, "[0 1 2]"},
	"untilStep":                  {`{{ sprig_untilStep 1 6 2 }}`, "[1 3 5]"},
	"untitle":                    {`{{ sprig_untitle "Ab Cd" }}`, "ab cd"},
	"upper":                      {`{{ sprig_upper "a" }}`, "A"},
	"urlJoin":                    {`{{ sprig_urlJoin (sprig_dict "scheme" "https" "host" "x" "path" "/p") }}`, "https://x/p"},
	"urlParse":                   {`{{ (sprig_urlParse "https://x/p?q=1").query }}`, "q=1"},
	"values":                     {`{{ sprig_values (sprig_dict "a" 1) }}`, "[1]"},
	"without":                    {`{{ sprig_without (sprig_list 1 2) 1 }}`, "[2]"},
	"wrap":                       {`{{ sprig_wrap 3 "aa bb" }}`, "aa\nbb"},
	"wrapWith":                   {`{{ sprig_wrapWith 3 "-" "aa bb" }}`, "aa-bb"},
	"dates":                      {`{{ $layout := "2006-01-02T15:04:05Z07:00" }}{{ sprig_toDate $layout "2026-01-01T00:00:00Z" | sprig_unixEpoch }} {{ sprig_mustToDate $layout "2026-01-01T00:00:01Z" | sprig_unixEpoch }}`, "1767225600 1767225601"},
	"moved dates":                {`{{ $d := sprig_toDate "2006-01-02T15:04:05Z07:00" "2026-01-01T00:00:00Z" }}{{ (sprig_mustDateModify "1h" $d).Hour }} {{ (sprig_must_date_modify "-1h" $d).Hour }}`, "1 23"},
	"durations":                  {`{{ sprig_duration "95" }}`, "1m35s"},
}

func TestSprig(t *testing.T) {
	for name, c := range sprigCases {
		t.Run(name, func(t *testing.T) {
			if got := string(execute(t, c.text, render.Options{}).Output); got != c.want {
				t.Errorf("template %s\ngives %q\nwant  %q", c.text, got, c.want)
			}
		})
	}
}

func TestSprigAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Virtual time begins at midnight UTC of 1 January 2000.
		result := execute(t, `{{ sprig_ago (sprig_toDate "2006-01-02T15:04:05Z07:00" "1999-12-31T22:59:00Z") }}`, render.Options{})
		if got, want := string(result.Output), "1h1m0s"; got != want {
			t.Errorf("output = %q, want %q", got, want)
		}
	})
}

// randomSprig are the functions whose result differs each time.
var randomSprig = map[string]struct{ text, pattern string }{
	"bcrypt":         {`{{ sprig_bcrypt "x" }}`, `^\$2a\$10\$.{53}$`},
	"htpasswd":       {`{{ sprig_htpasswd "u" "p" }}`, `^u:\$2a\$`},
	"genPrivateKey":  {`{{ sprig_genPrivateKey "ecdsa" }}`, `^-----BEGIN EC PRIVATE KEY-----\n`},
	"own authority":  {`{{ $ca := sprig_genCAWithKey "ca" 1 (sprig_genPrivateKey "ecdsa") }}{{ $ca.Cert }}`, `^-----BEGIN CERTIFICATE-----\n`},
	"new authority":  {`{{ (sprig_genCA "ca" 1).Key }}`, `^-----BEGIN RSA PRIVATE KEY-----\n`},
	"self-signed":    {`{{ (sprig_genSelfSignedCertWithKey "x" (sprig_list "10.0.0.1") (sprig_list "x.example.com") 1 (sprig_genPrivateKey "ecdsa")).Cert }}`, `CERTIFICATE`},
	"self-signed, 2": {`{{ (sprig_genSelfSignedCert "x" nil nil 1).Cert }}`, `CERTIFICATE`},
	"signed":         {`{{ $k := sprig_genPrivateKey "ecdsa" }}{{ $ca := sprig_genCAWithKey "ca" 1 $k }}{{ $ca = sprig_buildCustomCert (sprig_b64enc $ca.Cert) (sprig_b64enc $ca.Key) }}{{ (sprig_genSignedCertWithKey "x" nil nil 1 $ca $k).Cert }}`, `CERTIFICATE`},
	"signed, 2":      {`{{ (sprig_genSignedCert "x" nil nil 1 (sprig_genCAWithKey "ca" 1 (sprig_genPrivateKey "ecdsa"))).Cert }}`, `CERTIFICATE`},
}

func TestSprigRandom(t *testing.T) {
	for name, c := range randomSprig {
		t.Run(name, func(t *testing.T) {
			if got := execute(t, c.text, render.Options{}).Output; !regexp.MustCompile(c.pattern).Match(got) {
				t.Errorf("output = %q, want a match of %s", got, c.pattern)
			}
		})
	}
}

func TestEveryFunctionOfSprigIsTried(t *testing.T) {
	texts := leaks["fail"] + `{{ sprig_ago }}`
	for _, c := range sprigCases {
		texts += c.text
	}
	for _, c := range randomSprig {
		texts += c.text
	}
	for _, doc := range render.Functions() {
		if strings.HasPrefix(doc.Name, "sprig_") && !regexp.MustCompile(`\b`+doc.Name+`\b`).MatchString(texts) {
			t.Errorf("no case calls %s", doc.Name)
		}
	}
}
