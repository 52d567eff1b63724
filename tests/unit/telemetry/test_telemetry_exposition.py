"""A scrape's answer in pieces is the library's own text."""

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, generate_latest

from gco_stream_reconciler.endpoints.model import CanaryStatus, RegionStatus, State
from gco_stream_reconciler.telemetry.exposition import pieces
from gco_stream_reconciler.telemetry.instruments import Instruments
from gco_stream_reconciler.telemetry.metrics import Metrics
from gco_stream_reconciler.telemetry.scrape import Reading, ScrapedGauge, register_scraped


def scraped(*readings: Reading, labels: tuple[str, ...]) -> CollectorRegistry:
    registry = CollectorRegistry()
    gauge = ScrapedGauge("gco_read", "What is \\ read\nat a scrape", labels, lambda: readings)
    register_scraped(Instruments(registry), [gauge])
    return registry


def test_every_type_of_metric_reads_as_the_library_writes_it() -> None:
    registry = CollectorRegistry()
    Counter("gco_things", "Things", ["kind"], registry=registry).labels('a "kind"').inc(2)
    Histogram("gco_seconds", "Seconds", registry=registry).observe(0.3)
    Info("gco_build", "Build", registry=registry).info({"version": "1"})
    assert b"".join(pieces(registry)) == generate_latest(registry)


def test_values_and_labels_of_any_text_read_as_the_library_writes_them() -> None:
    odd = ('a "quoted"\\ name\nof two lines', "größe", "", "{},=")
    readings = [
        ((text, "x"), value) for text in odd for value in (0.0, 1, 1.5, 1e-9, 123456789.25, float("inf"))
    ]
    registry = scraped(*readings, labels=("z", "a"))
    assert b"".join(pieces(registry)) == generate_latest(registry)


def test_a_gauge_without_labels_or_without_series_reads_as_the_library_writes_it() -> None:
    for registry in (scraped(((), 3.0), labels=()), scraped(labels=("endpoint",))):
        assert b"".join(pieces(registry)) == generate_latest(registry)


def test_thousands_of_endpoints_come_in_small_pieces() -> None:
    metrics = Metrics(CollectorRegistry(), clock=lambda: 100.0)
    for number in range(2_000):
        canary = CanaryStatus("running", 1, weight_desired=5, weight_applied=5) if number % 10 else None
        metrics.endpoints.show(f"e{number}", RegionStatus(state=State.RUNNING, canary=canary))
    found = list(pieces(metrics.registry))
    assert b"".join(found) == generate_latest(metrics.registry)
    assert max(piece.count(b"\n") for piece in found) <= 500


def test_endpoints_that_come_and_go_during_a_scrape_break_nothing() -> None:
    metrics = Metrics(CollectorRegistry(), clock=lambda: 100.0)
    for number in range(2_000):
        metrics.endpoints.show(f"e{number}", RegionStatus(state=State.RUNNING))
    found = []
    for turn, piece in enumerate(pieces(metrics.registry)):
        found.append(piece)
        metrics.endpoints.forget(f"e{turn}")
        metrics.endpoints.show(f"new{turn}", RegionStatus(state=State.RUNNING))
    lines = b"".join(found).decode().splitlines()
    series = [line.split(" ")[0] for line in lines if line.startswith("gco_endpoint_exposure{")]
    assert 1_900 <= len(series) <= 2_100
    assert len(series) == len(set(series))
