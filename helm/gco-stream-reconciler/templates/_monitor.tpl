{{/* What a scrape is made of: (dict "monitor" … ). */}}
{{- define "reconciler.scrape" -}}
- port: http
  path: /metrics
  # The Operator's label `endpoint` is the port's name, ours an endpoint's. No other label of ours is a target's, too.
  honorLabels: true
  {{- with .interval }}
  interval: {{ . }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
