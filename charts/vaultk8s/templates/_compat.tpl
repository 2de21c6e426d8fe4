{{/*
What comes before everything else: old spellings are moved to ours, what cannot
be is refused, and it is decided which modes are on. The result stands in
.Values: _modes and _notes. Every template calls this first, and the first call
does it.
*/}}
{{- define "vaultk8s.prepare" -}}
{{- if not (hasKey .Values "_modes") -}}
{{- $compat := .Files.Get "files/compat.yaml" | fromYaml -}}
{{- $notes := dict "moved" list "gone" list "warnings" list -}}
{{- $_ := set .Values "_notes" $notes -}}
{{- $vso := dict "said" false -}}
{{- include "vaultk8s.compat.server" . -}}
{{- $csiOn := include "vaultk8s.compat.on" (dict "value" .Values.csi.enabled "default" (.Values.global).enabled) -}}
{{- range $compat.foreign -}}
{{- $old := include "vaultk8s.compat.get" (dict "values" $.Values "path" .) | fromJson -}}
{{- if $old.found -}}
{{- if eq $csiOn "true" -}}
{{- fail (printf "%s belongs to the CSI driver of the Vault Secrets Operator, which is not in this chart: remove it, as csi.enabled is the provider of the Secrets Store CSI Driver here" .) -}}
{{- end -}}
{{- $_ := set $notes "gone" (append $notes.gone (printf "%s: it belongs to another CSI driver" .)) -}}
{{- end -}}
{{- end -}}
{{- range $compat.rows -}}
{{- $old := include "vaultk8s.compat.get" (dict "values" $.Values "path" .from) | fromJson -}}
{{- if $old.found -}}
{{- if hasPrefix "controller." .from -}}{{- $_ := set $vso "said" true -}}{{- end -}}
{{- if .gone -}}
{{- $_ := set $notes "gone" (append $notes.gone (printf "%s: %s" .from .gone)) -}}
{{- else if not (or (eq (toJson $old.value) (toJson .was)) (kindIs "invalid" $old.value)) -}}
{{- include "vaultk8s.compat.move" (dict "values" $.Values "row" . "value" $old.value) -}}
{{- $_ := set $notes "moved" (append $notes.moved (printf "%s is %s now" .from .to)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "vaultk8s.compat.images" . -}}
{{- include "vaultk8s.compat.modes" (dict "root" . "vso" $vso.said "csi" $csiOn) -}}
{{- include "vaultk8s.compat.contradictions" . -}}
{{- end -}}
{{- end -}}

{{/* Arguments: values, path. JSON with found and value. */}}
{{- define "vaultk8s.compat.get" -}}
{{- $node := .values -}}
{{- $found := true -}}
{{- range splitList "." .path -}}
{{- if and $found (kindIs "map" $node) -}}
{{- if hasKey $node . -}}{{- $node = index $node . -}}{{- else -}}{{- $found = false -}}{{- end -}}
{{- else -}}{{- $found = false -}}{{- end -}}
{{- end -}}
{{- if $found -}}{{- dict "found" true "value" $node | toJson -}}{{- else -}}{"found": false}{{- end -}}
{{- end -}}

{{/* Maps become one, with the old spelling in front; all else is replaced. Arguments: values, row, value. */}}
{{- define "vaultk8s.compat.move" -}}
{{- $node := .values -}}
{{- range initial (splitList "." .row.to) -}}{{- $node = index $node . -}}{{- end -}}
{{- $key := last (splitList "." .row.to) -}}
{{- $now := index $node $key -}}
{{- if and (kindIs "map" .value) (kindIs "map" $now) -}}
{{- $_ := set $node $key (mergeOverwrite (deepCopy $now) .value) -}}
{{- else -}}
{{- if and (ne (toJson $now) (toJson .row.was)) (ne (toJson $now) (toJson .value)) (not (empty $now)) -}}
{{- fail (printf "%s and %s contradict each other: remove %s, which is the old spelling" .row.from .row.to .row.from) -}}
{{- end -}}
{{- $_ := set $node $key .value -}}
{{- end -}}
{{- end -}}

{{/* true or false of a switch that may be "-". Arguments: value, default. */}}
{{- define "vaultk8s.compat.on" -}}
{{- $said := toString .value -}}
{{- if eq $said "-" -}}{{- $said = toString .default -}}{{- end -}}
{{- if not (has $said (list "true" "false")) -}}
{{- fail (printf "a switch is %q: expected true, false or \"-\"" $said) -}}
{{- end -}}
{{- $said -}}
{{- end -}}

{{/* A Vault server is somebody else's. What vault-helm's default values say of it is let in. */}}
{{- define "vaultk8s.compat.server" -}}
{{- $server := .Values.server | default dict -}}
{{- $off := eq (toString $server.enabled) "false" -}}
{{- $asked := eq (toString $server.enabled) "true" -}}
{{- range list "ha" "dev" "standalone" -}}
{{- $kind := index $server . -}}
{{- if and $kind (not $off) -}}
{{- if or (eq (toString $kind.enabled) "true") (and (eq . "ha") (not (hasKey $kind "enabled"))) -}}{{- $asked = true -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq (toString (.Values.ui).enabled) "true" -}}{{- $asked = not $off -}}{{- end -}}
{{- if $asked -}}
{{- fail "server and ui ask for a Vault server, which this chart does not install: set server.enabled=false, install Vault with its own chart, and name it with vault.address" -}}
{{- end -}}
{{- if .Values.server -}}
{{- $_ := set .Values._notes "gone" (append .Values._notes.gone "server: this chart installs no Vault server") -}}
{{- end -}}
{{- end -}}

{{/* Images of the old programs, which do not hold this one: they and their tags are passed over. */}}
{{- define "vaultk8s.compat.images" -}}
{{- range $mode, $old := dict "injector" "vault-k8s" "csi" "vault-csi-provider" "operator" "vault-secrets-operator" -}}
{{- $image := (index $.Values $mode).image -}}
{{- if hasPrefix $old (base (default "" $image.repository)) -}}
{{- $_ := set $.Values._notes "gone" (append $.Values._notes.gone (printf "%s.image: %s does not hold this program" $mode $image.repository)) -}}
{{- range list "registry" "repository" "tag" "digest" -}}{{- $_ := set $image . "" -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- $agent := .Values.injector.agentImage -}}
{{- if and (eq (default "" $agent.repository) "hashicorp/vault") (eq (toString $agent.tag) "2.0.4") -}}
{{- $_ := set .Values._notes "gone" (append .Values._notes.gone "injector.agentImage: it is the old chart's default; agents run this program") -}}
{{- $_ := set $agent "repository" "" -}}
{{- $_ := set $agent "tag" "" -}}
{{- end -}}
{{- end -}}

{{/* Arguments: root, csi, vso: whether values of VSO's chart were given. */}}
{{- define "vaultk8s.compat.modes" -}}
{{- $values := .root.Values -}}
{{- $operator := or .vso (eq (toString $values.defaultVaultConnection.enabled) "true") $values.defaultAuthMethod.enabled -}}
{{- $follow := and $operator (eq (toString $values.operator.enabled) "-") -}}
{{- $operatorOn := include "vaultk8s.compat.on" (dict "value" $values.operator.enabled "default" $operator) -}}
{{- $injectorOn := include "vaultk8s.compat.on" (dict "value" $values.injector.enabled "default" (and (eq (toString ($values.global).enabled) "true") (not $follow))) -}}
{{- $agentOn := include "vaultk8s.compat.on" (dict "value" $values.agent.enabled "default" ($values.global).enabled) -}}
{{- $_ := set $values "_modes" (dict "injector" (eq $injectorOn "true") "csi" (eq .csi "true") "operator" (eq $operatorOn "true") "agent" (eq $agentOn "true")) -}}
{{- end -}}

{{- define "vaultk8s.compat.contradictions" -}}
{{- $global := .Values.global | default dict -}}
{{- if and .Values.vault.address $global.externalVaultAddr (ne .Values.vault.address $global.externalVaultAddr) -}}
{{- fail "vault.address and global.externalVaultAddr name different servers: remove global.externalVaultAddr, which is the old spelling" -}}
{{- end -}}
{{- $certs := .Values.injector.certs -}}
{{- if and $certs.certManager.enabled $certs.secretName -}}
{{- fail "injector.certs.secretName and injector.certs.certManager.enabled contradict each other: cert-manager makes the Secret itself" -}}
{{- end -}}
{{- if and $certs.caBundle (not $certs.secretName) -}}
{{- fail "injector.certs.caBundle needs injector.certs.secretName: without a Secret the injector makes its certificates and writes the bundle itself" -}}
{{- end -}}
{{- if and $certs.secretName (not $certs.caBundle) -}}
{{- $annotations := include "vaultk8s.yaml" (dict "root" . "value" .Values.injector.webhook.annotations) -}}
{{- if not (contains "cert-manager.io/inject-" $annotations) -}}
{{- $_ := set .Values._notes "warnings" (append .Values._notes.warnings "injector.certs.secretName without injector.certs.caBundle: the API server trusts no certificate until somebody writes the bundle to the webhook configuration") -}}
{{- end -}}
{{- end -}}
{{- if and .Values._modes.agent (empty .Values.agent.document) -}}
{{- if and .Values.agent.certs.secretName .Values.agent.tlsDisable -}}
{{- fail "agent.certs.secretName and agent.tlsDisable contradict each other: keep one of them" -}}
{{- end -}}
{{- if not (or .Values.agent.certs.secretName .Values.agent.tlsDisable) -}}
{{- fail "agent.certs.secretName is missing: callers send their tokens to the agent, so name a Secret with a certificate, or let tokens cross the network as they are with agent.tlsDisable=true" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled -}}
{{- fail "monitoring.podMonitor.enabled and monitoring.serviceMonitor.enabled would count everything twice: keep one of them" -}}
{{- end -}}
{{- end -}}
