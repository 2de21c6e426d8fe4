package render

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/BurntSushi/toml"
)

// encodingFunctions turn texts into values and back.
func encodingFunctions() []function {
	return []function{
		{name: "base64Decode", arguments: "TEXT", summary: "decodes the standard alphabet", plain: decoder(base64.StdEncoding)},
		{name: "base64Encode", arguments: "TEXT", summary: "encodes with the standard alphabet", plain: encoder(base64.StdEncoding)},
		{name: "base64URLDecode", arguments: "TEXT", summary: "decodes the alphabet of URLs", plain: decoder(base64.URLEncoding)},
		{name: "base64URLEncode", arguments: "TEXT", summary: "encodes with the alphabet of URLs", plain: encoder(base64.URLEncoding)},
		{name: "parseJSON", arguments: "TEXT", summary: "the value of a JSON text; an empty map for an empty text", plain: parseJSON},
		{name: "parseYAML", arguments: "TEXT", summary: "the value of a YAML text, of its first document; an empty map for an empty text", plain: parseYAML},
		{name: "toJSON", arguments: "VALUE", summary: "as JSON in one line", plain: func(v any) (string, error) { return encodeJSON(v, true, "") }},
		{name: "toJSONPretty", arguments: "VALUE", summary: "as JSON with two blanks a level", plain: func(v any) (string, error) { return encodeJSON(v, true, "  ") }},
		{name: "toUnescapedJSON", arguments: "VALUE", summary: "as JSON in one line, with <, > and & as they are", plain: func(v any) (string, error) { return encodeJSON(v, false, "") }},
		{name: "toUnescapedJSONPretty", arguments: "VALUE", summary: "as JSON with two blanks a level, with <, > and & as they are", plain: func(v any) (string, error) { return encodeJSON(v, false, "  ") }},
		{name: "toYAML", arguments: "VALUE", summary: "as YAML", plain: toYAML},
		{name: "toTOML", arguments: "VALUE", summary: "as TOML", plain: toTOML},
	}
}

// hashFunctions make digests, in hexadecimal digits.
func hashFunctions() []function {
	return []function{
		{name: "sha256Hex", arguments: "TEXT", summary: "the SHA-256 digest", plain: func(s string) string { return hexadecimal(sha256.Sum256([]byte(s))) }},
		{name: "md5sum", arguments: "TEXT", summary: "the MD5 digest, for what still needs it", plain: func(s string) string {
			sum := md5.Sum([]byte(s))
			return hex.EncodeToString(sum[:])
		}},
		{name: "hmacSHA256Hex", arguments: "MESSAGE KEY", summary: "the SHA-256 authentication code of a message", plain: func(message, key string) string {
			mac := hmac.New(sha256.New, []byte(key))
			mac.Write([]byte(message))
			return hex.EncodeToString(mac.Sum(nil))
		}},
	}
}

func hexadecimal(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:]) }

func encoder(e *base64.Encoding) func(string) string {
	return func(s string) string { return e.EncodeToString([]byte(s)) }
}

func decoder(e *base64.Encoding) func(string) (string, error) {
	return func(s string) (string, error) {
		content, err := e.DecodeString(s)
		return string(content), err
	}
}

func parseJSON(s string) (any, error) {
	if s == "" {
		return map[string]any{}, nil
	}
	var value any
	if err := json.Unmarshal([]byte(s), &value); err != nil {
		return nil, err
	}
	return value, nil
}

func encodeJSON(v any, escape bool, blanks string) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(escape)
	e.SetIndent("", blanks)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

func toTOML(v any) (string, error) {
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}
