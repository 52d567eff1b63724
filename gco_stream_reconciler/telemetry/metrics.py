"""Prometheus metrics. Each part's observer Protocol is satisfied here, by structure.

The workqueue's names are client-go's (k8s.io/component-base/metrics/prometheus/workqueue), so that existing dashboards
work. docs/metrics.md is made from these definitions (`make docs`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from gco_stream_reconciler import __version__
from gco_stream_reconciler.telemetry.call_metrics import aws_calls, kubernetes_calls
from gco_stream_reconciler.telemetry.controller_metrics import ControllerMetrics
from gco_stream_reconciler.telemetry.endpoint_gauges import EndpointGauges
from gco_stream_reconciler.telemetry.instruments import Definition, Instruments
from gco_stream_reconciler.telemetry.observers import (
    InformerMetrics,
    LeadershipMetrics,
    QueueMetrics,
    StreamMetrics,
)
from gco_stream_reconciler.telemetry.scrape import Reading, ScrapedGauge, register_scraped


class ScrapedQueue(Protocol):
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

    def longest_failing_seconds(self, now: float) -> float:
        """Age of the oldest row of failures without a success."""

    def depth_by_lane(self) -> Mapping[Any, int]:
        """Waiting keys of each lane."""


class ScrapedStream(Protocol):
    """What is read from the stream's consumer at scrape time."""

    def unpolled_seconds(self) -> float:
        """Since the last successful read of the shard that has waited longest."""

    def lag_seconds(self) -> float:
        """The lag of the shard that is furthest behind."""


