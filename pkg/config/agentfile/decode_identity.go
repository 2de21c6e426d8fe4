package agentfile

func (d *decoder) identities(path string, f field) []Identity {
	found := d.labelled(path, f, "vault", "method")
	all := make([]Identity, len(found))
	for i, b := range found {
		all[i] = d.identity(path, b)
	}
	return all
}

// identity is strict about its own keys: no document of the Vault Agent has one,
// so that an unknown key can only be a slip of the pen.
func (d *decoder) identity(path string, b block) Identity {
	i := Identity{Name: b.label}
	methods := 0
	d.object(path, b.body, strict, readers{
		"name":   str(&i.Name),
		"vault":  single(func(d *decoder, path string, n *node) { i.Vault = d.vault(path, n) }),
		"method": methodReader(&i.Method, &methods),
	})
	if i.Name == "" {
		d.problem(b.body.line, "an identity needs a name: identity \"NAME\" {}")
	}
	if methods != 1 {
		d.problem(b.body.line, "%s: one and only one %q block is required", path, "method")
	}
	return i
}
