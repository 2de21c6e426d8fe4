{{/*
The frame of the pods of all modes: a pod template. Arguments: root, mode, and
  container           name of the container
  own                 values of the mode, for keys that all modes have
  args, env, ports    lists
  probes              dict of the three probes, each with path, port, scheme and values
  pod                 annotations, labels, affinity and the like where the mode has them elsewhere
  volumes, mounts     lists besides the shared file
  podSecurity, containerSecurity    YAML
*/}}
{{- define "vaultk8s.pod" -}}
{{- $own := .own -}}
{{- $selector := dict "root" .root "mode" .mode -}}
metadata:
  labels:
    {{- include "vaultk8s.podLabels" $selector | nindent 4 }}
    {{- with .pod.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .container }}
    {{- /* An agent reads its files again itself. */}}
    {{- if ne .mode "agent" }}
    checksum/config: {{ include "vaultk8s.config.checksum" $selector }}
    {{- end }}
    {{- with include "vaultk8s.yaml" (dict "root" .root "value" .pod.annotations) }}
    {{- . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "vaultk8s.serviceAccountName" $selector }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  {{- with include "vaultk8s.pullSecrets" (dict "root" .root "own" $own.imagePullSecrets) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if $own.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- with $own.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" (default false $own.hostNetwork)) }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with $own.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.terminationGracePeriodSeconds }}
  terminationGracePeriodSeconds: {{ int . }}
  {{- end }}
  {{- $root := .root }}
  {{- range $key := list "affinity" "topologySpreadConstraints" "tolerations" "nodeSelector" }}
  {{- with include "vaultk8s.yaml" (dict "root" $root "value" (get $.pod $key)) }}
  {{ $key }}:
    {{- . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .podSecurity }}
  securityContext:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .container }}
      image: {{ include "vaultk8s.image" (dict "root" .root "image" $own.image) | quote }}
      imagePullPolicy: {{ ($own.image).pullPolicy | default .root.Values.image.pullPolicy }}
      args:
        {{- toYaml (concat .args ($own.extraArgs | default list)) | nindent 8 }}
      {{- with include "vaultk8s.pod.env" . | trim }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with .ports }}
      ports:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $name, $probe := .probes }}
      {{ $name }}:
        httpGet:
          path: {{ $probe.path }}
          port: {{ $probe.port }}
          scheme: {{ $probe.scheme | default "HTTP" }}
        {{- toYaml $probe.values | nindent 8 }}
      {{- end }}
      {{- with $own.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .containerSecurity }}
      securityContext:
        {{- . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: config
          mountPath: /etc/vaultk8s
          readOnly: true
        {{- with concat .mounts (include "vaultk8s.pod.mounts" . | fromYamlArray) ($own.volumeMounts | default list) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "vaultk8s.fullname" .root }}-config
    {{- with .volumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- range $own.volumes }}
    - {{- omit . "mountPath" "readOnly" "subPath" | toYaml | nindent 6 }}
    {{- end }}
{{- end -}}

{{/* Mounts of the volumes that say where they belong. */}}
{{- define "vaultk8s.pod.mounts" -}}
{{- range .own.volumes -}}
{{- if .mountPath }}
- {{- pick . "name" "mountPath" "readOnly" "subPath" | toYaml | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Variables. The collector is told the memory limit, so that it works harder before the kernel kills. */}}
{{- define "vaultk8s.pod.env" -}}
{{- with .env }}
{{- toYaml . }}
{{- end }}
{{- if ((.own.resources).limits).memory }}
- name: GOMEMLIMIT
  valueFrom:
    resourceFieldRef:
      resource: limits.memory
{{- end }}
{{- range $name, $value := .own.extraEnvironmentVars }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- with .own.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Replicas prefer different nodes, but do not insist: a cluster of one node can have two. Arguments: root, mode. */}}
{{- define "vaultk8s.spread" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "vaultk8s.selector" . | nindent 12 }}
{{- end -}}

{{/* Security contexts that Pod Security accepts as restricted; OpenShift chooses the users. Arguments: root, value, fsGroup. */}}
{{- define "vaultk8s.podSecurity" -}}
{{- with include "vaultk8s.yaml" (dict "root" .root "value" .value) -}}
{{ . }}
{{- else -}}
runAsNonRoot: true
{{- if not (.root.Values.global).openshift }}
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}
{{- end -}}

{{- define "vaultk8s.containerSecurity" -}}
{{- with include "vaultk8s.yaml" (dict "root" .root "value" .value) -}}
{{ . }}
{{- else -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
{{- end -}}

{{/* A service account. Arguments: root, mode. */}}
{{- define "vaultk8s.serviceAccount" -}}
{{- $account := (index .root.Values .mode).serviceAccount -}}
{{- if $account.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "vaultk8s.metadata" (dict "root" .root "mode" .mode "name" (include "vaultk8s.serviceAccountName" .) "labels" $account.extraLabels "annotations" $account.annotations) | nindent 2 }}
automountServiceAccountToken: false
{{- end }}
{{- end -}}

{{/* The binding of a role of the same name to the account of a mode. Arguments: root, mode, name, cluster; namespace of a Role elsewhere. */}}
{{- define "vaultk8s.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "ClusterRoleBinding" "RoleBinding" (default false .cluster) }}
metadata:
  {{- include "vaultk8s.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ ternary "ClusterRole" "Role" (default false .cluster) }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "vaultk8s.serviceAccountName" . }}
    namespace: {{ include "vaultk8s.namespace" .root }}
{{- end -}}
