"""Gauges that are read when a scrape comes, so that the hot path keeps none."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gco_stream_reconciler.telemetry.instruments import Instruments

Reading = tuple[Sequence[str], float]
"""Label values and the value."""


@dataclass(frozen=True, slots=True)
class ScrapedGauge:
    """A gauge and how its series are read. `read` gives none of them where there is nothing to tell."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[Reading]]


class ScrapedGauges(Collector):
    """Several of them, on the instruments' registry from the start."""

    def __init__(self, instruments: Instruments, gauges: Sequence[ScrapedGauge]) -> None:
        self._gauges = tuple(gauges)
        for gauge in gauges:
            instruments.declare(gauge.name, "gauge", gauge.labels, gauge.meaning)
        instruments.registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """The families without series, by which the registry refuses a second one of a name."""
        return [_family(gauge) for gauge in self._gauges]

    def collect(self) -> Iterable[Metric]:
        """The families with the series of this moment."""
        for gauge in self._gauges:
            family = _family(gauge)
            for labels, value in gauge.read():
                family.add_metric(labels, value)
            yield family


def _family(gauge: ScrapedGauge) -> GaugeMetricFamily:
    return GaugeMetricFamily(gauge.name, gauge.meaning, labels=gauge.labels)
