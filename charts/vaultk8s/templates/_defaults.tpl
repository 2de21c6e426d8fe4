{{/*
The objects that the operator finds by the name default, and that of its cache.
A cluster takes an object only when it has the definition of its kind, and Helm
asks before it has made a single object. So where Helm installs, the operator
makes these objects, of a file beside its configuration; where files are rendered
for others (helm template, Argo CD), they are objects like all others.
*/}}
{{- define "vaultk8s.operator.defaults" -}}
{{- $connection := .Values.defaultVaultConnection -}}
{{- $named := not (empty (.Values.vault.address | default (.Values.global).externalVaultAddr)) -}}
{{- $connect := eq (include "vaultk8s.compat.on" (dict "value" $connection.enabled "default" $named)) "true" -}}
{{- if $connect }}
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultConnection
metadata:
  {{- include "vaultk8s.metadata" (dict "root" . "mode" "operator" "name" "default" "annotations" (include "vaultk8s.operator.sync" .)) | nindent 2 }}
spec:
  address: {{ $connection.address | default (include "vaultk8s.address" .) | quote }}
  skipTLSVerify: {{ or $connection.skipTLSVerify (and (empty $connection.address) .Values.vault.skipTLSVerify) }}
  {{- with $connection.tlsServerName | default .Values.vault.tlsServerName }}
  tlsServerName: {{ . }}
  {{- end }}
  {{- with $connection.caCertSecret }}
  caCertSecretRef: {{ . }}
  {{- end }}
  {{- with $connection.caCertPath }}
  caCertPath: {{ . }}
  {{- end }}
  {{- with $connection.headers }}
  headers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- $auth := .Values.defaultAuthMethod }}
{{- if $auth.enabled }}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata:
  {{- include "vaultk8s.metadata" (dict "root" . "mode" "operator" "name" "default" "annotations" (include "vaultk8s.operator.sync" .)) | nindent 2 }}
spec:
  {{- if $connect }}
  vaultConnectionRef: default
  {{- end }}
  {{- with $auth.allowedNamespaces }}
  allowedNamespaces:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "vaultk8s.operator.login" $auth | nindent 2 }}
  {{- with $auth.vaultAuthGlobalRef }}
  {{- if .enabled }}
  vaultAuthGlobalRef:
    {{- with .name }}
    name: {{ . }}
    {{- end }}
    {{- with .namespace }}
    namespace: {{ . }}
    {{- end }}
    {{- if not (kindIs "invalid" .allowDefault) }}
    allowDefault: {{ .allowDefault }}
    {{- end }}
    mergeStrategy:
      {{- toYaml .mergeStrategy | nindent 6 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- $cache := .Values.operator.clientCache }}
{{- if and $cache.storageEncryption.enabled (eq $cache.persistenceModel "direct-encrypted") }}
{{- $login := deepCopy $cache.storageEncryption }}
{{- if and (eq $login.method "kubernetes") (empty $login.kubernetes.serviceAccount) }}
{{- $_ := set $login.kubernetes "serviceAccount" (include "vaultk8s.serviceAccountName" (dict "root" . "mode" "operator")) }}
{{- end }}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata:
  {{- include "vaultk8s.metadata" (dict "root" . "mode" "operator" "name" (printf "%s-default-transit-auth" (include "vaultk8s.fullname" .)) "annotations" (include "vaultk8s.operator.sync" .) "labels" (dict "cacheStorageEncryption" "true")) | nindent 2 }}
spec:
  vaultConnectionRef: {{ $login.vaultConnectionRef }}
  storageEncryption:
    keyName: {{ required "operator.clientCache.storageEncryption.keyName is missing: name a key of the transit engine" $login.keyName }}
    mount: {{ required "operator.clientCache.storageEncryption.transitMount is missing: name the mount of the transit engine" $login.transitMount }}
  {{- include "vaultk8s.operator.login" $login | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How a VaultAuth logs in; keys without a value are left out. Arguments: method, mount, namespace and the rest of the values. */}}
{{- define "vaultk8s.operator.login" -}}
method: {{ .method }}
mount: {{ .mount }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
{{- $options := dict }}
{{- range $key, $value := index . .method }}
{{- if not (empty $value) }}
{{- $_ := set $options (get (dict "tokenAudiences" "audiences") $key | default $key) $value }}
{{- end }}
{{- end }}
{{- if and (eq .method "jwt") $options.secretRef }}{{ $_ := unset $options "serviceAccount" }}{{ end }}
{{ .method }}:
  {{- toYaml $options | nindent 2 }}
{{- with .params }}
params:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .headers }}
headers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Argo CD must not ask for kinds that come with the same application. */}}
{{- define "vaultk8s.operator.sync" -}}
{{- if .Values.crds.enabled -}}
argocd.argoproj.io/sync-options: SkipDryRunOnMissingResource=true
{{- end -}}
{{- end -}}

{{/* Whether the operator makes the default objects. */}}
{{- define "vaultk8s.operator.keeps" -}}
{{- if and .Values._modes.operator .Values.crds.enabled -}}
{{- if lookup "v1" "Namespace" "" "kube-system" -}}true{{- end -}}
{{- end -}}
{{- end -}}
