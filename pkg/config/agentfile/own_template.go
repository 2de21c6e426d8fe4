package agentfile

import "maps"

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
