package telemetry

const modeCSI = "csi-provider"

// aboutCSI describes what the CSI provider does for the driver.
func aboutCSI() []Description {
	return []Description{
		{
			Name: "vaultk8s_csi_mounts_total", Type: TypeCounter, Labels: []string{"code"}, Modes: modeCSI,
			Meaning: "Mount calls of the driver, first ones and repeated ones, by the gRPC code of the answer.",
			Panel:   Panel{"Mounts by code", "sum by (code) (rate(vaultk8s_csi_mounts_total[5m]))", "ops", `code other than "OK" for 15 minutes`},
		},
		{
			Name: "vaultk8s_csi_mount_duration_seconds", Type: TypeHistogram, Modes: modeCSI,
			Meaning: "Seconds that Mount calls took, first ones and repeated ones.",
			Panel:   Panel{"Slowest hundredth of mounts", "histogram_quantile(0.99, sum by (le) (rate(vaultk8s_csi_mount_duration_seconds_bucket[5m])))", "s", "> 10"},
		},
		{
			Name: "vaultk8s_csi_mounts_from_memory_total", Type: TypeCounter, Modes: modeCSI,
			Meaning: "Mount calls that were answered without a request to Vault.",
			Panel:   Panel{"Share answered from memory", "sum(rate(vaultk8s_csi_mounts_from_memory_total[5m])) / sum(rate(vaultk8s_csi_mounts_total[5m]))", "percentunit", ""},
		},
		{
			Name: "vaultk8s_csi_mounts_stale_total", Type: TypeCounter, Modes: modeCSI,
			Meaning: "Mount calls that were answered with a secret which Vault could not confirm.",
			Panel:   Panel{"Stale answers", "sum by (pod) (increase(vaultk8s_csi_mounts_stale_total[15m]))", "short", "> 0 for 15 minutes"},
		},
		{
			Name: "vaultk8s_csi_logins_total", Type: TypeCounter, Labels: []string{labelOutcome}, Modes: modeCSI,
			Meaning: "Logins as pods.",
			Panel:   Panel{"Failed logins of pods", `sum(increase(vaultk8s_csi_logins_total{outcome="failed"}[15m]))`, "short", "> 0 for 15 minutes"},
		},
		{
			Name: "vaultk8s_csi_tokens_revoked_total", Type: TypeCounter, Labels: []string{labelOutcome}, Modes: modeCSI,
			Meaning: "Tokens that were revoked, with their leases, because no pod uses them any more.",
			Panel:   Panel{"Tokens not revoked", `sum(increase(vaultk8s_csi_tokens_revoked_total{outcome="failed"}[1h]))`, "short", "> 0"},
		},
		{
			Name: "vaultk8s_csi_volumes", Type: TypeGauge, Modes: modeCSI,
			Meaning: "Volumes that are mounted, or being mounted.",
			Panel:   Panel{"Volumes", "sum by (pod) (vaultk8s_csi_volumes)", "short", ""},
		},
		{
			Name: "vaultk8s_csi_logins", Type: TypeGauge, Modes: modeCSI,
			Meaning: "Logins that are kept alive.",
			Panel:   Panel{"Logins that are kept", "sum by (pod) (vaultk8s_csi_logins)", "short", ""},
		},
		{
			Name: "vaultk8s_csi_degraded", Type: TypeGauge, Modes: modeCSI,
			Meaning: "Logins whose newest login, renewal or read failed; their pods have what was delivered last.",
			Panel:   Panel{"Degraded logins", "sum by (pod) (vaultk8s_csi_degraded)", "short", "> 0 for 15 minutes"},
		},
	}
}
