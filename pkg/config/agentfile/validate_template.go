package agentfile

import (
	"slices"
	"strings"
)

func (v *validator) templates() {
	for i, t := range v.doc.Templates {
		v.template(i, t)
	}
	v.directories()
	c := v.doc.TemplateConfig
	if c.LeaseRenewalThreshold <= 0 || c.LeaseRenewalThreshold >= 1 {
		v.wrong("template_config.lease_renewal_threshold is %v, but must be above 0 and below 1", c.LeaseRenewalThreshold)
	}
	if c.MaxConnectionsPerHost < 0 {
		v.wrong("template_config.max_connections_per_host is %d, but must not be negative", c.MaxConnectionsPerHost)
	}
}

func (v *validator) template(i int, t Template) {
	switch {
	case t.Secret != "" && (t.Source != "" || t.Contents != ""):
		v.wrong("template[%d]: secret and source or contents exclude each other", i)
	case t.Source == "" && t.Contents == "" && t.Secret == "":
		v.wrong("template[%d]: one of source and contents must be specified", i)
	case t.Source != "" && t.Contents != "":
		v.wrong("template[%d]: source and contents exclude each other", i)
	}
	if t.Destination == "" {
		v.wrong("template[%d]: destination must be specified", i)
	}
	if t.Wait != nil && t.Wait.Min > t.Wait.Max {
		v.wrong("template[%d]: wait.min cannot be greater than wait.max", i)
	}
	v.ownTemplate(i, t)
	if t.Exec == nil {
		return
	}
	v.signal(i, "kill_signal", t.Exec.KillSignal)
	v.signal(i, "reload_signal", t.Exec.ReloadSignal)
}

func (v *validator) signal(i int, key, name string) {
	if !isSignal(name) {
		v.wrong("template[%d]: exec.%s: %q is not the name of a signal such as SIGHUP", i, key, name)
	}
}

// isSignal takes the names that every Unix has; "" is no signal, which is allowed.
func isSignal(name string) bool {
	names := []string{
		"", "SIGABRT", "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGINT", "SIGKILL", "SIGPIPE", "SIGQUIT",
		"SIGSTOP", "SIGTERM", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGWINCH",
	}
	return slices.Contains(names, strings.ToUpper(name))
}

// process checks the environment templates and the process that they are for.
func (v *validator) process() {
	doc := v.doc
	if doc.Exec == nil && len(doc.EnvTemplates) == 0 {
		return
	}
	v.when(doc.Exec == nil, "env_template requires an exec block")
	v.when(!doc.rendersSomething(), "exec requires at least one env_template or template")
	if doc.Exec != nil {
		v.exec(doc.Exec)
	}
	seen := map[string]bool{}
	for _, t := range doc.EnvTemplates {
		v.envTemplate(t)
		if seen[t.Name] {
			v.wrong("env_template %q: the name is used twice", t.Name)
		}
		seen[t.Name] = true
	}
}

func (v *validator) exec(e *Exec) {
	v.when(len(e.Command) == 0, "exec.command must be specified")
	v.oneOf("exec.restart_on_secret_changes", e.RestartOnChange, "always", "never")
	if !isSignal(e.RestartStopSignal) || e.RestartStopSignal == "" {
		v.wrong("exec.restart_stop_signal: %q is not the name of a signal such as SIGTERM", e.RestartStopSignal)
	}
}

func (v *validator) envTemplate(t EnvTemplate) {
	if t.Name == "" || strings.ContainsAny(t.Name, "=\x00") {
		v.wrong("env_template %q: not the name of an environment variable", t.Name)
	}
	switch {
	case t.Source == "" && t.Contents == "":
		v.wrong("env_template %q: one of source and contents must be specified", t.Name)
	case t.Source != "" && t.Contents != "":
		v.wrong("env_template %q: source and contents exclude each other", t.Name)
	}
}

func (v *validator) connections() {
	words := []string{"auto-auth", "caching", "proxying", "templating"}
	for _, word := range v.doc.DisableIdleConnections {
		v.oneOf("disable_idle_connections", word, words...)
	}
	for _, word := range v.doc.DisableKeepAlives {
		v.oneOf("disable_keep_alives", word, words...)
	}
}

func (v *validator) log() {
	l := v.doc.Log
	v.oneOf("log_level", strings.ToLower(l.Level), "trace", "debug", "info", "notice", "warn", "warning", "error", "err")
	v.oneOf("log_format", strings.ToLower(l.Format), "standard", "text", "json")
	v.when(l.RotateBytes < 0, "log_rotate_bytes must not be negative")
	v.when(l.RotateMaxFiles < -1, "log_rotate_max_files must not be below -1")
}
