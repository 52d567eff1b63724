"""Makes the process's metrics and keeps what each of them is, for the reference in docs/metrics.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

FAST = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Edges for what takes milliseconds when all is well and a minute when nothing is."""

CALLS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Edges for calls over the network, up to the longest deadline."""


@dataclass(frozen=True, slots=True, order=True)
class Definition:
    """A metric as a scrape shows it: a counter's name ends in `_total`, an info's in `_info`."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str


class Instruments:
    """Metrics on one registry. `definitions` holds every one that was made or declared."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.definitions: list[Definition] = []

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """A counter; `name` without `_total`."""
        self.declare(f"{name}_total", "counter", labels, meaning)
        return Counter(name, meaning, labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        """A gauge that is set."""
        self.declare(name, "gauge", labels, meaning)
        return Gauge(name, meaning, labels, registry=self.registry)

    def histogram(
        self, name: str, meaning: str, labels: Sequence[str] = (), *, edges: Sequence[float] = FAST
    ) -> Histogram:
        """A histogram with these upper edges."""
        self.declare(name, "histogram", labels, meaning)
        return Histogram(name, meaning, labels, registry=self.registry, buckets=edges)

    def info(self, name: str, meaning: str, **facts: str) -> None:
        """What never changes, as labels of a 1; `name` without `_info`."""
        self.declare(f"{name}_info", "info", tuple(facts), meaning)
        Info(name, meaning, registry=self.registry).info(facts)

    def declare(self, name: str, type_: str, labels: Sequence[str], meaning: str) -> None:
        """A metric that a collector of its own makes."""
        self.definitions.append(Definition(name, type_, tuple(labels), meaning))
