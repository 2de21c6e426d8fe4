{{/* The shared file of all modes, which `vaultk8s config validate` judges. */}}

{{- define "vaultk8s.address" -}}
{{- $global := .Values.global | default dict -}}
{{- $own := printf "%s://%s.%s.svc:8200" (ternary "http" "https" (eq (toString $global.tlsDisable) "true")) (include "vaultk8s.fullname" .) (include "vaultk8s.namespace" .) -}}
{{- tpl (.Values.vault.address | default $global.externalVaultAddr | default $own) . -}}
{{- end -}}

{{- define "vaultk8s.config" -}}
{{- $vault := dict "address" (include "vaultk8s.address" .) -}}
{{- with .Values.vault.namespace }}{{ $_ := set $vault "namespace" . }}{{ end -}}
{{- with .Values.vault.caCert }}{{ $_ := set $vault "ca_cert_bytes" . }}{{ end -}}
{{- with .Values.vault.tlsServerName }}{{ $_ := set $vault "tls_server_name" . }}{{ end -}}
{{- with .Values.vault.skipTLSVerify }}{{ $_ := set $vault "tls_skip_verify" . }}{{ end -}}
{{- with .Values.vault.proxyAddress }}{{ $_ := set $vault "proxy_address" . }}{{ end -}}
vault:
  {{- mergeOverwrite $vault (.Values.vault.config | default dict) | toYaml | nindent 2 }}
log:
  level: {{ .Values.log.level }}
  format: {{ .Values.log.format }}
{{- if .Values._modes.injector }}
injector:
  {{- include "vaultk8s.config.injector" . | nindent 2 }}
{{- end }}
{{- if .Values._modes.csi }}
csi:
  {{- include "vaultk8s.config.csi" . | nindent 2 }}
{{- end }}
{{- if .Values._modes.operator }}
operator:
  {{- include "vaultk8s.config.operator" . | nindent 2 }}
{{- end }}
{{- if and .Values._modes.agent .Values.agent.config }}
agent:
  {{- toYaml .Values.agent.config | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "vaultk8s.config.injector" -}}
{{- $i := .Values.injector -}}
{{- $full := include "vaultk8s.injector.fullname" . -}}
{{- $agent := $i.agentDefaults -}}
{{- $c := dict "listen" (printf ":%v" $i.port) "vault_image" (include "vaultk8s.image" (dict "root" . "image" $i.agentImage)) -}}
{{- $_ := set $c "vault_auth_type" .Values.auth.method -}}
{{- $_ := set $c "vault_auth_path" ($i.authPath | default (printf "auth/%s" .Values.auth.mount)) -}}
{{- $_ := set $c "default_template" $agent.template -}}
{{- $_ := set $c "template_config_exit_on_retry_failure" $agent.templateConfig.exitOnRetryFailure -}}
{{- $_ := set $c "revoke_on_shutdown" $i.revokeOnShutdown -}}
{{- $_ := set $c "sidecar" $i.sidecar -}}
{{- with $agent.templateConfig.staticSecretRenderInterval }}{{ $_ := set $c "template_static_secret_render_interval" (toString .) }}{{ end -}}
{{- with $i.externalVaultAddr }}{{ $_ := set $c "vault_address" (tpl . $) }}{{ end -}}
{{- range $key, $value := dict "cpu_limit" $agent.cpuLimit "cpu_request" $agent.cpuRequest "memory_limit" $agent.memLimit "memory_request" $agent.memRequest "ephemeral_storage_limit" $agent.ephemeralLimit "ephemeral_storage_request" $agent.ephemeralRequest -}}
{{- if not (empty $value) }}{{ $_ := set $c $key (toString $value) }}{{ end -}}
{{- end -}}
{{- if eq (include "vaultk8s.injector.metrics" .) "true" }}{{ $_ := set $c "telemetry_path" "/metrics" }}{{ end -}}
{{- if (.Values.global).openshift }}{{ $_ := set $c "set_security_context" false }}{{ end -}}
{{- with $i.allowedVaultAddresses }}{{ $_ := set $c "allowed_addresses" . }}{{ end -}}
{{- if $i.reportMissing }}{{ $_ := set $c "report_missing" true }}{{ end -}}
{{- if eq (include "vaultk8s.injector.elect" .) "true" -}}
{{- $_ := set $c "use_leader_elector" true -}}
{{- $_ := set $c "lease_name" $full -}}
{{- end -}}
{{- if eq (include "vaultk8s.injector.certificate" .) "" -}}
{{- $service := printf "%s-svc" $full -}}
{{- $namespace := include "vaultk8s.namespace" . -}}
{{- $_ := set $c "tls_auto" (printf "%s-cfg" $full) -}}
{{- $_ := set $c "tls_auto_hosts" (list $service (printf "%s.%s" $service $namespace) (printf "%s.%s.svc" $service $namespace)) -}}
{{- $_ := set $c "secret_name" (printf "%s-certs" $full) -}}
{{- else -}}
{{- $_ := set $c "tls_cert_file" (printf "/etc/webhook/certs/%s" $i.certs.certName) -}}
{{- $_ := set $c "tls_key_file" (printf "/etc/webhook/certs/%s" $i.certs.keyName) -}}
{{- end -}}
{{- mergeOverwrite $c ($i.config | default dict) | toYaml -}}
{{- end -}}

