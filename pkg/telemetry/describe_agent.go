package telemetry

// Modes of metrics.
const (
	modeAgent = "agent"
	modeAll   = "all"
)

func aboutLogin() []Description {
	return []Description{
		{
			Name: "vault_agent_authenticated", Type: TypeGauge, Modes: modeAgent, Dotted: "vault.agent.authenticated",
			Meaning: "1 while the agent has a valid token, else 0.",
			Panel:   Panel{"Agents without a token", "sum(vault_agent_authenticated == bool 0)", "short", "> 0 for 5 minutes"},
		},
		{
			Name: "vault_agent_auth_success", Type: TypeCounter, Modes: modeAgent, Dotted: "vault.agent.auth.success",
			Meaning: "Successful logins.",
			Panel:   Panel{"Logins", "sum(increase(vault_agent_auth_success[1h]))", "short", "more than a few an hour for each agent: tokens do not live long enough"},
		},
		{
			Name: "vault_agent_auth_failure", Type: TypeCounter, Modes: modeAgent, Dotted: "vault.agent.auth.failure",
			Meaning: "Logins and renewals of the token that failed.",
			Panel:   Panel{"Failed logins", "sum by (pod) (increase(vault_agent_auth_failure[15m]))", "short", "> 0"},
		},
		{
			Name: "vaultk8s_token_expiry_timestamp_seconds", Type: TypeGauge, Modes: modeAgent,
			Meaning: "When the token ends, in seconds since 1970; 0 for never.",
			Panel:   Panel{"Life left of the token", "min by (pod) ((vaultk8s_token_expiry_timestamp_seconds > 0) - time())", "s", "< 300"},
		},
	}
}

func aboutWork() []Description {
	return []Description{
		{
			Name: "vaultk8s_secret_reads_total", Type: TypeCounter, Labels: []string{labelReason, labelOutcome}, Modes: modeAgent + ", " + modeCSI,
			Meaning: "Reads of secrets from Vault, by the reason that made them due.",
			Panel:   Panel{"Reads by reason", "sum by (reason) (rate(vaultk8s_secret_reads_total[5m]))", "ops", ""},
		},
		{
			Name: "vaultk8s_lease_renewals_total", Type: TypeCounter, Labels: []string{labelOutcome}, Modes: modeAgent + ", " + modeCSI,
			Meaning: "Renewals of leases.",
			Panel:   Panel{"Failed renewals", `sum(increase(vaultk8s_lease_renewals_total{outcome="failed"}[15m]))`, "short", "> 0 for 15 minutes"},
		},
		{
			Name: "vaultk8s_deliveries_total", Type: TypeCounter, Labels: []string{labelOutcome}, Modes: modeAgent + ", " + modeCSI,
			Meaning: "Rendered files that were written because their content changed.",
			Panel:   Panel{"Deliveries", "sum by (outcome) (increase(vaultk8s_deliveries_total[5m]))", "short", "failed > 0"},
		},
		{
			Name: "vaultk8s_last_delivery_timestamp_seconds", Type: TypeGauge, Modes: modeAgent,
			Meaning: "When a rendered file was written last, in seconds since 1970.",
			Panel:   Panel{"Since the last delivery", "time() - max by (pod) (vaultk8s_last_delivery_timestamp_seconds > 0)", "s", ""},
		},
		{
			Name: "vaultk8s_commands_total", Type: TypeCounter, Labels: []string{labelOutcome}, Modes: modeAgent,
			Meaning: "Runs of commands after a delivery.",
			Panel:   Panel{"Failed commands", `sum(increase(vaultk8s_commands_total{outcome="failed"}[15m]))`, "short", "> 0"},
		},
		{
			Name: "vaultk8s_scheduled", Type: TypeGauge, Modes: modeAgent,
			Meaning: "Entries of the schedule: secrets, tokens and retries.",
			Panel:   Panel{"Scheduled", "sum(vaultk8s_scheduled)", "short", ""},
		},
	}
}

