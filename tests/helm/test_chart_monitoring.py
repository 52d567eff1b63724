"""Alerts and dashboard: valid queries, of series that the program really has, each alert explained."""

import json
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from gco_stream_reconciler.telemetry.metrics import Metrics
from tests.helm.charts import DOCS, Object, everything, only, render, values
from tests.helm.scrapes import ENDPOINTS, stored, target

RENDERED = render(everything())
RULES: list[dict[str, Any]] = only(RENDERED, "PrometheusRule")["spec"]["groups"][0]["rules"]
NAME = "reconciler-gco-stream-reconciler"
DASHBOARD: dict[str, Any] = json.loads(only(RENDERED, "ConfigMap")["data"][f"{NAME}.json"])
WITHOUT_REGISTRY = {"process_resident_memory_bytes"}
"""From prometheus_client's own collector, which only some platforms have."""


class EmptyQueue:
    """A queue whose readings make every series of queues appear."""

    name = "endpoints"

    def depth(self) -> int:
        return 0

    def oldest_age(self, now: float) -> float:
        return 0.0

    def unfinished_work_seconds(self, now: float) -> float:
        return 0.0

    def longest_running_seconds(self, now: float) -> float:
        return 0.0

    def longest_failing_seconds(self, now: float) -> float:
        return 0.0

    def depth_by_lane(self) -> dict[str, int]:
        return {"live": 0}


def exposed() -> set[str]:
    """Names of all series that a scrape can show, those without samples yet included."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = Metrics(registry, clock=lambda: 0.0)
    metrics.watch_queue(EmptyQueue())
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}
    return {
        family.name + suffix for family in registry.collect() for suffix in suffixes.get(family.type, ("",))
    }


def selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    """Every selector of a query; raises ValueError for one that Prometheus would refuse."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        return True

    promql_parser.walk(promql_parser.parse(query), visit)
    return iter(found)


def panel_queries() -> list[str]:
    return [
        target["expr"].replace("$__rate_interval", "5m")
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in RULES), *panel_queries()])
def test_a_query_is_valid_and_asks_for_series_that_exist(query: str) -> None:
    found = list(selectors(query))
    assert found
    for selector in found:
        assert selector.name in exposed() | WITHOUT_REGISTRY
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert {"namespace", "job"} <= labels


def test_every_alert_says_what_happened_and_has_its_section_in_the_runbook() -> None:
    runbook = (DOCS / "operate.md").read_text("utf-8")
    sections = [line.removeprefix("### ") for line in runbook.splitlines() if line.startswith("### ")]
    assert [rule["alert"] for rule in RULES] == sections
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["labels"]["region"] == "us-east-1"
        assert rule["annotations"].keys() == {"summary", "description"}
        assert len(rule["annotations"]["summary"]) <= 80


def test_alerts_can_be_left_out_labelled_linked_and_added_to() -> None:
    rule = {"alert": "Mine", "expr": "vector(1)"}
    given = values(
        {
            "monitoring": {
                "podMonitor": {"enabled": True},
                "prometheusRule": {
                    "enabled": True,
                    "labels": {"release": "stack", "app.kubernetes.io/name": "stolen"},
                    "alertLabels": {"team": "inference"},
                    "runbookUrl": "https://wiki.example/operate",
                    "disabled": ["GcoTwoLeaders"],
                    "extraRules": [rule],
                },
            }
        }
    )
    made = only(render(given), "PrometheusRule")
    assert made["metadata"]["labels"]["release"] == "stack"
    assert made["metadata"]["labels"]["app.kubernetes.io/name"] == "gco-stream-reconciler"
    rules = {each["alert"]: each for each in made["spec"]["groups"][0]["rules"]}
    assert rules.keys() == {each["alert"] for each in RULES} - {"GcoTwoLeaders"} | {"Mine"}
    assert rules["Mine"] == rule
    leaderless = rules["GcoNoLeader"]
    assert leaderless["labels"] == {"severity": "critical", "region": "us-east-1", "team": "inference"}
    assert leaderless["annotations"]["runbook_url"] == "https://wiki.example/operate#gconoleader"


def test_labels_of_alerts_that_are_given_win_over_the_charts() -> None:
    given = {"severity": "none", "region": "us", "team": "inference"}
    rule = {"enabled": True, "alertLabels": given}
    made = only(
        render(values({"monitoring": {"podMonitor": {"enabled": True}, "prometheusRule": rule}})),
        "PrometheusRule",
    )
    for each in made["spec"]["groups"][0]["rules"]:
        assert each["labels"] == given


def test_alerts_follow_the_job_of_whatever_scrapes() -> None:
    rule: dict[str, Any] = {"enabled": True}
    for monitor in ("serviceMonitor", "podMonitor"):
        made = only(render(values({"monitoring": {monitor: rule, "prometheusRule": rule}})), "PrometheusRule")
        assert jobs(made) == {f"(.+/)?{NAME}"}
    own = values({"monitoring": {"prometheusRule": {**rule, "job": "kubernetes-(pods|services)"}}})
    assert jobs(only(render(own), "PrometheusRule")) == {"kubernetes-(pods|services)"}


def jobs(made: dict[str, Any]) -> set[str]:
    return {
        matcher.value
        for each in made["spec"]["groups"][0]["rules"]
        for selector in selectors(each["expr"])
        for matcher in selector.matchers.matchers
        if matcher.name == "job"
    }


def test_monitors_scrape_the_metrics_of_this_release_only() -> None:
    for made in monitors(interval="15s", labels={"release": "stack"}):
        assert made["metadata"]["labels"]["release"] == "stack"
        assert made["spec"]["namespaceSelector"] == {"matchNames": ["gco-system"]}
        assert made["spec"][ENDPOINTS[made["kind"]]] == [
            {"port": "http", "path": "/metrics", "honorLabels": True, "interval": "15s"}
        ]


def test_a_scrape_keeps_every_label_that_the_program_gives() -> None:
    """The Operator's target label `endpoint` is the port's name; the program's is an endpoint's."""
    own = {label: f"a {label}" for label in labels_of_the_process()}
    assert "endpoint" in own
    for monitor in monitors():
        assert stored(own, monitor).items() >= own.items()


def test_the_program_gives_no_label_that_tells_who_was_scraped() -> None:
    """Honoured, it would hide the target's, which alerts and panels select by."""
    for monitor in monitors():
        assert labels_of_the_process() & target(monitor).keys() == {"endpoint"}


def monitors(**given: Any) -> list[Object]:
    """The chart's ServiceMonitor and its PodMonitor; only one of them can be switched on."""
    switched_on = {"enabled": True, **given}
    return [
        only(render(values({"monitoring": {field: switched_on}})), kind)
        for kind, field in (("ServiceMonitor", "serviceMonitor"), ("PodMonitor", "podMonitor"))
    ]


def labels_of_the_process() -> set[str]:
    """Names of all labels that a scrape can show: of the metrics that are declared, and of the client library's."""
    registry = CollectorRegistry()
    for collector in (GCCollector, PlatformCollector, ProcessCollector):
        collector(registry=registry)
    declared = Metrics(CollectorRegistry(), clock=lambda: 0.0).definitions
    own = {label for definition in declared for label in definition.labels}
    return own | {
        label for family in registry.collect() for sample in family.samples for label in sample.labels
    }


def test_the_dashboards_panels_are_distinct_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    titles = [panel["title"] for panel in panels]
    assert len(titles) == len(set(titles))


def test_grafana_finds_the_dashboard_by_its_label() -> None:
    assert only(RENDERED, "ConfigMap")["metadata"]["labels"]["grafana_dashboard"] == "1"
