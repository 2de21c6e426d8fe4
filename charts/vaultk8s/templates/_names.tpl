{{/* Names and labels. Objects have the names that they had in vault-helm, so that what users wrote about them goes on. */}}

{{- define "vaultk8s.name" -}}
{{- .Values.nameOverride | default "vault" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 63 characters are a label's limit; the longest suffix, "-agent-injector-certs", has 21. */}}
{{- define "vaultk8s.fullname" -}}
{{- $name := include "vaultk8s.name" . -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if contains $name .Release.Name -}}{{- $full = .Release.Name -}}{{- end -}}
{{- .Values.fullnameOverride | default $full | trunc 42 | trimSuffix "-" -}}
{{- end -}}

{{- define "vaultk8s.injector.fullname" -}}{{ include "vaultk8s.fullname" . }}-agent-injector{{- end -}}
{{- define "vaultk8s.csi.fullname" -}}{{ include "vaultk8s.fullname" . }}-csi-provider{{- end -}}
{{- define "vaultk8s.agent.fullname" -}}{{ include "vaultk8s.fullname" . }}-agent{{- end -}}
{{- define "vaultk8s.operator.fullname" -}}{{ include "vaultk8s.fullname" . }}-controller-manager{{- end -}}

{{/* What templated strings in values files of the old charts call. */}}
{{- define "vault.name" -}}{{ include "vaultk8s.name" . }}{{- end -}}
{{- define "vault.fullname" -}}{{ include "vaultk8s.fullname" . }}{{- end -}}
{{- define "vso.chart.fullname" -}}{{ include "vaultk8s.fullname" . }}{{- end -}}

{{- define "vaultk8s.namespace" -}}
{{- (.Values.global).namespace | default .Release.Namespace -}}
{{- end -}}

{{/* The label app.kubernetes.io/name of a mode, which selectors use: never change it. */}}
{{- define "vaultk8s.component.name" -}}
{{- if eq .mode "operator" -}}vault-secrets-operator
{{- else if eq .mode "csi" -}}{{ include "vaultk8s.name" .root }}-csi-provider
{{- else if eq .mode "agent" -}}{{ include "vaultk8s.name" .root }}-agent
{{- else -}}{{ include "vaultk8s.name" .root }}-agent-injector
{{- end -}}
{{- end -}}

{{/* Arguments: root, mode. Selectors cannot be changed by an upgrade. */}}
{{- define "vaultk8s.selector" -}}
app.kubernetes.io/name: {{ include "vaultk8s.component.name" . }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- if eq .mode "injector" }}
component: webhook
{{- else if eq .mode "operator" }}
control-plane: controller-manager
{{- end }}
{{- end -}}

{{/* Labels of pods, which say nothing of versions: a new chart alone must not start pods anew. Arguments: root, mode. */}}
{{- define "vaultk8s.podLabels" -}}
{{ include "vaultk8s.selector" . }}
app.kubernetes.io/component: {{ .mode }}
app.kubernetes.io/part-of: vaultk8s
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Arguments: root, mode ("" for what all share). */}}
{{- define "vaultk8s.labels" -}}
{{- if .mode -}}
{{ include "vaultk8s.selector" . }}
app.kubernetes.io/component: {{ .mode }}
{{- else -}}
app.kubernetes.io/name: vaultk8s
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}
app.kubernetes.io/part-of: vaultk8s
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Arguments: root, mode, name; annotations and labels besides, as YAML or templated strings; namespace if it is another one; cluster for none. */}}
{{- define "vaultk8s.metadata" -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ .namespace | default (include "vaultk8s.namespace" .root) }}
{{- end }}
labels:
  {{- include "vaultk8s.labels" . | nindent 2 }}
  {{- with include "vaultk8s.yaml" (dict "root" .root "value" .labels) }}
  {{- . | nindent 2 }}
  {{- end }}
{{- with include "vaultk8s.yaml" (dict "root" .root "value" .annotations) }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A value that may be YAML or a templated string; nothing if it is empty. Arguments: root, value. */}}
{{- define "vaultk8s.yaml" -}}
{{- if kindIs "string" .value -}}
{{- tpl .value .root | trim -}}
{{- else if .value -}}
{{- toYaml .value -}}
{{- end -}}
{{- end -}}

{{/* Arguments: root, mode, account (values of the service account). */}}
{{- define "vaultk8s.serviceAccountName" -}}
{{- $full := include (printf "vaultk8s.%s.fullname" .mode) .root -}}
{{- $account := (index .root.Values .mode).serviceAccount | default dict -}}
{{- if eq (toString $account.create) "false" -}}
{{- $account.name | default "default" -}}
{{- else -}}
{{- $account.name | default $full -}}
{{- end -}}
{{- end -}}

{{/* The image of a mode. Arguments: root, image (values of the mode). */}}
{{- define "vaultk8s.image" -}}
{{- $common := .root.Values.image -}}
{{- $own := .image | default dict -}}
{{- $repository := $own.repository | default $common.repository -}}
{{- $registry := ternary $own.registry (ternary "" $common.registry (not (empty $own.repository))) (not (empty $own.registry)) -}}
{{- with $registry -}}{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository -}}{{- end -}}
{{- $digest := $own.digest | default (ternary $common.digest "" (and (empty $own.repository) (empty $own.tag))) -}}
{{- if $digest -}}
{{- printf "%s@%s" $repository $digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (toString ($own.tag | default $common.tag | default .root.Chart.AppVersion)) -}}
{{- end -}}
{{- end -}}

{{/* Names of pull secrets, or objects. */}}
{{- define "vaultk8s.pullSecrets" -}}
{{- with concat ((.root.Values.global).imagePullSecrets | default list) (.own | default list) -}}
imagePullSecrets:
{{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}
