package agentfile

import (
	"maps"
	"slices"
	"strings"
)

// ownReaders reads the keys of a template that the Vault Agent does not have.
func (t *Template) ownReaders() readers {
	return readers{
		"identity": str(&t.Identity),
		"secret":   str(&t.Secret),
		"params":   func(d *decoder, path string, f field) { d.options(path, f, &t.Params) },
		"format":   str(&t.Format),
		"keys":     texts(&t.Keys),
		"keystore": last(func(d *decoder, path string, n *node) {
			t.Keystore = &Keystore{}
			d.object(path, n, strict, readers{
				"password_file": str(&t.Keystore.PasswordFile), "password_key": str(&t.Keystore.PasswordKey), "alias": str(&t.Keystore.Alias),
			})
		}),
		"kubernetes_secret": last(func(d *decoder, path string, n *node) {
			t.KubernetesSecret = &KubernetesSecret{}
			d.object(path, n, strict, readers{
				"namespace": str(&t.KubernetesSecret.Namespace), "name": str(&t.KubernetesSecret.Name), "key": str(&t.KubernetesSecret.Key),
			})
		}),
	}
}

// with returns these readers and others.
func (r readers) with(others readers) readers {
	all := maps.Clone(r)
	maps.Copy(all, others)
	return all
}

// addOwn writes what ownReaders reads.
func (f fields) addOwn(t Template) {
	f.add("identity", t.Identity)
	f.add("secret", t.Secret)
	f.add("params", t.Params)
	f.add("format", t.Format)
	f.addTexts("keys", t.Keys)
	if k := t.Keystore; k != nil {
		block := fields{}
		block.add("password_file", k.PasswordFile)
		block.add("password_key", k.PasswordKey)
		block.add("alias", k.Alias)
		f["keystore"] = block
	}
	if k := t.KubernetesSecret; k != nil {
		block := fields{"name": k.Name, "key": k.Key}
		block.add("namespace", k.Namespace)
		f["kubernetes_secret"] = block
	}
}

// Formats lists the formats of a secret without a template, of which package
// render knows the meaning.
func Formats() []string {
	return []string{"json", "yaml", "env", "properties", "raw", "files", "pem", "tls", "pkcs12", "jks"}
}

// ownTemplate checks the keys that the Vault Agent does not have.
func (v *validator) ownTemplate(i int, t Template) {
	wrong := func(text string, args ...any) { v.wrong("template[%d]: "+text, append([]any{i}, args...)...) }
	if t.Format != "" && !slices.Contains(Formats(), t.Format) {
		wrong("format: %q is none of %s", t.Format, strings.Join(Formats(), ", "))
	}
	if t.Secret == "" && (t.Format != "" || len(t.Params) > 0 || len(t.Keys) > 0 || t.Keystore != nil) {
		wrong("format, params, keys and keystore need secret")
	}
	if keystore := t.Format == "pkcs12" || t.Format == "jks"; t.Secret != "" && keystore != (t.Keystore != nil) {
		wrong("the formats pkcs12 and jks need a keystore block, and the others have none")
	}
	if k := t.Keystore; k != nil && (k.PasswordFile == "") == (k.PasswordKey == "") {
		wrong("keystore needs one of password_file and password_key")
	}
	if k := t.KubernetesSecret; k != nil && (k.Name == "" || k.Key == "") {
		wrong("kubernetes_secret needs name and key")
	}
	if directory := t.Format == "files" || t.Format == "tls"; directory && t.KubernetesSecret != nil {
		wrong("the format %s makes a directory, which no key of a Kubernetes Secret can hold", t.Format)
	}
}
