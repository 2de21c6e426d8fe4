package agentfile

func templateKeys() []KeyDoc {
	return []KeyDoc{
		row("template.source", "string", "", "file that holds the template", `"/vault/configs/db.ctmpl"`),
		row("template.contents", "string", "", "the template itself", `"{{ with secret \"secret/data/db\" }}{{ .Data.data.password }}{{ end }}"`),
		own("template.secret", "string", "", "path of one secret, in place of source and contents; format says how it is written", `"secret/data/db"`),
		own("template.params", "map", "", "parameters of a write to that path; a path without any is read", `{ common_name = "app.example.com" }`),
		own("template.format", "string", "json", "how the secret is written; see the page about formats", `"env"`),
		own("template.keys", "list", "", "the keys of the secret that are taken; all if empty", `["user", "password"]`),
		own("template.keystore", "block", "", "how a keystore is made, for the formats pkcs12 and jks"),
		own("template.keystore.password_file", "string", "", "file that holds the password of the keystore", `"/vault/custom/password"`),
		own("template.keystore.password_key", "string", "", "key of the secret that holds the password", `"password"`),
		own("template.keystore.alias", "string", "certificate", "name of the entry in the keystore", `"app"`),
		own("template.identity", "string", "", "name of the identity that reads the secrets; that of auto_auth if empty", `"partner"`),
		own("template.kubernetes_secret", "block", "", "a key of a Kubernetes Secret that gets the output as well"),
		own("template.kubernetes_secret.namespace", "string", "", "namespace of the Secret; the pod's own if empty", `"shop"`),
		own("template.kubernetes_secret.name", "string", "", "name of the Secret", `"db"`),
		own("template.kubernetes_secret.key", "string", "", "key in the Secret", `"password"`),
		row("template.destination", "string", "", "file to write; required", `"/vault/secrets/db"`),
		row("template.create_dest_dirs", "bool", "true", "make the directories above the file", "false"),
		row("template.perms", "mode", "", `permissions of the file, in octal: "0640"; those of an existing file are kept, a new one has 0644`, `"0640"`),
		row("template.user", "string", "", "owner of the file, a name or a number", `"app"`),
		row("template.uid", "int", "", "the same as user", "1000"),
		row("template.group", "string", "", "group of the file, a name or a number", `"app"`),
		row("template.gid", "int", "", "the same as group", "1000"),
		row("template.backup", "bool", "false", "keep the content before as DESTINATION.bak"),
		row("template.command", "list", "", "command to run after a change; one string is a line for the shell", `"kill -HUP $(pidof nginx)"`),
		row("template.command_timeout", "duration", "30s", "time limit of the command", `"1m"`),
		row("template.exec", "block", "", "the command in its long form; its command wins over the one above"),
		row("template.wait", "block", "", `hold a render back until the data was quiet; also as one string: "2s:10s"`),
		row("template.wait.min", "duration", "", "how long the data must be quiet", `"2s"`),
		row("template.wait.max", "duration", "", "how long a render is held back at most; four times min if absent", `"10s"`),
		row("template.error_on_missing_key", "bool", "false", "a key that a secret does not have is an error; otherwise it prints <no value>"),
		row("template.error_fatal", "bool", "true", "a template that cannot be rendered may end the agent", "false"),
		row("template.left_delimiter", "string", "{{", "how an action begins", `"<<"`),
		row("template.right_delimiter", "string", "}}", "how an action ends", `">>"`),
		row("template.sandbox_path", "string", "", "directory that the function file is kept in", `"/vault/configs"`),
		row("template.function_denylist", "list", "", "functions that fail; * stands for any letters", `["env"]`),
		row("template.function_blacklist", "list", "", "another name of function_denylist; both count", `["file"]`),
	}
}

func templateExecKeys() []KeyDoc {
	return []KeyDoc{
		row("template.exec.command", "list", "", "the command; one string is a line for the shell", `["/bin/reload", "now"]`),
		row("template.exec.timeout", "duration", "30s", "time limit of the command", `"1m"`),
		row("template.exec.enabled", "bool", "", "whether the command is run; if there is one", "false"),
		row("template.exec.env", "block", "", "environment of the command"),
		row("template.exec.env.pristine", "bool", "false", "inherit nothing"),
		row("template.exec.env.custom", "list", "", "variables to add, each NAME=VALUE", `["MODE=reload"]`),
		row("template.exec.env.allowlist", "list", "", "variables to inherit; * stands for any letters; all if empty", `["PATH"]`),
		row("template.exec.env.whitelist", "list", "", "another name of allowlist; both count", `["PATH"]`),
		row("template.exec.env.denylist", "list", "", "variables not to inherit", `["VAULT_*"]`),
		row("template.exec.env.blacklist", "list", "", "another name of denylist; both count", `["VAULT_*"]`),
		row("template.exec.kill_signal", "string", defaultKillSignal, "signal at the time limit", `"SIGTERM"`),
		row("template.exec.kill_timeout", "duration", "30s", "time between that signal and SIGKILL", `"5s"`),
		row("template.exec.reload_signal", "string", "", "taken, without effect: a command ends by itself", `"SIGHUP"`),
		row("template.exec.splay", "duration", "0s", "bound of a random pause before the command", `"5s"`),
	}
}

func templateConfigKeys() []KeyDoc {
	return []KeyDoc{
		row("template_config.exit_on_retry_failure", "bool", "false", "end the agent when the retries for a secret are used up"),
		row("template_config.static_secret_render_interval", "duration", "5m", "time between reads of a secret without a lease", `"1m"`),
		row("template_config.max_connections_per_host", "int", "10", "requests to Vault under way at a time", "4"),
		row("template_config.lease_renewal_threshold", "number", "0.9", "part of its life after which a secret that cannot be renewed is replaced, above 0 and below 1", "0.75"),
	}
}

func envTemplateKeys() []KeyDoc {
	return []KeyDoc{
		row("env_template.source", "string", "", "file that holds the template", `"/vault/configs/password.ctmpl"`),
		row("env_template.contents", "string", "", "the template itself", `"{{ with secret \"secret/data/db\" }}{{ .Data.data.password }}{{ end }}"`),
		own("env_template.identity", "string", "", "name of the identity that reads the secrets; that of auto_auth if empty", `"partner"`),
		row("env_template.error_on_missing_key", "bool", "false", "a key that a secret does not have is an error; otherwise it prints <no value>"),
		row("env_template.error_fatal", "bool", "true", "a template that cannot be rendered may end the agent", "false"),
		row("env_template.left_delimiter", "string", "{{", "how an action begins", `"<<"`),
		row("env_template.right_delimiter", "string", "}}", "how an action ends", `">>"`),
		row("env_template.function_denylist", "list", "", "functions that fail; * stands for any letters", `["env"]`),
		row("env_template.function_blacklist", "list", "", "another name of function_denylist; both count", `["file"]`),
	}
}

func execKeys() []KeyDoc {
	return []KeyDoc{
		row("exec.command", "list", "", "the program and its arguments; required; one string is a line for the shell", `["/bin/app", "serve"]`),
		row("exec.restart_on_secret_changes", "string", "always", "always restarts the process when a variable changes, never leaves it alone", `"never"`),
		row("exec.restart_stop_signal", "string", defaultStopSignal, "signal that asks the process to end; SIGKILL follows after 30 seconds", `"SIGINT"`),
		row("exec.child_process_stdout", "string", "", "file that takes the standard output of the process; the agent's own if empty", `"/var/log/app.log"`),
		row("exec.child_process_stderr", "string", "", "file that takes its standard error", `"/var/log/app.err"`),
	}
}
