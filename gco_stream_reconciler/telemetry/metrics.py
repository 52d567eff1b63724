"""Prometheus metrics. Each part's observer Protocol is satisfied here, by structure.

The workqueue's names are client-go's (k8s.io/component-base/metrics/prometheus/workqueue), so that existing dashboards
work.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gco_stream_reconciler import __version__
from gco_stream_reconciler.telemetry.observers import (
    InformerMetrics,
    LeadershipMetrics,
    QueueMetrics,
    StreamMetrics,
)

_FAST = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class QueueView(Protocol):
    """What is read from a queue at scrape time. `now` is monotonic seconds."""

    name: str

    def depth(self) -> int:
        """Waiting keys."""

    def oldest_age(self, now: float) -> float:
        """Age of the oldest waiting key."""

    def unfinished_work_seconds(self, now: float) -> float:
        """Time spent on keys in process."""

    def longest_running_seconds(self, now: float) -> float:
        """Time spent on the longest running key."""

    def depth_by_lane(self) -> Mapping[Any, int]:
        """Waiting keys of each lane."""


class Metrics:
    """Every metric of the process, in one registry that is passed in. Satisfies the controller's observer."""

    def __init__(self, registry: CollectorRegistry, *, clock: Callable[[], float]) -> None:
        self.registry = registry
        self._queues: dict[str, QueueView] = {}
        registry.register(_QueueCollector(self._queues, clock))
        Info("gco_build", "Version of the controller", registry=registry).info({"version": __version__})
        self._added = Counter("workqueue_adds", "Keys that became dirty", ["name"], registry=registry)
        self._waited = Histogram(
            "workqueue_queue_duration_seconds",
            "Time a key waited",
            ["name"],
            registry=registry,
            buckets=_FAST,
        )
        self._worked = Histogram(
            "workqueue_work_duration_seconds", "Time a key took", ["name"], registry=registry, buckets=_FAST
        )
        self._retried = Counter(
            "workqueue_retries", "Keys that failed and come again", ["name"], registry=registry
        )
        self._reaction = Histogram(
            "gco_reaction_seconds",
            "From a write in the table to the end of the applies that it caused",
            registry=registry,
            buckets=_FAST,
        )
        self._reconciles = Histogram(
            "gco_reconcile_duration_seconds",
            "Reconciles by result",
            ["result"],
            registry=registry,
            buckets=_FAST,
        )
        self._applied = Counter(
            "gco_objects_applied",
            "Objects applied, by kind and reason",
            ["kind", "reason"],
            registry=registry,
        )
        self._deleted = Counter(
            "gco_objects_deleted", "Objects deleted, by kind", ["kind"], registry=registry
        )
        self._watchdog = Counter(
            "gco_watchdog_removals", "Ingresses that the watchdog has taken away", registry=registry
        )
        self._items = Counter(
            "gco_item_writes", "Promotions and purges by result", ["write", "result"], registry=registry
        )
        self._orphans = Gauge(
            "gco_orphans", "Endpoints with objects of ours and without an item", registry=registry
        )
        self._refused = Counter(
            "gco_cleanups_refused", "Clean-ups that the limit has refused", registry=registry
        )
        self._status = Counter("gco_status_writes", "Status writes by result", ["result"], registry=registry)
        self._resyncs = Histogram(
            "gco_resync_duration_seconds",
            "Full resyncs by result",
            ["result"],
            registry=registry,
            buckets=_FAST,
        )
        self._resync_queued = Counter(
            "gco_resync_queued", "Keys that resyncs found different", registry=registry
        )
        self._loop_lag = Gauge(
            "gco_event_loop_lag_seconds", "How late the last timer fired", registry=registry
        )
        self.stream = StreamMetrics(registry)
        self.informer = InformerMetrics(registry)
        self.leadership = LeadershipMetrics(registry)

    # --- Queues -------------------------------------------------------------------------------------------------

    def queue(self, name: str) -> QueueMetrics:
        """The observer of a queue."""
        return QueueMetrics(
            added=self._added.labels(name),
            waited=self._waited.labels(name),
            worked=self._worked.labels(name),
            retried=self._retried.labels(name),
        )

    def watch_queue(self, queue: QueueView) -> None:
        """Read this queue at every scrape, instead of an earlier one of its name."""
        self._queues[queue.name] = queue

    # --- Controller ---------------------------------------------------------------------------------------------

    def reconciled(self, result: str, seconds: float) -> None:
        """One reconcile ended."""
        self._reconciles.labels(result).observe(seconds)

    def applied(self, kind: str, reason: str) -> None:
        """An object was applied."""
        self._applied.labels(kind, reason).inc()

    def deleted(self, kind: str) -> None:
        """An object was deleted."""
        self._deleted.labels(kind).inc()

    def reacted(self, seconds: float) -> None:
        """A change in the table has reached the cluster."""
        self._reaction.observe(seconds)

    def watchdog_removed(self) -> None:
        """The watchdog has taken an Ingress away."""
        self._watchdog.inc()

    def item_written(self, write: str, result: str) -> None:
        """A promotion or purge ended."""
        self._items.labels(write, result).inc()

    def orphans_seen(self, candidates: int) -> None:
        """A complete look at table and cluster ended."""
        self._orphans.set(candidates)

    def cleanup_refused(self) -> None:
        """The limit on clean-ups has refused one."""
        self._refused.inc()

    def status_written(self, result: str) -> None:
        """A status write ended."""
        self._status.labels(result).inc()

    def resynced(self, result: str, seconds: float, queued: int) -> None:
        """A resync ended."""
        self._resyncs.labels(result).observe(seconds)
        self._resync_queued.inc(queued)

    def loop_lag(self, seconds: float) -> None:
        """The event loop's pulse."""
        self._loop_lag.set(seconds)


class _QueueCollector(Collector):
    """Reads queues when a scrape comes, so that the hot path keeps no gauge."""

    def __init__(self, queues: dict[str, QueueView], clock: Callable[[], float]) -> None:
        self._queues = queues
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        now = self._clock()
        readings: tuple[tuple[str, str, Callable[[QueueView], float]], ...] = (
            ("workqueue_depth", "Waiting keys", lambda queue: queue.depth()),
            ("workqueue_unfinished_work_seconds", "Time spent so far on keys in process",
             lambda queue: queue.unfinished_work_seconds(now)),
            ("workqueue_longest_running_processor_seconds", "Time spent so far on the longest running key",
             lambda queue: queue.longest_running_seconds(now)),
            ("workqueue_oldest_waiting_seconds", "Age of the oldest waiting key", lambda queue: queue.oldest_age(now)),
        )  # fmt: skip
        for name, text, read in readings:
            family = GaugeMetricFamily(name, text, labels=["name"])
            for queue in self._queues.values():
                family.add_metric([queue.name], read(queue))
            yield family
        lanes = GaugeMetricFamily("workqueue_lane_depth", "Waiting keys by lane", labels=["name", "lane"])
        for queue in self._queues.values():
            for lane, depth in queue.depth_by_lane().items():
                lanes.add_metric([queue.name, str(getattr(lane, "name", lane)).lower()], depth)
        yield lanes

    def describe(self) -> Iterable[Metric]:
        """Nothing: the families are known only at scrape time."""
        return ()
