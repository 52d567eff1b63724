"""Gauges that are read when a scrape comes, so that the hot path keeps none."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from gco_stream_reconciler.telemetry.instruments import Instruments

Reading = tuple[Sequence[str], float]
"""Label values and the value."""


@dataclass(frozen=True, slots=True)
class ScrapedGauge:
    """A gauge and how its series are read. `read` gives none of them where there is nothing to tell.

    It may be taken piece by piece while the loop goes on, so it must bear changes on the way.
    """

    name: str
    meaning: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[Reading]]


class ScrapedFamily(Metric):
    """A gauge whose readings are made while they are taken.

    Those of ten thousand endpoints at once would be garbage that the collector walks, and samples cost more than text.
    """

    def __init__(self, gauge: ScrapedGauge) -> None:
        self.read = gauge.read
        self.labels = gauge.labels
        super().__init__(gauge.name, gauge.meaning, "gauge")

    @property
    def samples(self) -> list[Sample]:
        """The readings of this moment as the library has them."""
        return [
            Sample(self.name, dict(zip(self.labels, values, strict=True)), value)
            for values, value in self.read()
        ]

    @samples.setter
    def samples(self, value: list[Sample]) -> None:
        """Nothing: the library's constructor sets an empty list."""


def register_scraped(instruments: Instruments, gauges: Sequence[ScrapedGauge]) -> None:
    """Declare them, and show them at every scrape of the instruments' registry."""
    for gauge in gauges:
        instruments.declare(gauge.name, "gauge", gauge.labels, gauge.meaning)
    instruments.registry.register(_ScrapedGauges(gauges))


class _ScrapedGauges(Collector):
    def __init__(self, gauges: Sequence[ScrapedGauge]) -> None:
        self._gauges = tuple(gauges)

    def describe(self) -> Iterable[Metric]:
        """The families, by whose names the registry refuses a second one; nothing is read for that."""
        return [ScrapedFamily(gauge) for gauge in self._gauges]

    def collect(self) -> Iterable[Metric]:
        """The families; whoever takes one reads its series."""
        return [ScrapedFamily(gauge) for gauge in self._gauges]
