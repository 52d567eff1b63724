"""Observers of the single parts; `Metrics` owns one of each."""

from typing import Protocol

from gco_stream_reconciler.telemetry.instruments import Instruments


class _Counts(Protocol):
    def inc(self) -> None:
        """One more."""


class _Measures(Protocol):
    def observe(self, amount: float) -> None:
        """One measurement."""


class QueueMetrics:
    """One queue's counters, its label resolved once: this is the hottest path of the process."""

    __slots__ = ("added", "done", "got", "retried")

    def __init__(self, *, added: _Counts, waited: _Measures, worked: _Measures, retried: _Counts) -> None:
        self.added = added.inc
        self.got = waited.observe
        self.done = worked.observe
        self.retried = retried.inc


class InformerMetrics:
    """List+watch."""

    def __init__(self, make: Instruments) -> None:
        labels = ["kind"]
        self._lists = make.histogram("gco_informer_list_seconds", "Complete listings", labels)
        self._objects = make.gauge(
            "gco_informer_listed_objects", "Objects of the last listing of one namespace", labels
        )
        self._ended = make.counter(
            "gco_informer_watches_ended",
            "Watches that ended and were begun again, by reason; one that the server ends in order is `ended`",
            [*labels, "reason"],
        )
        self._failed = make.counter(
            "gco_informer_failures", "Lists and watches that failed, by error", [*labels, "error"]
        )

    def listed(self, kind: str, namespace: str, objects: int, seconds: float) -> None:  # noqa: ARG002 - one series a kind
        """A listing was complete."""
        self._lists.labels(kind).observe(seconds)
        self._objects.labels(kind).set(objects)

    def watch_ended(self, kind: str, namespace: str, reason: str) -> None:  # noqa: ARG002 - one series a kind
        """A watch ended."""
        self._ended.labels(kind, reason).inc()

    def failed(self, kind: str, namespace: str, error: str) -> None:  # noqa: ARG002 - one series a kind
        """A list or watch failed."""
        self._failed.labels(kind, error).inc()


class LeadershipMetrics:
    """Leader election."""

    def __init__(self, make: Instruments) -> None:
        self._leading = make.gauge("gco_leader", "1 while this replica leads")
        self._renewals = make.histogram("gco_lease_renewal_seconds", "Renewals of the lease")
        self._failed = make.counter(
            "gco_lease_failures", "Lease calls that failed, by operation", ["operation"]
        )

    def leading(self, leads: bool) -> None:
        """Leadership was won or has ended."""
        self._leading.set(1 if leads else 0)

    def renewed(self, seconds: float) -> None:
        """The lease was renewed."""
        self._renewals.observe(seconds)

    def failed(self, operation: str) -> None:
        """A lease call failed."""
        self._failed.labels(operation).inc()


class StreamMetrics:
    """The change stream."""

    def __init__(self, make: Instruments) -> None:
        self._records = make.counter("gco_stream_records", "Change records read")
        self._polls = make.counter("gco_stream_polls", "Successful reads of a shard")
        self._failed = make.counter(
            "gco_stream_failures",
            "Stream calls that failed, by error; `ThrottledError` means that another reader shares the stream",
            ["error"],
        )
        self._reading = make.gauge("gco_stream_shards_reading", "Shards being read")
        self._known = make.gauge("gco_stream_shards_known", "Shards known")
        self._resyncs = make.counter(
            "gco_stream_resyncs", "Full resyncs that the stream asked for, by reason", ["reason"]
        )

    def polled(self, records: int) -> None:
        """A page arrived."""
        self._polls.inc()
        self._records.inc(records)

    def failed(self, error: str) -> None:
        """A call failed."""
        self._failed.labels(error).inc()

    def shards(self, reading: int, known: int) -> None:
        """How many shards are read and known."""
        self._reading.set(reading)
        self._known.set(known)

    def resync_requested(self, reason: str) -> None:
        """A full resync was asked for."""
        self._resyncs.labels(reason).inc()