func aboutTemplates() []Description {
	labels := []string{labelDestination}
	return []Description{
		{
			Name: "vaultk8s_templates", Type: TypeGauge, Modes: modeAgent,
			Meaning: "Templates of this agent.",
			Panel:   Panel{"Templates", "sum(vaultk8s_templates)", "short", ""},
		},
		{
			Name: "vaultk8s_templates_rendered", Type: TypeGauge, Modes: modeAgent,
			Meaning: "Templates that were rendered at least once.",
			Panel:   Panel{"Templates not rendered yet", "sum by (pod) (vaultk8s_templates - vaultk8s_templates_rendered)", "short", "> 0 for 5 minutes"},
		},
		{
			Name: "vaultk8s_template_rendered_timestamp_seconds", Type: TypeGauge, Labels: labels, Modes: modeAgent,
			Meaning: "When the template was rendered last, changed or not, in seconds since 1970.",
			Panel:   Panel{"Age of renderings", "time() - vaultk8s_template_rendered_timestamp_seconds", "s", "more than the life of its secrets"},
		},
		{
			Name: "vaultk8s_template_delivered_timestamp_seconds", Type: TypeGauge, Labels: labels, Modes: modeAgent,
			Meaning: "When the file of the template was written last, in seconds since 1970.",
			Panel:   Panel{"Age of files", "time() - vaultk8s_template_delivered_timestamp_seconds", "s", ""},
		},
		{
			Name: "vaultk8s_template_errors_total", Type: TypeCounter, Labels: labels, Modes: modeAgent,
			Meaning: "Passes over the template that failed to render or to write it.",
			Panel:   Panel{"Failing templates", "sum by (destination) (increase(vaultk8s_template_errors_total[15m])) > 0", "short", "> 0"},
		},
	}
}

func aboutSecrets() []Description {
	labels := []string{labelSecret, labelIdentity}
	return []Description{
		{
			Name: "vaultk8s_secret_read_timestamp_seconds", Type: TypeGauge, Labels: labels, Modes: modeAgent,
			Meaning: "When Vault answered for the secret last, in seconds since 1970.",
			Panel:   Panel{"Age of secrets", "time() - vaultk8s_secret_read_timestamp_seconds", "s", "static secrets: more than a few times static_secret_render_interval"},
		},
		{
			Name: "vaultk8s_secret_expiry_timestamp_seconds", Type: TypeGauge, Labels: labels, Modes: modeAgent,
			Meaning: "When the lease, the certificate or the token of the secret ends, in seconds since 1970; absent for never.",
			Panel:   Panel{"Life left of secrets", "vaultk8s_secret_expiry_timestamp_seconds - time()", "s", "< 300"},
		},
		{
			Name: "vaultk8s_secret_version", Type: TypeGauge, Labels: labels, Modes: modeAgent,
			Meaning: "Version of a secret of KV version 2 that is held; absent for others.",
			Panel:   Panel{"Agents behind the newest version", "max by (secret) (vaultk8s_secret_version) - min by (secret) (vaultk8s_secret_version)", "short", "> 0 for longer than the poll interval"},
		},
		{
			Name: "vaultk8s_secret_changes_total", Type: TypeCounter, Labels: labels, Modes: modeAgent,
			Meaning: "How often the data of the secret changed; the first read counts.",
			Panel:   Panel{"Rotations", "sum by (secret) (increase(vaultk8s_secret_changes_total[1d]))", "short", ""},
		},
		{
			Name: "vaultk8s_secret_errors_total", Type: TypeCounter, Labels: labels, Modes: modeAgent,
			Meaning: "Reads and renewals of the secret that failed.",
			Panel:   Panel{"Failing secrets", "sum by (secret) (increase(vaultk8s_secret_errors_total[15m])) > 0", "short", "> 0 for 15 minutes"},
		},
		{
			Name: "vaultk8s_series_omitted", Type: TypeGauge, Labels: []string{labelList}, Modes: modeAgent,
			Meaning: "Templates and secrets beyond the bound of series, which are not shown one by one.",
			Panel:   Panel{"Omitted series", "sum by (list) (vaultk8s_series_omitted)", "short", "> 0"},
		},
	}
}