{{- define "vaultk8s.config.csi" -}}
{{- $csi := .Values.csi -}}
{{- $sockets := list "/provider/vault.sock" -}}
{{- if $csi.openbao }}{{ $sockets = append $sockets "/provider/openbao.sock" }}{{ end -}}
{{- $c := dict "endpoint" $sockets "health_address" (printf ":%v" $csi.port) "hmac_secret" (include "vaultk8s.csi.hmac" .) -}}
{{- $_ := set $c "auth_mount" .Values.auth.mount -}}
{{- $_ := set $c "refresh_interval" $csi.refreshInterval -}}
{{- $_ := set $c "events" $csi.events -}}
{{- mergeOverwrite $c ($csi.config | default dict) | toYaml -}}
{{- end -}}

{{/* A value that is empty is left to the operator. */}}
{{- define "vaultk8s.config.operator" -}}
{{- $o := .Values.operator -}}
{{- $backoff := $o.backoffOnSecretSourceError -}}
{{- $c := dict "metrics_address" (printf ":%v" $o.metricsPort) "health_address" (printf ":%v" $o.healthPort) "leader_elect" $o.leaderElection.enabled -}}
{{- $_ := set $c "backoff_initial_interval" (toString $backoff.initialInterval) -}}
{{- $_ := set $c "backoff_max_interval" (toString $backoff.maxInterval) -}}
{{- $_ := set $c "backoff_max_elapsed_time" (toString $backoff.maxElapsedTime) -}}
{{- $_ := set $c "backoff_randomization_factor" $backoff.randomizationFactor -}}
{{- $_ := set $c "backoff_multiplier" $backoff.multiplier -}}
{{- $_ := set $c "global_vault_auth_options" (ternary "allow-default-globals" "none" $o.globalVaultAuthOptions.allowDefaultGlobals) -}}
{{- if $o.globalTransformationOptions.excludeRaw }}{{ $_ := set $c "global_transformation_options" "exclude-raw" }}{{ end -}}
{{- if $o.metricsSecure }}{{ $_ := set $c "metrics_secure" true }}{{ end -}}
{{- if gt (int $o.shards) 1 }}{{ $_ := set $c "shards" (int $o.shards) }}{{ end -}}
{{- with $o.watchNamespaces }}{{ $_ := set $c "watch_namespaces" . }}{{ end -}}
{{- with $o.clientCache.persistenceModel }}{{ $_ := set $c "client_cache_persistence_model" . }}{{ end -}}
{{- range $key, $value := dict "client_cache_size" $o.clientCache.cacheSize "client_cache_num_locks" $o.clientCache.numLocks "max_concurrent_reconciles" $o.maxConcurrentReconciles "kube_qps" $o.kubeClient.qps "kube_burst" $o.kubeClient.burst -}}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $c $key $value }}{{ end -}}
{{- end -}}
{{- if eq (include "vaultk8s.operator.keeps" .) "true" }}{{ $_ := set $c "defaults" "/etc/vaultk8s/defaults.yaml" }}{{ end -}}
{{- mergeOverwrite $c ($o.config | default dict) | toYaml -}}
{{- end -}}

{{- define "vaultk8s.csi.hmac" -}}
{{- .Values.csi.hmacSecretName | default (printf "%s-csi-provider-hmac-key" (include "vaultk8s.name" .)) -}}
{{- end -}}

{{/* Secret with the injector's certificate, "" if it makes it itself. */}}
{{- define "vaultk8s.injector.certificate" -}}
{{- $certs := .Values.injector.certs -}}
{{- if $certs.certManager.enabled -}}{{ include "vaultk8s.injector.fullname" . }}-tls
{{- else -}}{{ $certs.secretName | default "" }}
{{- end -}}
{{- end -}}

{{- define "vaultk8s.injector.elect" -}}
{{- $certificate := include "vaultk8s.injector.certificate" . -}}
{{- $work := or (eq $certificate "") .Values.injector.reportMissing -}}
{{- and (gt (int .Values.injector.replicas) 1) .Values.injector.leaderElector.enabled $work -}}
{{- end -}}

{{- define "vaultk8s.injector.metrics" -}}
{{- or .Values.injector.metrics.enabled .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled -}}
{{- end -}}

{{/* What of the shared file a mode reads, so that only its own pods start anew. Arguments: root, mode. */}}
{{- define "vaultk8s.config.checksum" -}}
{{- $c := include "vaultk8s.config" .root | fromYaml -}}
{{- $read := pick $c "vault" "log" .mode | toJson -}}
{{- if eq .mode "operator" -}}{{- $read = print $read (include "vaultk8s.operator.defaults" .root) -}}{{- end -}}
{{- sha256sum $read -}}
{{- end -}}
