"""The Grafana dashboard, from a table of panels."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

_SELECTOR = 'namespace="$namespace",job=~"$job"'
_COLUMNS, _WIDTH, _HEIGHT = 24, 8, 7


class Panel(NamedTuple):
    """A graph: its title, what it tells, Grafana's unit, and queries as (expression, legend)."""

    title: str
    text: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"


def render() -> str:
    """The dashboard as JSON for Grafana's sidecar."""
    dashboard = {
        "uid": "gco-stream-reconciler",
        "title": "GCO stream reconciler",
        "description": "From a write in the endpoint table to the cluster.",
        "tags": ["gco", "inference"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }
    return json.dumps(dashboard, indent=1) + "\n"


def _quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    rate = f"sum by (le) (rate({metric}_bucket{{{_SELECTOR}}}[$__rate_interval]))"
    return tuple((f"histogram_quantile({share}, {rate})", name) for share, name in _SHARES)


def _rate(metric: str, *labels: str, more: str = "") -> tuple[tuple[str, str], ...]:
    by = f" by ({', '.join(labels)})" if labels else ""
    legend = " ".join(f"{{{{{label}}}}}" for label in labels) or metric
    selector = f"{_SELECTOR},{more}" if more else _SELECTOR
    return ((f"sum{by} (rate({metric}{{{selector}}}[$__rate_interval]))", legend),)


def _gauge(metric: str, *labels: str, how: str = "max") -> tuple[tuple[str, str], ...]:
    by = f" by ({', '.join(labels)})" if labels else ""
    legend = " ".join(f"{{{{{label}}}}}" for label in labels) or metric
    return ((f"{how}{by} ({metric}{{{_SELECTOR}}})", legend),)


def _weight(which: str) -> tuple[tuple[str, str], ...]:
    metric = f"gco_endpoint_canary_weight_{which}"
    return ((f"max by (endpoint) ({metric}{{{_SELECTOR}}})", f"{{{{endpoint}}}} {which}"),)


_SHARES = ((0.5, "p50"), (0.99, "p99"))

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    ("Is it well?", (
        Panel("Leader", "1 on the replica that leads.", "none", _gauge("gco_leader", "pod")),
        Panel("Reaction time", "From a write in the table to the end of the applies that it caused.", "s",
              _quantiles("gco_reaction_seconds")),
        Panel("Reconcile results", "Everything but success is an endpoint that is tried again.", "ops",
              _rate("gco_reconcile_duration_seconds_count", "result")),
    )),
    ("Queue", (
        Panel("Depth", "Waiting keys, by lane: live changes go first.", "none",
              _gauge("workqueue_lane_depth", "name", "lane", how="sum")),
        Panel("Age of the oldest key", "How long the longest waiting key has waited.", "s",
              _gauge("workqueue_oldest_waiting_seconds", "name")),
        Panel("Retries", "Keys that failed and come again.", "ops", _rate("workqueue_retries_total", "name")),
        Panel("Longest failing key", "Since the first failure in a row; 0 while none fails.", "s",
              _gauge("workqueue_longest_failing_seconds", "name")),
        Panel("Wait", "Time in the queue.", "s", _quantiles("workqueue_queue_duration_seconds")),
        Panel("Work", "Time in a worker.", "s", _quantiles("workqueue_work_duration_seconds")),
        Panel("Longest running key", "A worker that does not come back shows here.", "s",
              _gauge("workqueue_longest_running_processor_seconds", "name")),
    )),
    ("Stream", (
        Panel("Lag", "How far the shard that is furthest behind was behind at its last read. Times are whole seconds.", "s",
              _gauge("gco_stream_lag_seconds", "pod")),
        Panel("Last read", "Age of the last successful read of the shard that has waited longest.", "s",
              _gauge("gco_stream_last_poll_age_seconds", "pod")),
        Panel("Reads and records", "Reads of shards, and what they brought.", "ops",
              _rate("gco_stream_polls_total") + _rate("gco_stream_records_total")),
        Panel("Failures", "Throttling means another reader.", "ops", _rate("gco_stream_failures_total", "error")),
        Panel("Shards", "Read and known.", "none",
              _gauge("gco_stream_shards_reading", how="sum") + _gauge("gco_stream_shards_known", how="sum")),
        Panel("Resyncs asked for", "By the stream, with the reason.", "ops", _rate("gco_stream_resyncs_total", "reason")),
        Panel("Resync", "Duration of a full resync.", "s", _quantiles("gco_resync_duration_seconds")),
    )),
    ("Cluster and table", (
        Panel("Applied", "Reason `drift`: somebody else changed it.", "ops",
              _rate("gco_objects_applied_total", "kind", "reason")),
        Panel("Deleted", "Objects deleted.", "ops", _rate("gco_objects_deleted_total", "kind")),
        Panel("Status writes", "To the home Region's table.", "ops", _rate("gco_status_writes_total", "result")),
        Panel("Informers", "Failed lists and watches.", "ops", _rate("gco_informer_failures_total", "kind", "error")),
        Panel("Watches ended", "A watch ends by itself every few minutes.", "ops",
              _rate("gco_informer_watches_ended_total", "kind", "reason")),
        Panel("Cache", "Objects that the replica holds.", "none", _gauge("gco_cache_objects", "kind")),
        Panel("Drift put right", "What somebody else changes, by kind and fields.", "ops",
              _rate("gco_drift_corrections_total", "kind", "fields")),
    )),
    ("Calls", (
        Panel("Calls to the API server", "One for each try.", "ops",
              _rate("gco_kubernetes_call_duration_seconds_count", "verb", "code")),
        Panel("Time of calls to the API server", "Until the answer was read; a watch until it was accepted.", "s",
              _quantiles("gco_kubernetes_call_duration_seconds")),
        Panel("Reconciles that come again", "By error.", "ops", _rate("gco_reconcile_retries_total", "error")),
        Panel("Calls to DynamoDB", "Table and stream, one for each try.", "ops",
              _rate("gco_aws_call_duration_seconds_count", "operation", "code")),
        Panel("Time of calls to DynamoDB", "Until the answer was read.", "s",
              _quantiles("gco_aws_call_duration_seconds")),
    )),
    ("Exposure and safety", (
        Panel("Endpoints", "By reported state.", "none", _gauge("gco_endpoints", "state", how="sum")),
        Panel("Exposure", "Endpoints by what the load balancer does with them.", "none",
              _gauge("gco_endpoints", "exposure", how="sum")),
        Panel("Without a ready replica", "Time that an endpoint is down; needs ENDPOINT_METRICS.", "s",
              ((f"max by (endpoint) (gco_endpoint_zero_ready_seconds{{{_SELECTOR}}}) > 0", "{{endpoint}}"),)),
        Panel("Canary weights", "Percent of the traffic, wanted and applied; needs ENDPOINT_METRICS.", "percent",
              _weight("wanted") + _weight("applied")),
        Panel("Watchdog removals", "Ingresses taken away for lack of a ready Pod.", "ops",
              _rate("gco_watchdog_removals_total")),
        Panel("Orphans", "Endpoints with objects and without an item: ours by Pod, those left alone by maker.", "none",
              _gauge("gco_orphans", "pod") + _gauge("gco_orphans_left", "made_by")),
        Panel("Clean-ups refused", "By the limit: a person must decide.", "ops", _rate("gco_cleanups_refused_total")),
        Panel("Promotions and purges", "Writes to the item besides the status.", "ops",
              _rate("gco_item_writes_total", "write", "result")),
    )),
    ("Process", (
        Panel("Lease renewal", "Must stay far below the renew deadline.", "s", _quantiles("gco_lease_renewal_seconds")),
        Panel("Event loop lag", "How late timers fire.", "s", _quantiles("gco_event_loop_lag_seconds")),
        Panel("Memory", "Resident set.", "bytes", _gauge("process_resident_memory_bytes", "pod")),
    )),
)  # fmt: skip


def _variables() -> list[dict[str, Any]]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    return [
        {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"},
        _query(source, "namespace", "label_values(gco_leader, namespace)"),
        _query(source, "job", 'label_values(gco_leader{namespace="$namespace"}, job)'),
    ]


def _query(source: dict[str, str], name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": source,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for title, panels in ROWS:
        place = {"h": 1, "w": _COLUMNS, "x": 0, "y": top}
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        number, top = number + 1, top + 1
        per_row = _COLUMNS // _WIDTH
        for index, panel in enumerate(panels):
            left, row = index % per_row * _WIDTH, index // per_row
            place = {"h": _HEIGHT, "w": _WIDTH, "x": left, "y": top + row * _HEIGHT}
            yield _panel(number, panel, place)
            number += 1
        top += -(-len(panels) // per_row) * _HEIGHT


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    targets = [
        {"refId": chr(ord("A") + index), "datasource": source, "expr": expression, "legendFormat": legend}
        for index, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 8, "showPoints": "never"}},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }
