"""What a scrape gives: every series once, every label bounded, endpoints' names only where they can be switched off."""

from collections import Counter

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from docs.tools.metrics import exercise, series_of
from gco_stream_reconciler.telemetry.metrics import Metrics
from gco_stream_reconciler.workqueue.queue import WorkQueue

NAMED = {
    "gco_endpoint_exposure",
    "gco_endpoint_zero_ready_seconds",
    "gco_endpoint_canary_weight_wanted",
    "gco_endpoint_canary_weight_applied",
}


class Middle:
    def uniform(self, a: float, b: float, /) -> float:
        return (a + b) / 2


class Reading:
    def unpolled_seconds(self) -> float:
        return 0.5

    def lag_seconds(self) -> float:
        return 1.5


def measured(*, endpoint_metrics: bool = True, endpoints: int = 3) -> Metrics:
    """Metrics after one measurement of every kind."""
    metrics = Metrics(CollectorRegistry(), clock=lambda: 100.0, endpoint_metrics=endpoint_metrics)
    for name in ("endpoints", "status"):
        queue = WorkQueue(name=name, clock=lambda: 100.0, random=Middle(), observer=metrics.queue(name))
        metrics.watch_queue(queue)
    metrics.watch_stream(Reading())
    metrics.watch_cache(lambda: {"Deployment": 3, "Service": 3})
    metrics.controller.reconciled("success", 0.1)
    metrics.controller.retried("UnavailableError")
    metrics.controller.applied("Deployment", "drift")
    metrics.controller.drift_corrected("Deployment", "spec.template")
    metrics.controller.deleted("Ingress")
    metrics.controller.item_written("promote", "success")
    metrics.controller.status_written("success")
    metrics.controller.resynced("success", 1.0, 3)
    metrics.stream.failed("ThrottledError")
    metrics.stream.resync_requested("start")
    metrics.informer.listed("Deployment", "one", 3, 0.1)
    metrics.informer.watch_ended("Deployment", "one", "ended")
    metrics.informer.failed("Deployment", "one", "UnavailableError")
    metrics.leadership.failed("renew")
    metrics.kubernetes.called("get", "200", 0.1)
    metrics.aws.called("GetItem", "success", 0.1)
    exercise(metrics, endpoints)
    return metrics


def exposition(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


@pytest.mark.parametrize("endpoint_metrics", [True, False])
def test_prometheus_parses_the_exposition_and_finds_no_series_twice(*, endpoint_metrics: bool) -> None:
    text = exposition(measured(endpoint_metrics=endpoint_metrics))
    families = list(text_string_to_metric_families(text))
    names = Counter(family.name for family in families)
    assert [name for name, count in names.items() if count > 1] == []
    series = Counter(
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in families
        for sample in family.samples
    )
    assert [one for one, count in series.items() if count > 1] == []


def test_every_family_is_defined_with_exactly_the_labels_that_its_series_have() -> None:
    metrics = measured()
    defined = {each.name.removesuffix("_total").removesuffix("_info"): each for each in metrics.definitions}
    assert len(defined) == len(metrics.definitions)
    for family in metrics.registry.collect():
        definition = defined[family.name]
        assert family.samples, f"{family.name}: measure it in this test"
        assert family.type in (definition.type, "info", "gauge")
        assert definition.meaning == family.documentation
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(definition.labels), sample.name


def test_endpoints_names_are_labels_only_of_the_gauges_that_can_be_switched_off() -> None:
    on = {each.name for each in measured().definitions if "endpoint" in each.labels}
    off = {each.name for each in measured(endpoint_metrics=False).definitions if "endpoint" in each.labels}
    assert on == NAMED
    assert off == set()
    assert "endpoint-0" not in exposition(measured(endpoint_metrics=False))


def test_a_thousand_endpoints_are_a_few_thousand_series_or_none() -> None:
    base = series_of(0, endpoint_metrics=True)
    on, off = (series_of(1000, endpoint_metrics=each) for each in (True, False))
    print(f"series at 1,000 endpoints: {on} with the gauges of each, {off} without; {base} at none")  # noqa: T201
    assert on - base == 2 * 1000 + 2 * 100 + 1
    assert off - base == 1


def test_two_metrics_of_one_name_are_refused() -> None:
    metrics = measured()
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics(metrics.registry, clock=lambda: 0.0)
