"""What a scrape answers, in pieces: of ten thousand endpoints the whole text takes longer than the loop may stand still.

The text is the one that the library's `generate_latest` makes (exposition format 0.0.4,
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gco_stream_reconciler.telemetry.scrape import Reading, ScrapedFamily

_PIECE_LINES = 500


def pieces(registry: CollectorRegistry) -> Iterator[bytes]:
    """Every metric, each series as it is when its turn comes; some milliseconds' worth at a time."""
    for family in registry.collect():
        if not isinstance(family, ScrapedFamily):
            yield generate_latest(_Only(family))
            continue
        yield generate_latest(_Only(Metric(family.name, family.documentation, family.type)))
        readings = iter(family.read())
        while piece := tuple(islice(readings, _PIECE_LINES)):
            yield _lines(family, piece)


class _Only(Collector):
    """One family."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        """It."""
        return [self._family]


def _lines(family: ScrapedFamily, readings: Iterable[Reading]) -> bytes:
    # Sorted, as the library has them.
    labels = sorted((label, place) for place, label in enumerate(family.labels))
    return "".join(
        f"{family.name}{_braced(labels, values)} {_number(value)}\n" for values, value in readings
    ).encode()


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call] # the library's function states no types


def _braced(labels: Iterable[tuple[str, int]], values: Sequence[str]) -> str:
    text = ",".join(f'{label}="{_escaped(values[place])}"' for label, place in labels)
    return f"{{{text}}}" if text else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
