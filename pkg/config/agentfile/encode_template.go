package agentfile

import "fmt"

func encodeTemplate(t Template) fields {
	f := fields{"destination": t.Destination, "left_delimiter": t.LeftDelim, "right_delimiter": t.RightDelim}
	f.add("source", t.Source)
	f.add("contents", t.Contents)
	f.addTexts("command", t.Command)
	f.addSpan("command_timeout", t.CommandTimeout, DefaultCommandTimeout)
	f.add("error_on_missing_key", t.ErrorOnMissingKey)
	f.add("user", t.User)
	f.add("group", t.Group)
	f.add("backup", t.Backup)
	f.add("sandbox_path", t.SandboxPath)
	f.add("function_denylist", t.FunctionDenylist)
	if !t.CreateDestDirs {
		f["create_dest_dirs"] = false
	}
	if !t.ErrorFatal {
		f["error_fatal"] = false
	}
	if t.Perms != nil {
		f["perms"] = fmt.Sprintf("%04o", uint32(*t.Perms))
	}
	if t.Wait != nil {
		f["wait"] = fields{"min": t.Wait.Min.String(), "max": t.Wait.Max.String()}
	}
	if t.Exec != nil {
		f["exec"] = encodeTemplateExec(t.Exec)
	}
	f.addOwn(t)
	return f
}

func encodeTemplateExec(e *TemplateExec) fields {
	f := fields{"kill_signal": e.KillSignal}
	f.addTexts("command", e.Command)
	f.addSpan("timeout", e.Timeout, DefaultCommandTimeout)
	f.addSpan("kill_timeout", e.KillTimeout, defaultKillTimeout)
	f.addSpan("splay", e.Splay, 0)
	f.add("reload_signal", e.ReloadSignal)
	if e.Enabled != nil {
		f["enabled"] = *e.Enabled
	}
	env := fields{}
	env.add("pristine", e.Env.Pristine)
	env.addTexts("custom", e.Env.Custom)
	env.add("allowlist", e.Env.Allowlist)
	env.add("denylist", e.Env.Denylist)
	if len(env) > 0 {
		f["env"] = env
	}
	return f
}

// encodeEnvTemplate puts the name where HCL has the label.
func encodeEnvTemplate(t EnvTemplate) fields {
	f := fields{"left_delimiter": t.LeftDelim, "right_delimiter": t.RightDelim}
	f.add("source", t.Source)
	f.add("contents", t.Contents)
	f.add("error_on_missing_key", t.ErrorOnMissingKey)
	f.add("function_denylist", t.FunctionDenylist)
	f.add("identity", t.Identity)
	if !t.ErrorFatal {
		f["error_fatal"] = false
	}
	return fields{t.Name: f}
}

func encodeExec(e *Exec) fields {
	f := fields{"restart_on_secret_changes": e.RestartOnChange, "restart_stop_signal": e.RestartStopSignal}
	f.addTexts("command", e.Command)
	f.add("child_process_stdout", e.Stdout)
	f.add("child_process_stderr", e.Stderr)
	return f
}

func encodeTemplateConfig(c TemplateConfig) fields {
	f := fields{"exit_on_retry_failure": c.ExitOnRetryFailure}
	if c.StaticSecretRenderInterval != 0 {
		f.addSpan("static_secret_render_interval", c.StaticSecretRenderInterval, defaultRenderInterval)
	}
	if c.MaxConnectionsPerHost != defaultConnections {
		f.add("max_connections_per_host", c.MaxConnectionsPerHost)
	}
	if c.LeaseRenewalThreshold != defaultThreshold {
		f.add("lease_renewal_threshold", c.LeaseRenewalThreshold)
	}
	return f
}
