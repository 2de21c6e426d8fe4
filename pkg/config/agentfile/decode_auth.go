package agentfile

import "strings"

func (d *decoder) autoAuth(path string, n *node) *AutoAuth {
	a := &AutoAuth{}
	methods := 0
	sinks := func(d *decoder, path string, f field) {
		for _, b := range d.labelled(path, f, "config") {
			a.Sinks = append(a.Sinks, d.sink(path, b))
		}
	}
	d.object(path, n, lenient, readers{
		"method":                           methodReader(&a.Method, &methods),
		"sink":                             sinks,
		"sinks":                            sinks,
		"enable_reauth_on_new_credentials": truth(&a.ReauthOnNewCredentials),
	})
	if methods != 1 {
		d.problem(n.line, "%s: one and only one %q block is required", path, "method")
	}
	return a
}

// methodReader keeps the last method block, and counts all.
func methodReader(at *Method, count *int) reader {
	return func(d *decoder, path string, f field) {
		for _, b := range d.labelled(path, f, "config") {
			*at = d.method(path, b)
			*count++
		}
	}
}

func (d *decoder) method(path string, b block) Method {
	m := Method{Type: strings.ToLower(b.label)}
	d.object(path, b.body, lenient, readers{
		"type":        str(&m.Type),
		"mount_path":  str(&m.MountPath),
		"namespace":   str(&m.Namespace),
		"wrap_ttl":    span(&m.WrapTTL),
		"min_backoff": span(&m.MinBackoff),
		"max_backoff": span(&m.MaxBackoff),
		"exit_on_err": truth(&m.ExitOnErr),
		"config":      func(d *decoder, path string, f field) { d.options(path, f, &m.Config) },
	})
	m.MountPath = strings.Trim(m.MountPath, "/")
	return m
}

// options reads the options of a method. Annotations can give only strings, so
// that every method must take them; here the other types become strings.
func (d *decoder) options(path string, f field, at *map[string]string) {
	objects, ok := blocks(f.value)
	if !ok {
		d.problem(f.line, "key %q must be a block, not %v", path, f.value.kind)
		return
	}
	for _, o := range objects {
		for _, option := range o.fields {
			if option.value.kind == null {
				continue
			}
			if s, ok := d.plain(path+"."+option.name, option, "a string, a boolean or a number"); ok {
				put(at, option.name, s)
			}
		}
	}
}

func put[V any](at *map[string]V, name string, value V) {
	if *at == nil {
		*at = map[string]V{}
	}
	(*at)[name] = value
}

func (d *decoder) sink(path string, b block) Sink {
	s := Sink{Type: strings.ToLower(b.label), Mode: DefaultSinkMode}
	d.object(path, b.body, lenient, readers{
		"type":        str(&s.Type),
		"wrap_ttl":    span(&s.WrapTTL),
		"dh_type":     str(&s.DHType),
		"dh_path":     str(&s.DHPath),
		"derive_key":  truth(&s.DeriveKey),
		"aad":         str(&s.AAD),
		"aad_env_var": str(&s.AADEnvVar),
		"config": single(func(d *decoder, path string, n *node) {
			d.object(path, n, lenient, readers{
				"path": str(&s.Path),
				"mode": mode(&s.Mode),
				"uid":  owner(&s.UID),
				"gid":  owner(&s.GID),
			})
		}),
	})
	return s
}

func owner(at **int) reader {
	return func(d *decoder, path string, f field) {
		id := -1
		integer(&id)(d, path, f)
		if id >= 0 {
			*at = &id
		}
	}
}
