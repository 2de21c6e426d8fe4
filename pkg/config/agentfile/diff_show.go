package agentfile

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// longest is the length of a text that is shown in a line of a log; templates
// and certificates are longer, paths and names are not.
const longest = 120

// isHidden tells whether the value of a key must not be shown.
func isHidden(path string) bool {
	name := lastPart(path)
	for _, block := range []string{"auto_auth.method.config.", "identity.method.config."} {
		if strings.HasPrefix(path, block) {
			return !isPlainOption(strings.TrimPrefix(path, block))
		}
	}
	if strings.HasPrefix(path, "telemetry.") {
		return strings.Contains(name, "token")
	}
	return name == "contents" || name == "command" || name == "aad" || path == "template.exec.env.custom" ||
		strings.HasPrefix(path, "template.params.")
}

// isPlainOption tells whether an option of a method is known to be no secret.
// Methods are many and their options are free, so that the others are hidden.
func isPlainOption(name string) bool {
	for _, end := range []string{"_path", "_period", "_interval", "_expiration", "_after_reading", "_follows_symlinks"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return slices.Contains([]string{
		"authenticate_from_environment", "audience", "client_id", "disable_fast_negotiation", "jwt_exp", "name", "object_id", "path",
		"project", "realm", "region", "reload", "resource", "role", "role_arn", "role_name", "role_session_name", "scope", "service",
		"service_account", "type", "username",
	}, name)
}

func isLong(v any) bool {
	s, ok := v.(string)
	return ok && (len(s) > longest || strings.ContainsAny(s, "\n\r"))
}

// show writes a value as the document has it.
func show(v any) string {
	if value := reflect.ValueOf(v); value.Kind() == reflect.Pointer {
		return show(value.Elem().Interface())
	}
	switch value := v.(type) {
	case string:
		return fmt.Sprintf("%q", withoutPassword(value))
	case []string:
		return fmt.Sprintf("%q", value)
	case uint32: // permissions, the only values of that type
		return fmt.Sprintf("%04o", value)
	default:
		return fmt.Sprint(value)
	}
}

// withoutPassword hides the password that an address may hold.
func withoutPassword(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		return u.Redacted()
	}
	return text
}
