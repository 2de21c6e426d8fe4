package agentfile

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vaultk8s/vaultk8s/pkg/config/scalar"
)

func (d *decoder) templates(path string, f field) []Template {
	objects, ok := blocks(f.value)
	switch {
	case !ok:
		d.problem(f.line, "key %q must be a block without a label", path)
	case len(f.labels) > 0:
		d.warn(f.line, "the label %q of a template has no effect", f.labels[0])
	}
	all := make([]Template, len(objects))
	for i, o := range objects {
		all[i] = d.template(path, o)
	}
	return all
}

func (d *decoder) template(path string, n *node) Template {
	t := NewTemplate()
	d.object(path, n, strict, readers{
		"source":               str(&t.Source),
		"contents":             str(&t.Contents),
		"destination":          str(&t.Destination),
		"create_dest_dirs":     truth(&t.CreateDestDirs),
		"command":              texts(&t.Command),
		"command_timeout":      span(&t.CommandTimeout),
		"exec":                 last(func(d *decoder, path string, n *node) { t.Exec = d.templateExec(path, n) }),
		"error_on_missing_key": truth(&t.ErrorOnMissingKey),
		"error_fatal":          truth(&t.ErrorFatal),
		"perms":                perms(&t.Perms),
		"user":                 account(&t.User),
		"uid":                  account(&t.User),
		"group":                account(&t.Group),
		"gid":                  account(&t.Group),
		"backup":               truth(&t.Backup),
		"left_delimiter":       delimiter(&t.LeftDelim),
		"right_delimiter":      delimiter(&t.RightDelim),
		"sandbox_path":         str(&t.SandboxPath),
		"function_denylist":    patterns(&t.FunctionDenylist),
		"function_blacklist":   patterns(&t.FunctionDenylist),
		"wait":                 wait(&t.Wait),
	}.with(t.ownReaders()))
	return t
}

// account reads a name or a number; -1 says the same as nothing.
func account(at *string) reader {
	return func(d *decoder, path string, f field) {
		var s string
		str(&s)(d, path, f)
		if s == "-1" {
			s = ""
		}
		*at = s
	}
}

// delimiter reads a delimiter; an empty one says the same as nothing.
func delimiter(at *string) reader {
	return func(d *decoder, path string, f field) {
		var s string
		str(&s)(d, path, f)
		if s != "" {
			*at = s
		}
	}
}

// perms reads a string of octal digits, or an integer as it is.
func perms(at **fs.FileMode) reader {
	return func(d *decoder, path string, f field) {
		var m fs.FileMode
		if f.value.kind != text {
			before := len(d.problems)
			mode(&m)(d, path, f)
			if len(d.problems) == before {
				*at = &m
			}
			return
		}
		if f.value.text == "" {
			return
		}
		n, err := strconv.ParseUint(f.value.text, 8, 32)
		if err != nil {
			d.problem(f.line, "key %q: %q is not an octal mode such as \"0640\"", path, f.value.text)
			return
		}
		m = d.permissions(path, f, int(n))
		*at = &m
	}
}

// wait reads a block of min and max, or a text MIN or MIN:MAX.
func wait(at **Wait) reader {
	return func(d *decoder, path string, f field) {
		if f.value.kind == text {
			d.waitText(path, f, at)
			return
		}
		last(func(d *decoder, path string, n *node) {
			w := &Wait{}
			d.object(path, n, strict, readers{"min": span(&w.Min), "max": span(&w.Max)})
			*at = w.complete()
		})(d, path, f)
	}
}

func (d *decoder) waitText(path string, f field, at **Wait) {
	low, high, both := strings.Cut(f.value.text, ":")
	w := &Wait{}
	var err error
	w.Min, err = scalar.Duration(low)
	if err == nil && both {
		w.Max, err = scalar.Duration(high)
	}
	if err != nil {
		d.problem(f.line, "key %q: %v", path, err)
		return
	}
	*at = w.complete()
}

func (w *Wait) complete() *Wait {
	const longest = time.Duration(1<<63 - 1)
	if w.Max == 0 && w.Min <= longest/waitFactor {
		w.Max = w.Min * waitFactor
	}
	return w
}

