{{- define "reconciler.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 52 characters: room for the suffixes that objects of the release carry. */}}
{{- define "reconciler.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "reconciler.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "reconciler.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "reconciler.selector" -}}
app.kubernetes.io/name: {{ include "reconciler.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "reconciler.labels" -}}
{{- $own := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_")
  "app.kubernetes.io/component" "controller"
  "app.kubernetes.io/part-of" "gco"
  "app.kubernetes.io/managed-by" .Release.Service }}
{{- /* Ours come last: a common label must not break a selector. */}}
{{- toYaml (mergeOverwrite (deepCopy .Values.commonLabels) $own (include "reconciler.selector" . | fromYaml)) }}
{{- end }}

{{/* No versions among the Pods' labels: a new chart alone restarts nothing. */}}
{{- define "reconciler.podLabels" -}}
{{- $own := merge (dict "app.kubernetes.io/component" "controller") (include "reconciler.selector" . | fromYaml) }}
{{- toYaml (mergeOverwrite (deepCopy .Values.commonLabels) .Values.podLabels $own) }}
{{- end }}

{{/* metadata of an object: (dict "root" $ "name" … "namespace" … "labels" … "annotations" …); the last three may be absent. */}}
{{- define "reconciler.metadata" -}}
name: {{ .name }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- $labels := include "reconciler.labels" .root | fromYaml }}
  {{- toYaml (mergeOverwrite (deepCopy (.labels | default dict)) $labels) | nindent 2 }}
{{- with mergeOverwrite (deepCopy .root.Values.commonAnnotations) (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "reconciler.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "reconciler.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is required where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "reconciler.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Every namespace of endpoints, each once, as JSON. */}}
{{- define "reconciler.namespaces" -}}
{{- concat (list .Values.endpointNamespace) .Values.extraNamespaces | uniq | toJson }}
{{- end }}

{{/* What the schema cannot say: relations between values. */}}
{{- define "reconciler.checks" -}}
{{- $least := add (ceil .Values.drainSeconds) 10 }}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int $least) }}
{{- fail (printf "terminationGracePeriodSeconds (%v) must be at least drainSeconds (%v) + 10: the kubelet would kill a leader that still drains" .Values.terminationGracePeriodSeconds .Values.drainSeconds) }}
{{- end }}
{{- if eq (int .Values.ports.http) (int .Values.ports.debug) }}
{{- fail (printf "ports.http and ports.debug must differ (both are %v)" .Values.ports.http) }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled .Values.monitoring.podMonitor.enabled }}
{{- fail "monitoring.serviceMonitor.enabled and monitoring.podMonitor.enabled exclude each other: every sample would be taken twice" }}
{{- end }}
{{- if and .Values.monitoring.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- fail "monitoring.serviceMonitor.enabled needs service.enabled; without a Service use monitoring.podMonitor.enabled" }}
{{- end }}
{{- with .Values.monitoring }}
{{- if and .prometheusRule.enabled (not (or .serviceMonitor.enabled .podMonitor.enabled .prometheusRule.job)) }}
{{- fail "monitoring.prometheusRule.enabled needs monitoring.serviceMonitor.enabled or monitoring.podMonitor.enabled; where something else scrapes the Pods, set monitoring.prometheusRule.job" }}
{{- end }}
{{- end }}
{{- if eq .Values.lease.name "gco-stream-reconciler-cleanups" }}
{{- fail "lease.name gco-stream-reconciler-cleanups is the name of the ledger of clean-ups; choose another" }}
{{- end }}
{{- $names := list }}
{{- range (include "reconciler.env" . | fromYamlArray) }}
{{- $names = append $names .name }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if has .name $names }}
{{- fail (printf "extraEnv: %s is set by the chart; use the value of its own" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}

{{/* The chart's environment variables. */}}
{{- define "reconciler.env" -}}
{{- $own := list
  (list "REGION" .Values.region)
  (list "CLUSTER_NAME" .Values.clusterName)
  (list "INFERENCE_ENDPOINTS_TABLE_NAME" .Values.table.name)
  (list "DYNAMODB_REGION" .Values.table.homeRegion)
  (list "STREAM_REGION" .Values.table.streamRegion)
  (list "INFERENCE_NAMESPACE" .Values.endpointNamespace)
  (list "NAMESPACES" (join "," .Values.extraNamespaces))
  (list "LEASE_NAME" .Values.lease.name)
  (list "WORKERS" .Values.workers)
  (list "RECONCILE_INTERVAL_SECONDS" .Values.resyncSeconds)
  (list "DRAIN_SECONDS" .Values.drainSeconds)
  (list "LOG_LEVEL" .Values.logging.level)
  (list "LOG_FORMAT" .Values.logging.format)
  (list "HTTP_PORT" .Values.ports.http)
  (list "DEBUG_PORT" .Values.ports.debug) }}
{{- $list := list }}
{{- range $own }}
{{- if ne (toString (index . 1)) "" }}
{{- $list = append $list (dict "name" (index . 0) "value" (include "reconciler.text" (index . 1))) }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- $list = append $list (dict "name" $name "value" (include "reconciler.text" $value)) }}
{{- end }}
{{- toYaml $list }}
{{- end }}

{{/* A number as people write it: Helm reads 300 as 300.0, and %v makes 1e+06 of a million. */}}
{{- define "reconciler.text" -}}
{{- if kindIs "float64" . }}
{{- if eq (floor .) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else }}{{ . }}{{ end }}
{{- end }}
