package agentfile

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vaultk8s/vaultk8s/pkg/config/problem"
)

// Formats lists the formats of a secret without a template, of which package
// render knows the meaning.
func Formats() []string {
	return []string{"json", "yaml", "env", "properties", "raw", "files", "pem", "tls", "pkcs12", "jks"}
}

// MakesDirectory tells whether a format makes several files: then the
// destination is the directory that they are in.
func MakesDirectory(format string) bool { return format == "files" || format == "tls" }

// CheckFormat tells what is wrong with the name of a format, for whoever writes a
// document.
func CheckFormat(name string) error {
	if slices.Contains(Formats(), name) {
		return nil
	}
	near := ""
	if nearest := problem.Nearest(name, Formats()); nearest != "" {
		near = fmt.Sprintf("; did you mean %q?", nearest)
	}
	return fmt.Errorf("%q is none of %s%s", name, strings.Join(Formats(), ", "), near)
}

// ownTemplate checks the keys that the Vault Agent does not have.
func (v *validator) ownTemplate(i int, t Template) {
	wrong := func(text string, args ...any) { v.wrong("template[%d]: "+text, append([]any{i}, args...)...) }
	if t.Secret == "" && (t.Format != "" || len(t.Params) > 0 || len(t.Keys) > 0 || t.Keystore != nil) {
		wrong("format, params, keys and keystore need secret")
	}
	if t.Secret != "" {
		checkFormatted(t, wrong)
	}
	if k := t.KubernetesSecret; k != nil && (k.Name == "" || k.Key == "") {
		wrong("kubernetes_secret needs name and key")
	}
}

// checkFormatted checks what belongs to a secret without a template.
func checkFormatted(t Template, wrong func(text string, args ...any)) {
	if strings.Trim(t.Secret, "/ ") == "" {
		wrong("secret: %q is no path", t.Secret)
	}
	if t.Format != "" {
		if err := CheckFormat(t.Format); err != nil {
			wrong("format: %v", err)
			return // of what is unknown nothing more is to be said
		}
	}
	checkKeys(t, wrong)
	checkKeystore(t, wrong)
	if MakesDirectory(t.Format) && t.KubernetesSecret != nil {
		wrong("the format %s makes a directory, which no key of a Kubernetes Secret can hold", t.Format)
	}
	if MakesDirectory(t.Format) && t.Backup {
		wrong("the format %s makes a directory, of which no backup is kept", t.Format)
	}
}

// directories refuses two sets in one directory, of which each would remove the
// files of the other, and a file where a set has its directory.
func (v *validator) directories() {
	first := map[string]int{}
	for i, t := range v.doc.Templates {
		if MakesDirectory(t.Format) {
			if _, taken := first[path.Clean(t.Destination)]; !taken {
				first[path.Clean(t.Destination)] = i
			}
		}
	}
	for i, t := range v.doc.Templates {
		if owner, taken := first[path.Clean(t.Destination)]; taken && owner != i {
			v.wrong("template[%d]: destination %q is the directory of template[%d]", i, t.Destination, owner)
		}
	}
}

func checkKeys(t Template, wrong func(text string, args ...any)) {
	for i, key := range t.Keys {
		if key == "" || slices.Contains(t.Keys[:i], key) {
			wrong("keys: %q is empty or stands there twice", key)
		}
	}
	if t.Format == "raw" && len(t.Keys) > 1 {
		wrong("the format raw takes one key, not %d", len(t.Keys))
	}
}

func checkKeystore(t Template, wrong func(text string, args ...any)) {
	k := t.Keystore
	if (t.Format == "pkcs12" || t.Format == "jks") != (k != nil) {
		wrong("the formats pkcs12 and jks need a keystore block, and the others have none")
	}
	if k == nil {
		return
	}
	if (k.PasswordFile == "") == (k.PasswordKey == "") {
		wrong("keystore needs one of password_file and password_key")
	}
	if t.Format == "pkcs12" && k.Alias != "" {
		wrong("keystore.alias is for the format jks: a pkcs12 keystore has none")
	}
}
