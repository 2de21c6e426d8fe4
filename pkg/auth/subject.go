package auth

import (
	"os"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config"
)

// Subject tells who logs in, for the key of an identity: the name of a user, the
// sub claim of a JSON web token or the subject of a certificate that can be read
// now, otherwise the path of the file that holds the credentials, and "" where no
// file is named. Ask once, before the first login: the method jwt removes its file.
func Subject(c config.Auth) string {
	o := newOptions(c)
	path := subjectFile(o)
	switch c.Method {
	case "cert":
		return certSubject(path)
	case "ldap", "userpass":
		return o.text("username", "")
	case "aws", "azure", "gcp":
		return cloudSubject(o)
	}
	if c.Method != "kubernetes" && c.Method != "jwt" {
		return path
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return path
	}
	if claims, _ := parseJWT(strings.TrimSpace(string(content))); claims.Subject != "" {
		return claims.Subject
	}
	return path
}

func subjectFile(o *options) string {
	switch o.method {
	case "kubernetes":
		return o.text("token_path", ServiceAccountToken)
	case "jwt":
		return o.text("path", "")
	case "approle":
		return o.text("role_id_file_path", "")
	case "cert":
		return o.text("client_cert", "")
	case "ldap", "userpass":
		return o.text("password_file_path", "")
	case "token_file":
		return o.text("token_file_path", "")
	}
	return ""
}

// Watched returns the files whose change means new credentials, worth a login
// before the token ends. The method kubernetes has none: the kubelet replaces
// its token every hour or so, for the same service account. The method cert has
// them where its option reload says so. A file that goes away is no change: many
// methods remove theirs.
func Watched(c config.Auth) []string {
	o := newOptions(c)
	var files []string
	switch c.Method {
	case "kubernetes":
	case "approle":
		files = append(files, subjectFile(o), o.text("secret_id_file_path", ""))
	case "cert":
		if o.truth("reload", false) {
			files = append(files, o.text("client_cert", ""), o.text("client_key", ""))
		}
	case "aws", "azure", "gcp":
		files = append(files, cloudFile(o))
	default:
		files = append(files, subjectFile(o))
	}
	var named []string
	for _, file := range files {
		if file != "" {
			named = append(named, file)
		}
	}
	return named
}
