package render

// sprigTable describes sprig's functions, one a line: name, arguments, summary.
const sprigTable = `abbrev|WIDTH TEXT|shortens a text with dots at its end
abbrevboth|LEFT RIGHT TEXT|shortens a text with dots at both ends
add|NUMBER...|the sum of whole numbers
add1|NUMBER|a whole number and one
add1f|NUMBER|a number and one
addf|NUMBER...|the sum of numbers
adler32sum|TEXT|the Adler-32 checksum
ago|TIME|how long a time has passed
all|VALUE...|tells whether none of the values is empty
any|VALUE...|tells whether one of the values is not empty
append|LIST VALUE|a list with a value at its end
atoi|TEXT|the whole number of a text
b32dec|TEXT|decodes base32
b32enc|TEXT|encodes as base32
b64dec|TEXT|decodes base64
b64enc|TEXT|encodes as base64
base|PATH|the last part of a path
bcrypt|PASSWORD|a bcrypt hash; another one each time
biggest|NUMBER...|the largest whole number
buildCustomCert|CERT KEY|a certificate of two texts in base64, for genSignedCert
camelcase|TEXT|in CamelCase
cat|VALUE...|the values with blanks between them
ceil|NUMBER|the next whole number above
chunk|SIZE LIST|a list as lists of a size
clean|PATH|the shortest form of a path
coalesce|VALUE...|the first value that is not empty
compact|LIST|a list without its empty values
concat|LIST...|several lists as one
contains|PART TEXT|tells whether a text holds a part
decryptAES|KEY TEXT|decrypts what encryptAES made
deepCopy|VALUE|a copy with all below it
deepEqual|A B|tells whether two values are equal with all below them
default|DEFAULT VALUE|the value, or the default where it is empty
derivePassword|COUNTER TYPE PASSWORD USER SITE|a password derived from a master password
dict|KEY VALUE...|a map
dig|KEY... DEFAULT MAP|a value of nested maps, or the default
dir|PATH|a path without its last part
div|A B|A / B of whole numbers
divf|A B...|A / B of numbers
duration|TEXT|a text of seconds as a duration: 1m35s
durationRound|DURATION|a duration in its largest unit
empty|VALUE|tells whether a value is empty
encryptAES|KEY TEXT|encrypts a text; otherwise each time
ext|PATH|the extension of a path
fail|TEXT|fails with that text
first|LIST|the first value
float64|VALUE|a value as a number
floor|NUMBER|the next whole number below
fromJson|TEXT|the value of a JSON text
genCA|NAME DAYS|a new certificate authority; another one each time
genCAWithKey|NAME DAYS KEY|a new certificate authority with a key
genPrivateKey|TYPE|a new private key; another one each time
genSelfSignedCert|NAME IPS NAMES DAYS|a new self-signed certificate; another one each time
genSelfSignedCertWithKey|NAME IPS NAMES DAYS KEY|a new self-signed certificate with a key
genSignedCert|NAME IPS NAMES DAYS CA|a new signed certificate; another one each time
genSignedCertWithKey|NAME IPS NAMES DAYS CA KEY|a new signed certificate with a key
get|MAP KEY|a value of a map, or an empty text
has|VALUE LIST|tells whether a list holds a value
hasKey|MAP KEY|tells whether a map has a key
hasPrefix|PREFIX TEXT|tells whether a text begins so
hasSuffix|SUFFIX TEXT|tells whether a text ends so
hello||says hello
htpasswd|USER PASSWORD|a line of an htpasswd file; another one each time
indent|N TEXT|with N blanks before every line
initial|LIST|a list without its last value
initials|TEXT|the first letters of all words
int|VALUE|a value as a whole number
int64|VALUE|a value as a whole number of 64 bits
isAbs|PATH|tells whether a path is absolute
join|SEPARATOR LIST|the values of a list as one text
kebabcase|TEXT|in kebab-case
keys|MAP...|the keys of maps, in no order
kindIs|KIND VALUE|tells whether a value is of a kind
kindOf|VALUE|the kind of a value
last|LIST|the last value
list|VALUE...|a list
lower|TEXT|in lower case
max|NUMBER...|the largest whole number
maxf|NUMBER...|the largest number
merge|MAP1 MAP...|adds to the first map what it lacks
mergeOverwrite|MAP1 MAP...|sets in the first map all of the others
min|NUMBER...|the smallest whole number
minf|NUMBER...|the smallest number
mod|A B|the rest of A / B
mul|NUMBER...|the product of whole numbers
mulf|NUMBER...|the product of numbers
mustAppend|LIST VALUE|is append that fails on what is no list
mustChunk|SIZE LIST|is chunk that fails on what is no list
mustCompact|LIST|is compact that fails on what is no list
mustDateModify|DURATION TIME|a time moved by a duration
mustDeepCopy|VALUE|is deepCopy that fails on what cannot be copied
mustFirst|LIST|is first that fails on what is no list
mustFromJson|TEXT|is fromJson that fails on what is no JSON
mustHas|VALUE LIST|is has that fails on what is no list
mustInitial|LIST|is initial that fails on what is no list
mustLast|LIST|is last that fails on what is no list
mustMerge|MAP1 MAP...|is merge that fails on what cannot be merged
mustMergeOverwrite|MAP1 MAP...|is mergeOverwrite that fails on what cannot be merged
mustPrepend|LIST VALUE|is prepend that fails on what is no list
mustPush|LIST VALUE|is push that fails on what is no list
mustRegexFind|PATTERN TEXT|is regexFind that fails on a bad pattern
mustRegexFindAll|PATTERN TEXT N|is regexFindAll that fails on a bad pattern
mustRegexMatch|PATTERN TEXT|is regexMatch that fails on a bad pattern
mustRegexReplaceAll|PATTERN TEXT TO|is regexReplaceAll that fails on a bad pattern
mustRegexReplaceAllLiteral|PATTERN TEXT TO|is regexReplaceAllLiteral that fails on a bad pattern
mustRegexSplit|PATTERN TEXT N|is regexSplit that fails on a bad pattern
mustRest|LIST|is rest that fails on what is no list
mustReverse|LIST|is reverse that fails on what is no list
mustSlice|LIST FROM TO|is slice that fails on what is no list
mustToDate|LAYOUT TEXT|is toDate that fails on what is no time
mustToJson|VALUE|is toJson that fails on what cannot be encoded
mustToPrettyJson|VALUE|is toPrettyJson that fails on what cannot be encoded
mustToRawJson|VALUE|is toRawJson that fails on what cannot be encoded
mustUniq|LIST|is uniq that fails on what is no list
mustWithout|LIST VALUE...|is without that fails on what is no list
must_date_modify|DURATION TIME|a time moved by a duration
nindent|N TEXT|a newline, and the text with N blanks before every line
nospace|TEXT|without any white space
omit|MAP KEY...|a map without those keys
osBase|PATH|the last part of a local path
osClean|PATH|the shortest form of a local path
osDir|PATH|a local path without its last part
osExt|PATH|the extension of a local path
osIsAbs|PATH|tells whether a local path is absolute
pick|MAP KEY...|a map of only those keys
pluck|KEY MAP...|the values of a key in several maps
plural|ONE MANY N|the word for one or for many
prepend|LIST VALUE|a list with a value before it
push|LIST VALUE|a list with a value at its end
quote|VALUE...|the values in double quotes
randInt|MIN MAX|a random whole number; another one each time
regexFind|PATTERN TEXT|the first match
regexFindAll|PATTERN TEXT N|the first N matches; all for -1
regexMatch|PATTERN TEXT|tells whether a pattern matches
regexQuoteMeta|TEXT|a pattern that matches just this text
regexReplaceAll|PATTERN TEXT TO|with every match replaced; TO may contain $1
regexReplaceAllLiteral|PATTERN TEXT TO|with every match replaced by just this text
regexSplit|PATTERN TEXT N|the first N parts between matches; all for -1
repeat|N TEXT|a text N times
replace|FROM TO TEXT|with every FROM replaced
rest|LIST|a list without its first value
reverse|LIST|a list from its end to its beginning
round|NUMBER DIGITS|a number rounded to digits after the point
semver|TEXT|a version with .Major, .Minor, .Patch and more
semverCompare|CONSTRAINT VERSION|tells whether a version fits
seq|[FIRST] [STEP] LAST|whole numbers with blanks between them
set|MAP KEY VALUE|sets a value in a map and returns the map
sha1sum|TEXT|the SHA-1 digest
sha256sum|TEXT|the SHA-256 digest
sha512sum|TEXT|the SHA-512 digest
shuffle|TEXT|the letters in another order each time
slice|LIST FROM TO|a part of a list
snakecase|TEXT|in snake_case
sortAlpha|LIST|the texts of a list in order
split|SEPARATOR TEXT|the parts of a text as a map: ._0, ._1 and so on
splitList|SEPARATOR TEXT|the parts of a text as a list
splitn|SEPARATOR N TEXT|at most N parts of a text as a map
squote|VALUE...|the values in single quotes
sub|A B|A - B of whole numbers
subf|A B...|A - B of numbers
substr|FROM TO TEXT|a part of a text
swapcase|TEXT|upper case for lower case and the reverse
ternary|YES NO CONDITION|the first value where the condition is true, otherwise the second
title|TEXT|the first letter of each word in upper case
toDate|LAYOUT TEXT|the time of a text in a layout of Go
toDecimal|TEXT|the whole number of octal digits
toJson|VALUE|as JSON in one line
toPrettyJson|VALUE|as JSON with two blanks a level
toRawJson|VALUE|as JSON in one line, with <, > and & as they are
toString|VALUE|a value as a text
toStrings|LIST|the values of a list as texts
trim|TEXT|without white space at both ends
trimAll|CHARACTERS TEXT|without those characters at both ends
trimPrefix|PREFIX TEXT|without a prefix
trimSuffix|SUFFIX TEXT|without a suffix
trimall|CHARACTERS TEXT|is trimAll
trunc|N TEXT|the first N letters, or the last for a negative N
tuple|VALUE...|a list
typeIs|TYPE VALUE|tells whether a value is of a type
typeIsLike|TYPE VALUE|tells whether a value is of a type, or points to one
typeOf|VALUE|the type of a value
uniq|LIST|a list without duplicates
unixEpoch|TIME|a time as seconds since 1970
unset|MAP KEY|removes a key of a map and returns the map
until|N|the whole numbers from 0 up to N, without N
untilStep|FIRST END STEP|whole numbers in steps, without END
untitle|TEXT|the first letter of each word in lower case
upper|TEXT|in upper case
urlJoin|MAP|a URL of its parts
urlParse|URL|the parts of a URL as a map
values|MAP|the values of a map, in no order
without|LIST VALUE...|a list without those values
wrap|WIDTH TEXT|a text in lines of a width
wrapWith|WIDTH SEPARATOR TEXT|a text in lines of a width with a separator between them
`
