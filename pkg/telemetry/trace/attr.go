package trace

import "strconv"

// Attr is an attribute of a span or of the process.
type Attr struct {
	key    string
	kind   attrKind
	text   string
	number int64
}

type attrKind byte

const (
	kindText attrKind = iota
	kindInt
	kindBool
)

// String makes an attribute of a text, which must not be a secret value.
func String(key, value string) Attr { return Attr{key: key, kind: kindText, text: value} }

// Int makes an attribute of a number.
func Int(key string, value int) Attr { return Attr{key: key, kind: kindInt, number: int64(value)} }

// Bool makes an attribute of a truth value.
func Bool(key string, value bool) Attr {
	a := Attr{key: key, kind: kindBool}
	if value {
		a.number = 1
	}
	return a
}

// String shows the attribute as key=value.
func (a Attr) String() string {
	switch a.kind {
	case kindInt:
		return a.key + "=" + strconv.FormatInt(a.number, 10)
	case kindBool:
		return a.key + "=" + strconv.FormatBool(a.number == 1)
	default:
		return a.key + "=" + a.text
	}
}