class Metrics:
    """Every metric of the process, in one registry that is passed in.

    `clock` is monotonic seconds. `endpoint_metrics` False leaves out the gauges that have endpoints' names.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        clock: Callable[[], float],
        endpoint_metrics: bool = True,
    ) -> None:
        self.registry = registry
        make = Instruments(registry)
        self._instruments = make
        self._clock = clock
        self._queues: dict[str, ScrapedQueue] = {}
        self._consumer: ScrapedStream | None = None
        self._cached: Callable[[], Mapping[str, int]] | None = None
        make.info("gco_build", "Version of the controller", version=__version__)
        self.controller = ControllerMetrics(make)
        self._added = make.counter("workqueue_adds", "Keys that became dirty", ["name"])
        self._waited = make.histogram("workqueue_queue_duration_seconds", "Time a key waited", ["name"])
        self._worked = make.histogram("workqueue_work_duration_seconds", "Time a key took", ["name"])
        self._failed = make.counter("workqueue_retries", "Keys that failed and come again", ["name"])
        self._loop_lag = make.histogram(
            "gco_event_loop_lag_seconds", "How late a timer fired, twice a second"
        )
        self.stream = StreamMetrics(make)
        self.informer = InformerMetrics(make)
        self.leadership = LeadershipMetrics(make)
        self.kubernetes = kubernetes_calls(make)
        self.aws = aws_calls(make)
        self.endpoints = EndpointGauges(clock)
        register_scraped(make, (*self._of_queues(), *self._of_stream_and_cache(), *self._of_endpoints()))
        if endpoint_metrics:
            register_scraped(make, self._of_each_endpoint())

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """What each metric is, by name."""
        return tuple(sorted(self._instruments.definitions))

    def loop_lag(self, seconds: float) -> None:
        """The event loop's pulse."""
        self._loop_lag.observe(seconds)

    def queue(self, name: str) -> QueueMetrics:
        """The observer of a queue."""
        return QueueMetrics(
            added=self._added.labels(name),
            waited=self._waited.labels(name),
            worked=self._worked.labels(name),
            retried=self._failed.labels(name),
        )

    # --- Read at scrape time --------------------------------------------------------------------------------------

    def watch_queue(self, queue: ScrapedQueue) -> None:
        """Read this queue at every scrape, instead of an earlier one of its name."""
        self._queues[queue.name] = queue

    def watch_stream(self, consumer: ScrapedStream) -> None:
        """Read lag and age of the last successful poll from here at every scrape."""
        self._consumer = consumer

    def term_ended(self) -> None:
        """Tell no more of what only a leader knows: its successor does, and what it has left waiting is nobody's work."""
        self._queues.clear()
        self._consumer = None
        self.stream.shards(0, 0)
        self.controller.nothing_seen()

    def watch_cache(self, objects_by_kind: Callable[[], Mapping[str, int]]) -> None:
        """Read the cache's size from here at every scrape."""
        self._cached = objects_by_kind

    def _of_queues(self) -> tuple[ScrapedGauge, ...]:
        def of_each(read: Callable[[ScrapedQueue], float]) -> Callable[[], Iterable[Reading]]:
            return lambda: [((queue.name,), read(queue)) for queue in self._queues.values()]

        name, now = ("name",), self._clock
        return (
            ScrapedGauge("workqueue_depth", "Waiting keys", name, of_each(lambda queue: queue.depth())),
            ScrapedGauge("workqueue_unfinished_work_seconds", "Time spent so far on keys in process", name,
                         of_each(lambda queue: queue.unfinished_work_seconds(now()))),
            ScrapedGauge("workqueue_longest_running_processor_seconds", "Time spent so far on the longest running key",
                         name, of_each(lambda queue: queue.longest_running_seconds(now()))),
            ScrapedGauge("workqueue_oldest_waiting_seconds", "Age of the oldest waiting key", name,
                         of_each(lambda queue: queue.oldest_age(now()))),
            ScrapedGauge("workqueue_longest_failing_seconds", "Age of the oldest row of failures of one key without a "
                         "success; 0 while none fails", name, of_each(lambda queue: queue.longest_failing_seconds(now()))),
            ScrapedGauge("workqueue_lane_depth", "Waiting keys by lane", ("name", "lane"), self._lanes),
        )  # fmt: skip

    def _lanes(self) -> Iterable[Reading]:
        for queue in self._queues.values():
            for lane, depth in queue.depth_by_lane().items():
                yield (queue.name, str(getattr(lane, "name", lane)).lower()), depth

    def _of_stream_and_cache(self) -> tuple[ScrapedGauge, ...]:
        return (
            ScrapedGauge(
                "gco_stream_last_poll_age_seconds",
                "Since the last successful read of the shard that has waited longest; only on the leader",
                (),
                lambda: [((), self._consumer.unpolled_seconds())] if self._consumer else (),
            ),
            ScrapedGauge(
                "gco_stream_lag_seconds",
                "Age of the newest record of the last page, of the shard that is furthest behind; only on the leader",
                (),
                lambda: [((), self._consumer.lag_seconds())] if self._consumer else (),
            ),
            ScrapedGauge(
                "gco_cache_objects",
                "Objects in the cache, by kind",
                ("kind",),
                lambda: [
                    ((kind,), count) for kind, count in (self._cached() if self._cached else {}).items()
                ],
            ),
        )

    def _of_endpoints(self) -> tuple[ScrapedGauge, ...]:
        return (
            ScrapedGauge(
                "gco_endpoints",
                "Endpoints of this Region by reported state and exposure; only on the leader",
                ("state", "exposure"),
                self.endpoints.counts,
            ),
        )

    def _of_each_endpoint(self) -> tuple[ScrapedGauge, ...]:
        of, name = self.endpoints, ("endpoint",)
        return (
            ScrapedGauge("gco_endpoint_exposure", "1 for the present exposure", (*name, "exposure"), of.exposures),
            ScrapedGauge("gco_endpoint_zero_ready_seconds", "Time without a ready replica although some are wanted; "
                         "0 while one is ready", name, of.zero_ready_seconds),
            ScrapedGauge("gco_endpoint_canary_weight_wanted", "The canary's percent of the traffic in the item", name,
                         of.weights_wanted),
            ScrapedGauge("gco_endpoint_canary_weight_applied", "The canary's percent of the traffic in the Ingress",
                         name, of.weights_applied),
        )  # fmt: skip