func (d *decoder) templateExec(path string, n *node) *TemplateExec {
	e := newTemplateExec()
	d.object(path, n, strict, readers{
		"command": texts(&e.Command),
		"timeout": span(&e.Timeout),
		"enabled": func(d *decoder, path string, f field) {
			var on bool
			truth(&on)(d, path, f)
			e.Enabled = &on
		},
		"env":           single(func(d *decoder, path string, n *node) { e.Env = d.commandEnv(path, n) }),
		"kill_signal":   str(&e.KillSignal),
		"kill_timeout":  span(&e.KillTimeout),
		"reload_signal": str(&e.ReloadSignal),
		"splay":         span(&e.Splay),
	})
	return e
}

func (d *decoder) commandEnv(path string, n *node) CommandEnv {
	var e CommandEnv
	d.object(path, n, strict, readers{
		"pristine":  truth(&e.Pristine),
		"custom":    texts(&e.Custom),
		"allowlist": patterns(&e.Allowlist),
		"whitelist": patterns(&e.Allowlist),
		"denylist":  patterns(&e.Denylist),
		"blacklist": patterns(&e.Denylist),
	})
	return e
}

func (d *decoder) envTemplates(path string, f field) []EnvTemplate {
	found := d.labelled(path, f)
	all := make([]EnvTemplate, len(found))
	for i, b := range found {
		if b.label == "" {
			d.problem(b.body.line, "an env_template needs the name of its variable: env_template \"NAME\" {}")
		}
		all[i] = d.envTemplate(path, b)
	}
	return all
}

// fileKeys returns the keys of a template that make no sense for a variable.
func fileKeys() []string {
	return []string{
		"destination", "perms", "command", "command_timeout", "exec", "backup", "wait",
		"user", "uid", "group", "gid", "create_dest_dirs", "sandbox_path",
	}
}

func (d *decoder) envTemplate(path string, b block) EnvTemplate {
	t := NewEnvTemplate(b.label)
	d.object(path, withoutFileKeys(d, b), strict, readers{
		"source":               str(&t.Source),
		"contents":             str(&t.Contents),
		"error_on_missing_key": truth(&t.ErrorOnMissingKey),
		"error_fatal":          truth(&t.ErrorFatal),
		"left_delimiter":       delimiter(&t.LeftDelim),
		"right_delimiter":      delimiter(&t.RightDelim),
		"function_denylist":    patterns(&t.FunctionDenylist),
		"function_blacklist":   patterns(&t.FunctionDenylist),
		"identity":             str(&t.Identity),
	})
	return t
}

func withoutFileKeys(d *decoder, b block) *node {
	rest := &node{kind: object, line: b.body.line}
	for _, f := range b.body.fields {
		if name := strings.ToLower(f.name); slices.Contains(fileKeys(), name) {
			d.problem(f.line, "key %q is not allowed in env_template %q, which writes no file", name, b.label)
			continue
		}
		rest.fields = append(rest.fields, f)
	}
	return rest
}

func (d *decoder) exec(path string, n *node) *Exec {
	e := newExec()
	d.object(path, n, strict, readers{
		"command":                   texts(&e.Command),
		"restart_on_secret_changes": delimiter(&e.RestartOnChange),
		"restart_stop_signal":       str(&e.RestartStopSignal),
		"child_process_stdout":      str(&e.Stdout),
		"child_process_stderr":      str(&e.Stderr),
	})
	return e
}

func (d *decoder) templateConfig(path string, n *node) TemplateConfig {
	c := NewTemplateConfig()
	d.object(path, n, lenient, readers{
		"exit_on_retry_failure":         truth(&c.ExitOnRetryFailure),
		"static_secret_render_interval": span(&c.StaticSecretRenderInterval),
		"max_connections_per_host":      countFrom(0, &c.MaxConnectionsPerHost),
		"lease_renewal_threshold":       threshold(&c.LeaseRenewalThreshold),
	})
	if c.StaticSecretRenderInterval == 0 {
		c.StaticSecretRenderInterval = defaultRenderInterval
	}
	if c.MaxConnectionsPerHost == 0 {
		c.MaxConnectionsPerHost = defaultConnections
	}
	return c
}
