"""docs/metrics.md, from the registry of a controller."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from gco_stream_reconciler.endpoints.model import CanaryStatus, Exposure, RegionStatus, State
from gco_stream_reconciler.telemetry.instruments import Definition
from gco_stream_reconciler.telemetry.metrics import Metrics

ENDPOINTS = 1000

QUERIES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "gco_reaction_seconds": (
        (
            "median from a write to the cluster",
            "histogram_quantile(0.5, sum by (le) (rate(gco_reaction_seconds_bucket[5m])))",
        ),
        (
            "share of writes that reach the cluster within a second",
            'sum(rate(gco_reaction_seconds_bucket{le="1.0"}[1h])) / sum(rate(gco_reaction_seconds_count[1h]))',
        ),
    ),
    "gco_reconcile_duration_seconds": (
        (
            "share of reconciles that fail",
            ('sum(rate(gco_reconcile_duration_seconds_count{result!="success"}[10m])) '
            "/ sum(rate(gco_reconcile_duration_seconds_count[10m]))"),
        ),
    ),
    "gco_reconcile_retries_total": (
        ("what fails", "topk(5, sum by (error) (increase(gco_reconcile_retries_total[1h])))"),
    ),
    "gco_drift_corrections_total": (
        ("who is edited by hand", "sum by (kind, fields) (increase(gco_drift_corrections_total[1d])) > 0"),
    ),
    "gco_stream_last_poll_age_seconds": (
        ("nobody reads the stream", "max(gco_stream_last_poll_age_seconds) > 30"),
        ("no leader polls at all", "absent(gco_stream_last_poll_age_seconds)"),
    ),
    "gco_stream_failures_total": (
        ("throttles", 'sum(rate(gco_stream_failures_total{error="ThrottledError"}[10m]))'),
    ),
    "gco_informer_watches_ended_total": (
        (
            "watches that had to begin again for a bad reason",
            'sum by (kind, reason) (increase(gco_informer_watches_ended_total{reason!="ended"}[1h]))',
        ),
    ),
    "gco_cache_objects": (("objects in the cache", "max by (kind) (gco_cache_objects)"),),
    "gco_kubernetes_call_duration_seconds": (
        (
            "calls that fail, by verb",
            'sum by (verb, code) (rate(gco_kubernetes_call_duration_seconds_count{code!~"2.."}[5m]))',
        ),
        (
            "slow writes",
            ("histogram_quantile(0.99, sum by (le) "
            '(rate(gco_kubernetes_call_duration_seconds_bucket{verb=~"patch|delete"}[5m])))'),
        ),
    ),
    "gco_aws_call_duration_seconds": (
        (
            "calls that fail, by operation",
            'sum by (operation, code) (rate(gco_aws_call_duration_seconds_count{code!="success"}[5m]))',
        ),
    ),
    "gco_endpoints": (
        ("endpoints in error", 'sum(gco_endpoints{state="error"})'),
        ("endpoints off the load balancer", 'sum(gco_endpoints{exposure="removed-by-watchdog"})'),
    ),
    "gco_endpoint_zero_ready_seconds": (
        ("endpoints down for two minutes", "max by (endpoint) (gco_endpoint_zero_ready_seconds) > 120"),
    ),
    "gco_endpoint_canary_weight_applied": (
        (
            "canaries without the traffic they should have",
            "gco_endpoint_canary_weight_wanted - gco_endpoint_canary_weight_applied != 0",
        ),
    ),
    "gco_leader": (
        ("no leader, or two", "sum(gco_leader) != 1"),
    ),
    "workqueue_depth": (("waiting keys", 'max(workqueue_depth{name="endpoints"})'),),
    "workqueue_retries_total": (("retries", "sum by (name) (rate(workqueue_retries_total[5m]))"),),
}  # fmt: skip
"""Name → what a query tells, the query."""

_HEAD = """\
# Metrics

`/metrics` on `HTTP_PORT` (8080), in Prometheus' text format. Written by `make docs` from the program's own registry; do
not edit. Label values are bounded: kinds, reasons, results, error classes, codes. Endpoints' names occur only on the
gauges `gco_endpoint_*`, which `ENDPOINT_METRICS=false` leaves out; they are shown by the leader alone and end with the
endpoint. Beside these there are the `process_*` and `python_*` series of the client library.

The Prometheus Operator gives its targets a label `endpoint` too, the port's name. The chart's monitors let ours stand
(`honorLabels: true`); so must a monitor of your own, else the names of endpoints are in `exported_endpoint`. A Prometheus
with `overrideHonorLabels` honours none: give the monitor `relabelings: [{action: labeldrop, regex: endpoint}]` there.

Queries are written for one Region's controller; add your own selectors (`namespace`, `job`, `region`).
"""


def render() -> str:
    """The whole page."""
    definitions = Metrics(CollectorRegistry(), clock=lambda: 0.0).definitions
    table = ["| metric | type | labels | meaning |", "|---|---|---|---|", *map(_row, definitions)]
    return "\n".join([_HEAD, *table, "", *_queries(definitions), *_series()]) + "\n"


def series_of(endpoints: int, *, endpoint_metrics: bool) -> int:
    """Series about so many endpoints, of which every tenth has a canary."""
    metrics = Metrics(CollectorRegistry(), clock=lambda: 0.0, endpoint_metrics=endpoint_metrics)
    exercise(metrics, endpoints)
    exposition = generate_latest(metrics.registry).decode()
    return sum(not line.startswith("#") for line in exposition.splitlines())


def exercise(metrics: Metrics, endpoints: int = 1) -> None:
    """A report of each endpoint, as the controller gives it."""
    for number in range(endpoints):
        canary = CanaryStatus(State.RUNNING, 1, 10, 10) if number % 10 == 0 else None
        status = RegionStatus(
            State.RUNNING, replicas_ready=2, replicas_desired=2, exposure=Exposure.EXPOSED, canary=canary
        )
        metrics.endpoints.show(f"endpoint-{number}", status)


def _row(definition: Definition) -> str:
    labels = ", ".join(f"`{label}`" for label in definition.labels) or "-"
    return f"| `{definition.name}` | {definition.type} | {labels} | {definition.meaning} |"


def _queries(definitions: Iterable[Definition]) -> Iterator[str]:
    yield "## Queries"
    yield ""
    yield "| tells | query |"
    yield "|---|---|"
    for definition in definitions:
        for tells, query in QUERIES.get(definition.name, ()):
            yield f"| {tells} | `{query.replace('|', chr(92) + '|')}` |"
    yield ""


def _series() -> Iterator[str]:
    on = series_of(ENDPOINTS, endpoint_metrics=True) - series_of(0, endpoint_metrics=True)
    off = series_of(ENDPOINTS, endpoint_metrics=False) - series_of(0, endpoint_metrics=False)
    yield "## How many series"
    yield ""
    yield (
        f"{ENDPOINTS:,} endpoints, a tenth of them with a canary, add {on:,} series with the gauges of each endpoint and "
        f"{off:,} without (`ENDPOINT_METRICS=false`). The rest does not grow with the endpoints: some hundred series, a "
        "histogram being about 15."
    )
